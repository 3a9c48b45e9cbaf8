package check

import (
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Outcome is what a client knows of its call once that is over.
type Outcome int

const (
	Unknown Outcome = iota // a write may have happened, and may yet; a read told nothing
	Done                   // it happened; a write, at the acknowledged revision
	Refused                // a write did not happen and never will
)

func (o Outcome) String() string { return [...]string{"unknown", "done", "refused"}[o] }

// Judge classifies the error of a write. Netsy says "no leader", "leader changed" and
// "too many requests" only of writes that were not begun. Anything else of code
// Unavailable, a deadline or a broken connection leaves it open.
func Judge(err error) Outcome {
	for _, certain := range []error{rpctypes.ErrGRPCNoLeader, rpctypes.ErrGRPCLeaderChanged, rpctypes.ErrGRPCRequestTooManyRequests} {
		if s := status.Convert(certain); s.Code() == status.Code(err) && s.Message() == status.Convert(err).Message() {
			return Refused
		}
	}
	switch status.Code(err) {
	case codes.InvalidArgument, codes.FailedPrecondition, codes.PermissionDenied, codes.Unauthenticated, codes.Unimplemented:
		return Refused
	}
	return Unknown
}
