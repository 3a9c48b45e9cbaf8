package recovery

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/elector"
	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
	"github.com/netsy-io/netsy/pkg/objectstore/memstore"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// bed is a cluster of documents and answers.
type bed struct {
	store  *fault.Store
	reg    *registry.Registry
	states map[string]*peerpb.NodeState
}

var errSilent = errors.New("connection refused")

func newBed(t *testing.T) *bed {
	t.Helper()
	b := &bed{store: fault.New(memstore.New(time.Now)), states: map[string]*peerpb.NodeState{}}
	b.reg = registry.New(b.store, "c1")
	if _, err := b.reg.EnsureCluster(t.Context(), registry.QuorumMajority); err != nil {
		t.Fatal(err)
	}
	voters := []registry.NodeRef{ref(1, "1"), ref(2, "1"), ref(3, "1")}
	for _, v := range voters {
		n := registry.Node{NodeID: v.NodeID, Incarnation: v.Incarnation, StartCount: 1, ClientURLs: []string{"https://h:1"}, PeerURLs: []string{"https://h:2"}}
		if err := b.reg.RegisterNode(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.reg.UpdateCluster(t.Context(), func(c *registry.Cluster) error {
		c.Epoch, c.Primary = 4, voters[0]
		c.Durability = registry.Durability{Mode: registry.ModeQuorum, Quorum: -1, Voters: voters}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	plant(t, b.store, 4, 1, 5)
	b.answer(ref(2, "1"), record.Pos{Epoch: 4, Revision: 7})
	return b
}

func (b *bed) answer(n registry.NodeRef, tail record.Pos) *peerpb.NodeState {
	s := &peerpb.NodeState{NodeId: n.NodeID, Incarnation: n.Incarnation, Health: peerpb.Health_HEALTH_HEALTHY,
		PrimaryState: peerpb.PrimaryState_PRIMARY_STATE_REPLICA, Tail: &peerpb.Pos{Epoch: int64(tail.Epoch), Revision: int64(tail.Revision)}}
	b.states[n.NodeID] = s
	return s
}

func (b *bed) ask(_ context.Context, n registry.Node) (*peerpb.NodeState, error) {
	if s := b.states[n.NodeID]; s != nil {
		return s, nil
	}
	return nil, errSilent
}

func (b *bed) look(t *testing.T) Findings {
	t.Helper()
	f, err := Look(t.Context(), b.store, b.reg, b.ask)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestRecover(t *testing.T) {
	b := newBed(t)
	f := b.look(t)
	if f.Decision.Verdict != Needed || f.Held() != (record.Pos{Epoch: 4, Revision: 7}) || f.End.Last.Revision != 5 {
		t.Fatalf("%+v", f)
	}
	if len(f.Nodes) != 3 || !errors.Is(f.Nodes[0].Err, errSilent) || f.Nodes[1].Answer == nil || f.Nodes[2].Answer != nil {
		t.Fatalf("%+v", f.Nodes)
	}
	c, err := Recover(t.Context(), b.reg, f)
	if err != nil {
		t.Fatal(err)
	}
	now, err := b.reg.Cluster(t.Context())
	if err != nil || now.WriteID != c.WriteID || now.Epoch != 5 || !now.Primary.IsZero() || now.Office != f.Cluster.Office ||
		!now.Durability.Equal(registry.Durability{Mode: registry.ModeQuorum, Quorum: 0, Voters: []registry.NodeRef{ref(2, "1")}}) {
		t.Errorf("%+v, %v", now, err)
	}
	// The lost reign can't swap anything any more.
	if _, err := b.reg.UpdateAsPrimary(t.Context(), 4, ref(1, "1"), func(*registry.Cluster) error { return nil }); !errors.Is(err, registry.ErrDeposed) {
		t.Errorf("the lost Primary: %v", err)
	}
	if f := b.look(t); f.Decision.Verdict != EnoughAnswer {
		t.Errorf("afterwards: %+v", f.Decision)
	}
}

// Nobody is left: any new node will do.
func TestRecoverWithNobodyLeft(t *testing.T) {
	b := newBed(t)
	b.states = nil
	c, err := Recover(t.Context(), b.reg, b.look(t))
	if err != nil || len(c.Durability.Voters) != 0 || c.Durability.Mode != registry.ModeObjectStorage {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestRecoverRefuses(t *testing.T) {
	for name, change := range map[string]func(b *bed){
		"enough answer":    func(b *bed) { b.answer(ref(3, "1"), record.Pos{}).Health = peerpb.Health_HEALTH_DEGRADED },
		"a Primary":        func(b *bed) { b.states["n2"].PrimaryState = peerpb.PrimaryState_PRIMARY_STATE_ACTIVE },
		"starting":         func(b *bed) { b.states["n2"].PrimaryState = peerpb.PrimaryState_PRIMARY_STATE_STARTING },
		"state not stated": func(b *bed) { b.states["n2"].PrimaryState = peerpb.PrimaryState_PRIMARY_STATE_UNSPECIFIED },
		"mode": func(b *bed) {
			if _, err := b.reg.UpdateCluster(context.Background(), func(c *registry.Cluster) error {
				c.Durability.Mode = registry.ModeObjectStorage
				return nil
			}); err != nil {
				panic(err)
			}
		},
	} {
		b := newBed(t)
		change(b)
		before, _ := b.reg.Cluster(t.Context())
		if _, err := Recover(t.Context(), b.reg, b.look(t)); !errors.Is(err, ErrNotNeeded) {
			t.Errorf("%s: %v", name, err)
		}
		if now, _ := b.reg.Cluster(t.Context()); now.WriteID != before.WriteID {
			t.Errorf("%s: wrote", name)
		}
	}
}

// Whatever changed since the look, nothing is done.
func TestRecoverAfterAChange(t *testing.T) {
	b := newBed(t)
	f := b.look(t)
	if _, err := b.reg.UpdateCluster(t.Context(), func(*registry.Cluster) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := Recover(t.Context(), b.reg, f); !errors.Is(err, registry.ErrConflict) {
		t.Errorf("%v", err)
	}
}

func TestRecoverWithUnknownOutcome(t *testing.T) {
	b := newBed(t)
	b.store.Inject(fault.Once(fault.Puts(registry.ClusterKey), fault.Fail(objectstore.ErrUnknownOutcome)))
	if _, err := Recover(t.Context(), b.reg, b.look(t)); !errors.Is(err, registry.ErrUnknownOutcome) {
		t.Errorf("%v", err)
	}
}

// An answer that isn't the node's own is no answer.
func TestStrangersAnswer(t *testing.T) {
	b := newBed(t)
	b.states["n1"] = &peerpb.NodeState{NodeId: "n7", Incarnation: "1"}
	b.states["n3"] = &peerpb.NodeState{NodeId: "n3"}
	f := b.look(t)
	if f.Nodes[0].Err == nil || f.Nodes[2].Err == nil || f.Decision.Verdict != Needed {
		t.Errorf("%+v", f)
	}
	if !slices.Equal(f.Decision.Answering, []registry.NodeRef{ref(2, "1")}) {
		t.Errorf("%+v", f.Decision)
	}
}

// A damaged registration hides no other node, and is reported.
func TestDamagedRegistration(t *testing.T) {
	b := newBed(t)
	put(t, b.store, registry.NodeKey("n3"), []byte("{"))
	if f := b.look(t); len(f.Problems) != 1 || len(f.Nodes) != 2 {
		t.Errorf("%+v", f)
	}
}

// The election after a recovery needs every heir: the first to answer is not enough.
func TestElectionAfterRecoveryAsksEveryHeir(t *testing.T) {
	for n := 1; n <= 4; n++ {
		var heirs []registry.NodeRef
		for i := range n {
			heirs = append(heirs, ref(i, "1"))
		}
		rule := ruleAfter(heirs)
		for answered := range 1 << n {
			var who []registry.NodeRef
			for i := range n {
				if answered>>i&1 != 0 {
					who = append(who, heirs[i])
				}
			}
			if got, want := elector.EnoughPromises(rule, who), len(who) == n; got != want {
				t.Errorf("%d heirs, %v promised: %v", n, who, got)
			}
		}
	}
	if !elector.EnoughPromises(ruleAfter(nil), []registry.NodeRef{ref(1, "1")}) {
		t.Error("without heirs any node will do")
	}
}
