package peerapi

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeNode records what the peer port passes on.
type fakeNode struct {
	leaving      bool
	leavingHeard int
	changed      chan struct{}
	leases       []lease
	prepare      func(record.Epoch) (*pb.NodeState, error)
	follow       func(peer string, stream pb.Peer_FollowServer) error
	forward      func(pb.Peer_ForwardServer) error
	remove       func(registry.NodeRef) error
	stepDown     func(string, record.Epoch) (*pb.StepDownResponse, error)
}

type lease struct {
	epoch record.Epoch
	sent  time.Time
	d     time.Duration
}

func newFakeNode() *fakeNode { return &fakeNode{changed: make(chan struct{})} }

func (n *fakeNode) State() *pb.NodeState          { return &pb.NodeState{NodeId: "node-1", Leaving: n.leaving} }
func (n *fakeNode) Changed() <-chan struct{}      { return n.changed }
func (n *fakeNode) ClusterState(*pb.ClusterState) {}
func (n *fakeNode) PrepareEpoch(_ context.Context, e record.Epoch) (*pb.NodeState, error) {
	return n.prepare(e)
}
func (n *fakeNode) Answered(leaving bool) {
	if leaving {
		n.leavingHeard++
	}
}

func (n *fakeNode) ReadLease(epoch record.Epoch, sent time.Time, d time.Duration) {
	n.leases = append(n.leases, lease{epoch, sent, d})
}
func (n *fakeNode) Follow(peer string, s pb.Peer_FollowServer) error { return n.follow(peer, s) }
func (n *fakeNode) Forward(s pb.Peer_ForwardServer) error            { return n.forward(s) }
func (n *fakeNode) StepDown(_ context.Context, to string, e record.Epoch) (*pb.StepDownResponse, error) {
	return n.stepDown(to, e)
}
func (n *fakeNode) RemoveVoter(_ context.Context, ref registry.NodeRef) error { return n.remove(ref) }

// sink takes heartbeats and, when told so, fails.
type sink struct {
	got  []*pb.Heartbeat
	at   []time.Time
	fail error
}

func (s *sink) Send(h *pb.Heartbeat) error {
	s.got, s.at = append(s.got, h), append(s.at, time.Now())
	return s.fail
}

// A lease runs from when its heartbeat was sent, however late the answer comes, and
// an answer to a heartbeat that wasn't sent, or was answered before, grants nothing.
func TestLeasesRunFromTheHeartbeat(t *testing.T) {
	n := newFakeNode()
	h := &heartbeats{node: n, sent: map[uint64]sentBeat{}}
	t0 := time.Now()
	first := h.next(t0)
	second := h.next(t0.Add(time.Second))
	answer := func(seq uint64) {
		h.answered(&pb.HeartbeatReply{Seq: seq, Lease: &pb.ReadLease{Epoch: 7, DurationNanos: int64(4 * time.Second)}})
	}
	answer(second.Seq)
	answer(first.Seq)
	answer(first.Seq)
	answer(99)
	h.answered(&pb.HeartbeatReply{Seq: h.next(t0).Seq}) // without a lease
	want := []lease{{7, t0.Add(time.Second), 4 * time.Second}, {7, t0, 4 * time.Second}}
	if len(n.leases) != 2 || n.leases[0] != want[0] || n.leases[1] != want[1] {
		t.Fatalf("%v, want %v", n.leases, want)
	}
}

func TestUnansweredHeartbeatsAreForgotten(t *testing.T) {
	n := newFakeNode()
	h := &heartbeats{node: n, sent: map[uint64]sentBeat{}}
	for range 10 * maxUnanswered {
		h.next(time.Now())
	}
	if len(h.sent) > maxUnanswered {
		t.Fatalf("%d are remembered, at most %d should be", len(h.sent), maxUnanswered)
	}
	h.answered(&pb.HeartbeatReply{Seq: 1, Lease: &pb.ReadLease{Epoch: 1, DurationNanos: 1}})
	if len(n.leases) != 0 {
		t.Fatal("an answer to a forgotten heartbeat granted a lease")
	}
}

func TestHeartbeatsComeAtOnceAtIntervalsAndOnChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		n, s := newFakeNode(), &sink{}
		h := &heartbeats{node: n, sent: map[uint64]sentBeat{}}
		begin := time.Now()
		done := make(chan error, 1)
		go func() { done <- h.send(ctx, s, time.Second) }()
		time.Sleep(1500 * time.Millisecond)
		synctest.Wait()
		old := n.changed
		n.changed = make(chan struct{})
		close(old)
		synctest.Wait()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		var after []time.Duration
		for _, at := range s.at {
			after = append(after, at.Sub(begin))
		}
		if len(after) != 3 || after[0] != 0 || after[1] != time.Second || after[2] != 1500*time.Millisecond {
			t.Fatalf("heartbeats after %v", after)
		}
		for i, hb := range s.got {
			if hb.Seq != uint64(i+1) || hb.State.NodeId != "node-1" {
				t.Fatal(hb)
			}
		}
	})
}

func TestLeavingIsHeardOnceAnswered(t *testing.T) {
	n := newFakeNode()
	h := &heartbeats{node: n, sent: map[uint64]sentBeat{}}
	before := h.next(time.Now())
	n.leaving = true
	said := h.next(time.Now())
	h.answered(&pb.HeartbeatReply{Seq: before.Seq})
	if n.leavingHeard != 0 {
		t.Fatal("the answer to a heartbeat that didn't say it")
	}
	h.answered(&pb.HeartbeatReply{Seq: said.Seq})
	h.answered(&pb.HeartbeatReply{Seq: said.Seq}) // again: no heartbeat waits for it
	if n.leavingHeard != 1 {
		t.Fatal("not heard")
	}
}
