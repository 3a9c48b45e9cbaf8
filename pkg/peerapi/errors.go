package peerapi

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/netsy-io/netsy/pkg/primary"
)

// refusals are errors that asking this node again won't mend.
var refusals = []error{ErrPromised, primary.ErrNotPrimary, primary.ErrDeposed, primary.ErrDraining}

// toStatus makes err what the caller is to see. Statuses stay what they are; of the
// rest, what doesn't refuse for a reason of the protocol is a disk's or object
// storage's failure, which may pass.
func toStatus(err error) error {
	if err == nil {
		return nil
	}
	for _, r := range refusals {
		if errors.Is(err, r) {
			return status.Error(codes.FailedPrecondition, err.Error())
		}
	}
	if s, ok := status.FromError(err); ok {
		return s.Err()
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return status.FromContextError(err).Err()
	}
	return status.Error(codes.Unavailable, err.Error())
}
