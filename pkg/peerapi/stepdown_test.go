package peerapi

import (
	"errors"
	"fmt"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/netsy-io/netsy/pkg/identity"
	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/primary"
	"github.com/netsy-io/netsy/pkg/record"
)

// What is refused arrives with its reason; what isn't a refusal has none.
func TestStepDown(t *testing.T) {
	n := newFakeNode()
	c := newPort(t, n).dial(identity.RoleAdmin, "alice")
	who := &pb.NodeRef{NodeId: "node-2", Incarnation: "i"}
	for _, tc := range []struct {
		epoch   int64
		err     error
		want    codes.Code
		refused pb.StepDownRefusal_Reason
	}{
		{4, nil, codes.OK, 0},
		{0, nil, codes.InvalidArgument, 0},
		{4, fmt.Errorf("wrapped: %w", &StepDownRefused{Reason: pb.StepDownRefusal_REASON_NOT_PRIMARY, Primary: who, Err: primary.ErrNotPrimary}), codes.FailedPrecondition, pb.StepDownRefusal_REASON_NOT_PRIMARY},
		{4, &StepDownRefused{Reason: pb.StepDownRefusal_REASON_BEHIND, Err: errors.New("behind")}, codes.FailedPrecondition, pb.StepDownRefusal_REASON_BEHIND},
		{4, primary.ErrNotPrimary, codes.FailedPrecondition, 0},
		{4, errors.New("disk"), codes.Unavailable, 0},
	} {
		n.stepDown = func(to string, e record.Epoch) (*pb.StepDownResponse, error) {
			if to != "node-2" || e != 4 {
				t.Errorf("asked for %q in epoch %d", to, e)
			}
			return &pb.StepDownResponse{Epoch: 4}, tc.err
		}
		_, err := c.StepDown(t.Context(), &pb.StepDownRequest{Successor: "node-2", Epoch: tc.epoch})
		if status.Code(err) != tc.want {
			t.Errorf("%v: %v", tc.err, err)
		}
		r, ok := Refusal(err)
		if ok != (tc.refused != 0) || ok && r.Reason != tc.refused {
			t.Errorf("%v: refused: %+v", tc.err, r)
		}
		if ok && r.Reason == pb.StepDownRefusal_REASON_NOT_PRIMARY && r.Primary.GetNodeId() != "node-2" {
			t.Errorf("%+v", r)
		}
	}
}
