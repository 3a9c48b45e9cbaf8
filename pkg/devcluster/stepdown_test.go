package devcluster_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/devcluster"
	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/node"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
	"github.com/netsy-io/netsy/pkg/peerapi"
	"github.com/netsy-io/netsy/pkg/registry"
)

// stepDown asks the Primary to step down, and waits until another node is active.
func stepDown(t *testing.T, c *devcluster.Cluster, to string) (from, then *node.Node) {
	t.Helper()
	i, doc := primaryOf(t, c)
	from = c.Node(i)
	epoch, began := int64(doc.Epoch), time.Now()
	resp, err := from.PeerServer().StepDown(t.Context(), &pb.StepDownRequest{Successor: to, Epoch: epoch})
	if err != nil || resp.Epoch != epoch || resp.GetTail().GetRevision() == 0 {
		t.Fatal(resp, err)
	}
	drained := time.Since(began)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		for i := range c.Endpoints() {
			s, err := c.Node(i).PeerServer().GetNodeState(ctx, &pb.GetNodeStateRequest{})
			if err == nil && s.PrimaryState == pb.PrimaryState_PRIMARY_STATE_ACTIVE && s.ServedEpoch > epoch {
				t.Logf("wished for %q: %s is active in epoch %d after %v (%v to drain)", to, s.NodeId, s.ServedEpoch, time.Since(began), drained)
				if to != "" && s.NodeId != to || s.ServedEpoch != epoch+1 {
					t.Errorf("wished for %q after epoch %d: %s in epoch %d", to, epoch, s.NodeId, s.ServedEpoch)
				}
				return from, c.Node(i)
			}
		}
		if ctx.Err() != nil {
			t.Fatal("nobody is active again")
		}
		time.Sleep(time.Millisecond)
	}
}

// The Primary is passed around under load: to each node by name, and to any. Nothing that
// was acknowledged is lost, every write succeeds, if not at the first try (one may be under
// way to the old Primary as the node it came through turns to the new one), and nobody
// ceases to be a voter.
func TestStepDown(t *testing.T) {
	c := start(t, devcluster.Options{Dir: t.TempDir(), Nodes: 3})
	awaitMode(t, c, registry.ModeQuorum, 3)
	l := startLoad(t, c, func() []int { return []int{0, 1, 2} })
	wrote := func() {
		for before := l.wrote.Load(); l.wrote.Load() < before+100; {
			time.Sleep(5 * time.Millisecond)
		}
	}
	for _, to := range []string{"node-2", "node-3", "node-1", "", "", ""} {
		wrote()
		if i, _ := primaryOf(t, c); i >= 0 && to == fmt.Sprintf("node-%d", i+1) {
			continue
		}
		if from, then := stepDown(t, c, to); from == then {
			t.Error("the one that stepped down is Primary again")
		}
		wrote()
		if doc := awaitMode(t, c, registry.ModeQuorum, 3); len(doc.Durability.Voters) != 3 {
			t.Errorf("%+v", doc.Durability)
		}
	}
	l.stop()
	t.Logf("%d writes, %d failed tries", l.wrote.Load(), l.fails.Load())
	for i := range 3 {
		l.check(t, c, i)
	}
}

func TestStepDownRefused(t *testing.T) {
	c := start(t, devcluster.Options{Dir: t.TempDir(), Nodes: 1, MaxNodes: 2})
	refused := func(n *node.Node, to string, epoch int64, want pb.StepDownRefusal_Reason) *peerapi.StepDownRefused {
		t.Helper()
		_, err := n.PeerServer().StepDown(t.Context(), &pb.StepDownRequest{Successor: to, Epoch: epoch})
		r, ok := peerapi.Refusal(err)
		if !ok || r.Reason != want {
			t.Fatalf("%v, want %v", err, want)
		}
		return r
	}
	_, doc := primaryOf(t, c)
	epoch := int64(doc.Epoch)
	refused(c.Node(0), "node-1", epoch, pb.StepDownRefusal_REASON_SELF)
	refused(c.Node(0), "node-2", epoch, pb.StepDownRefusal_REASON_UNKNOWN_NODE)
	refused(c.Node(0), "", epoch, pb.StepDownRefusal_REASON_ALONE)
	refused(c.Node(0), "", epoch+1, pb.StepDownRefusal_REASON_NOT_PRIMARY)
	if err := c.StartNode(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	awaitMode(t, c, registry.ModeQuorum, 2)
	if r := refused(c.Node(1), "", epoch, pb.StepDownRefusal_REASON_NOT_PRIMARY); r.Primary.GetNodeId() != "node-1" {
		t.Errorf("%+v", r)
	}
	if err := c.StopNode(1); err != nil {
		t.Fatal(err)
	}
	awaitMode(t, c, registry.ModeObjectStorage, 1)
	if _, err := c.Node(0).PeerServer().StepDown(t.Context(), &pb.StepDownRequest{Epoch: epoch}); err == nil {
		t.Error("stepped down for nobody")
	}
	put(t, dial(t, c), "k", "v", 0)
}

// away is a cluster whose Primary has a write that object storage doesn't take.
func away(t *testing.T) (c *devcluster.Cluster, all *fault.Store, i int, epoch int64) {
	t.Helper()
	c = start(t, devcluster.Options{Dir: t.TempDir(), Nodes: 3, Wrap: func(s objectstore.Store) objectstore.Store {
		all = fault.New(s)
		return all
	}})
	awaitMode(t, c, registry.ModeQuorum, 3)
	write(t, c, 0, "k")
	i, doc := primaryOf(t, c)
	all.Inject(fault.If(fault.Puts("chunks/"), fault.Fail(objectstore.ErrUnavailable)))
	return c, all, i, int64(doc.Epoch)
}

// askToStepDown does so, and returns once the node hands over.
func askToStepDown(t *testing.T, n *node.Node, epoch int64) <-chan error {
	t.Helper()
	answer := make(chan error, 1)
	go func() {
		_, err := n.PeerServer().StepDown(t.Context(), &pb.StepDownRequest{Epoch: epoch})
		answer <- err
	}()
	for {
		changed := n.Changed()
		switch r := n.Readiness(); {
		case r.Warning.Code == node.CodeHandingOver:
			return answer
		case !r.OK():
			t.Fatal(r.Line())
		}
		select {
		case <-changed:
		case <-t.Context().Done():
			t.Fatal("it doesn't begin to hand over")
		}
	}
}

// A hand-over that fails leaves the Primary ready all along, active, and without a wish.
func TestStepDownThatFails(t *testing.T) {
	c, all, i, epoch := away(t)
	n := c.Node(i)
	if r, ok := peerapi.Refusal(<-askToStepDown(t, n, epoch)); !ok || r.Reason != pb.StepDownRefusal_REASON_STORAGE_AWAY {
		t.Fatal(r)
	}
	s, err := n.PeerServer().GetNodeState(t.Context(), &pb.GetNodeStateRequest{})
	if err != nil || s.PrimaryState != pb.PrimaryState_PRIMARY_STATE_ACTIVE || s.Resigned != nil || n.Readiness() != (node.Readiness{Code: node.CodeOK}) {
		t.Errorf("%v, %v, %s", s, err, n.Readiness().Line())
	}
	write(t, c, i, "k2") // by receipts, with object storage away still
	all.Heal()
	stepDown(t, c, "")
}

// A node that is told to stop while it hands over stops, and doesn't say that it goes on.
func TestStopDuringStepDown(t *testing.T) {
	c, all, i, epoch := away(t)
	answer := askToStepDown(t, c.Node(i), epoch)
	stopped := make(chan error, 1)
	go func() { stopped <- c.StopNode(i) }()
	if r, ok := peerapi.Refusal(<-answer); !ok || r.Reason != pb.StepDownRefusal_REASON_BUSY {
		t.Error(r)
	}
	all.Heal()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	write(t, c, (i+1)%3, "by another")
}
