package node

import (
	"context"
	"errors"
	"fmt"
	"testing"

	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/peerapi"
	"github.com/netsy-io/netsy/pkg/primary"
)

// Whatever a hand-over fails with, and whatever has become of the reign: only what isn't
// known is left open, and only a reign that goes on is said to.
func TestHandOverFailed(t *testing.T) {
	reasons := map[error]pb.StepDownRefusal_Reason{
		primary.ErrBusy: pb.StepDownRefusal_REASON_BUSY, primary.ErrNoHeir: pb.StepDownRefusal_REASON_ALONE,
		primary.ErrUnfitHeir: pb.StepDownRefusal_REASON_UNFIT, primary.ErrHeirBehind: pb.StepDownRefusal_REASON_BEHIND,
		primary.ErrNotFlushed: pb.StepDownRefusal_REASON_STORAGE_AWAY, primary.ErrMayEnd: 0,
		context.DeadlineExceeded: pb.StepDownRefusal_REASON_BUSY, // before anything was begun
	}
	n := &Node{o: Options{NodeID: "n"}, state: newState()}
	defer n.state.close()
	for cause, reason := range reasons {
		for now, want := range map[afterHandOver]pb.StepDownRefusal_Reason{
			goesOn: reason, stops: pb.StepDownRefusal_REASON_BUSY, isOver: pb.StepDownRefusal_REASON_NOT_PRIMARY,
		} {
			err := n.handOverFailed(4, fmt.Errorf("%w (%w)", cause, context.Canceled), now)
			var refused *peerapi.StepDownRefused
			switch definite := errors.As(err, &refused); {
			case definite != (reason != 0):
				t.Errorf("%v, %v: %v", cause, now, err)
			case definite && refused.Reason != want:
				t.Errorf("%v, %v: %v, want %v", cause, now, refused.Reason, want)
			case !definite && !errors.Is(err, cause):
				t.Error(err)
			}
		}
	}
}

// A hand-over that fails as the node begins to stop doesn't make the Primary active again.
func TestStopOutlivesHandOver(t *testing.T) {
	for name, stop := range map[string]func(*state, *primary.Reign){
		"the governor first":  func(s *state, r *primary.Reign) { s.setRole(pb.PrimaryState_PRIMARY_STATE_DRAINING, r) },
		"the shutdown first":  func(s *state, _ *primary.Reign) { s.stop() },
		"the governor is out": func(s *state, _ *primary.Reign) { s.stop(); s.setRole(pb.PrimaryState_PRIMARY_STATE_REPLICA, nil) },
	} {
		s, r := newState(), &primary.Reign{}
		s.setRole(pb.PrimaryState_PRIMARY_STATE_ACTIVE, r)
		if !s.beginHandOver(r, &pb.Resignation{Epoch: 1}) || s.beginHandOver(r, &pb.Resignation{Epoch: 1}) {
			t.Fatalf("%s: it doesn't begin once", name)
		}
		if stopping, handsOver := s.ending(); stopping || !handsOver {
			t.Errorf("%s: stopping %t, hands over %t", name, stopping, handsOver)
		}
		stop(s, r)
		if stopping, handsOver := s.ending(); !stopping || handsOver {
			t.Errorf("%s: stopping %t, hands over %t", name, stopping, handsOver)
		}
		now := s.endHandOver(r)
		if _, _, role, _ := s.view(); now != stops || role == pb.PrimaryState_PRIMARY_STATE_ACTIVE || s.resignation() != nil {
			t.Errorf("%s: %v, %v, wish %v", name, now, role, s.resignation())
		}
		s.close()
	}
	s, r := newState(), &primary.Reign{}
	defer s.close()
	s.setRole(pb.PrimaryState_PRIMARY_STATE_ACTIVE, r)
	s.beginHandOver(r, &pb.Resignation{Epoch: 1})
	s.setRole(pb.PrimaryState_PRIMARY_STATE_REPLICA, nil)
	if now := s.endHandOver(r); now != isOver || s.resignation() != nil {
		t.Error(now, s.resignation())
	}
}
