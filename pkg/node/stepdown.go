package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/netsy-io/netsy/pkg/logevent"
	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/peerapi"
	"github.com/netsy-io/netsy/pkg/primary"
	"github.com/netsy-io/netsy/pkg/record"
)

// handOverTimeout bounds a hand-over on request, during which clients' writes wait: half of
// what they wait for a Primary, so that they are still there if the reign goes on.
const handOverTimeout = 5 * time.Second

// StepDown ends this node's reign of epoch on request: like a stop, but the node stays, and
// lets electors know whom it wishes in its place. What it refuses is a
// *peerapi.StepDownRefused: the reign goes on.
func (p peerNode) StepDown(ctx context.Context, successor string, epoch record.Epoch) (*pb.StepDownResponse, error) {
	n := p.n
	r, _ := n.state.current()
	if r == nil || r.Epoch() != epoch {
		return nil, n.notPrimary(epoch)
	}
	if err := n.mayStepDown(successor); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, handOverTimeout)
	defer cancel()
	defer n.untilStopping(cancel)()

	wish := &pb.Resignation{Epoch: int64(epoch), Successor: successor}
	if !n.state.beginHandOver(r, wish) {
		return nil, refused(pb.StepDownRefusal_REASON_BUSY, errors.New("node: it hands over or stops already"))
	}
	n.log.Info("stepping down on request", "event", logevent.PrimarySteppingDown, "epoch", epoch, "successor", successor)
	if err := r.HandOver(ctx, successor); err != nil {
		now := n.state.endHandOver(r)
		n.log.Warn("did not step down", "event", logevent.PrimaryStepDownFailed, "epoch", epoch, "successor", successor, "error", err)
		return nil, n.handOverFailed(epoch, err, now)
	}
	tail := n.mvcc.Tail()
	return &pb.StepDownResponse{Epoch: int64(epoch), Tail: &pb.Pos{Epoch: int64(tail.Epoch), Revision: int64(tail.Revision)}}, nil
}

// mayStepDown refuses what can be known to be pointless before anything is disturbed.
func (n *Node) mayStepDown(successor string) error {
	_, _, _, cs := n.state.view()
	known := slices.ContainsFunc(cs.Members, func(m *pb.Member) bool { return m.NodeId == successor })
	switch {
	case successor == n.o.NodeID:
		return refused(pb.StepDownRefusal_REASON_SELF, fmt.Errorf("node: %s is the Primary", successor))
	case successor != "" && !known:
		return refused(pb.StepDownRefusal_REASON_UNKNOWN_NODE, fmt.Errorf("node: %q is not a member of the cluster", successor))
	case n.alone():
		return refused(pb.StepDownRefusal_REASON_ALONE, errors.New("node: no other node is a member of the cluster"))
	case !n.heardLately():
		return refused(pb.StepDownRefusal_REASON_NO_ELECTOR, errors.New("node: no elector has been heard lately, so nobody would be elected"))
	}
	return nil
}

// handOverFailed is what a failed hand-over of a reign is to whoever asked for it: a refusal
// unless it isn't known whether the reign goes on.
func (n *Node) handOverFailed(epoch record.Epoch, err error, now afterHandOver) error {
	switch {
	case errors.Is(err, primary.ErrMayEnd):
		return err
	case now == isOver:
		return n.notPrimary(epoch) // it ended for another reason
	case now == stops:
		return refused(pb.StepDownRefusal_REASON_BUSY, fmt.Errorf("node: it stops, and hands over as it does: %w", err))
	}
	for is, reason := range map[error]pb.StepDownRefusal_Reason{
		primary.ErrNoHeir: pb.StepDownRefusal_REASON_ALONE, primary.ErrUnfitHeir: pb.StepDownRefusal_REASON_UNFIT,
		primary.ErrHeirBehind: pb.StepDownRefusal_REASON_BEHIND, primary.ErrNotFlushed: pb.StepDownRefusal_REASON_STORAGE_AWAY,
	} {
		if errors.Is(err, is) {
			return refused(reason, err)
		}
	}
	return refused(pb.StepDownRefusal_REASON_BUSY, err) // another hand-over, or nothing was begun
}

func (n *Node) notPrimary(epoch record.Epoch) error {
	_, _, _, cs := n.state.view()
	e := refused(pb.StepDownRefusal_REASON_NOT_PRIMARY, fmt.Errorf("%w of epoch %d", primary.ErrNotPrimary, epoch))
	if cs.Primary.GetNodeId() != n.o.NodeID {
		e.Primary = cs.Primary
	}
	return e
}

func refused(reason pb.StepDownRefusal_Reason, err error) *peerapi.StepDownRefused {
	return &peerapi.StepDownRefused{Reason: reason, Err: err}
}

// untilStopping calls f once the node begins to stop, until the function that it returns
// has been called.
func (n *Node) untilStopping(f func()) (end func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() { // ends with end
		defer close(ended)
		select {
		case <-n.state.stopping:
			f()
		case <-done:
		}
	}()
	return func() { close(done); <-ended }
}

// beginHandOver says that r drains and, before it is over, whom it wishes in its place.
func (s *state) beginHandOver(r *primary.Reign, wish *pb.Resignation) (ok bool) {
	s.update(func(s *state) {
		if ok = s.reign == r && s.role == pb.PrimaryState_PRIMARY_STATE_ACTIVE && !s.isStopping(); ok {
			s.role, s.resigned, s.handing = pb.PrimaryState_PRIMARY_STATE_DRAINING, wish, true
		}
	})
	return ok
}

// afterHandOver is what has become of a reign whose hand-over failed.
type afterHandOver string

const (
	goesOn afterHandOver = "it goes on"
	stops  afterHandOver = "the node stops"
	isOver afterHandOver = "it is over"
)

// endHandOver takes that back, and makes r active again if it goes on.
func (s *state) endHandOver(r *primary.Reign) (now afterHandOver) {
	s.update(func(s *state) {
		s.resigned = nil
		switch {
		case s.stops():
			now = stops
		case s.reign != r || r.Err() != nil:
			now = isOver
		default:
			now, s.role, s.handing = goesOn, pb.PrimaryState_PRIMARY_STATE_ACTIVE, false
		}
	})
	return now
}

// ending says whether the node stops, or else steps down as Primary on request, and stays.
func (s *state) ending() (stopping, handsOver bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stops(), s.handing && !s.stops()
}

// stops, with the lock held: the node is told to, even if not all know yet: the governor
// may be the first to.
func (s *state) stops() bool {
	return s.isStopping() || s.role == pb.PrimaryState_PRIMARY_STATE_DRAINING && !s.handing
}

// resignation is the last one that stands.
func (s *state) resignation() *pb.Resignation {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.resigned == nil {
		return nil
	}
	return proto.CloneOf(s.resigned)
}

// unflushed is what the active Primary has not brought into the object log; nil if this
// node isn't that.
func (n *Node) unflushed() *pb.Unflushed {
	r, _ := n.state.current()
	if r == nil {
		return nil
	}
	u := r.Unflushed()
	return &pb.Unflushed{Revisions: u.Revisions, Bytes: u.Bytes, OldestAgeNanos: int64(u.Age)}
}
