//go:build linux

package process

import (
	"testing"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// outcome is what a client knows of its write once the call is over.
type outcome int

const (
	unknown outcome = iota // it may have happened, and may yet
	done                   // it happened, at the acknowledged revision
	refused                // it did not happen and never will
)

func (o outcome) String() string { return [...]string{"unknown", "done", "refused"}[o] }

// judge classifies an error of a write. Netsy says "no leader", "leader changed" and
// "too many requests" only of writes that were not begun. Anything else of code
// Unavailable, a deadline or a broken connection leaves it open.
func judge(err error) outcome {
	for _, certain := range []error{rpctypes.ErrGRPCNoLeader, rpctypes.ErrGRPCLeaderChanged, rpctypes.ErrGRPCRequestTooManyRequests} {
		if s := status.Convert(certain); s.Code() == status.Code(err) && s.Message() == status.Convert(err).Message() {
			return refused
		}
	}
	switch status.Code(err) {
	case codes.InvalidArgument, codes.FailedPrecondition, codes.PermissionDenied, codes.Unauthenticated, codes.Unimplemented:
		return refused
	}
	return unknown
}

func TestJudge(t *testing.T) {
	for want, errs := range map[outcome][]error{
		refused: {rpctypes.ErrGRPCNoLeader, rpctypes.ErrGRPCLeaderChanged, rpctypes.ErrGRPCRequestTooManyRequests, rpctypes.ErrGRPCEmptyKey},
		unknown: {
			rpctypes.ErrGRPCTimeout, rpctypes.ErrGRPCStopped, status.Error(codes.Unavailable, "connection refused"),
			status.Error(codes.DeadlineExceeded, ""), status.Error(codes.Canceled, ""), status.Error(codes.Unknown, ""), status.Error(codes.Internal, ""),
		},
	} {
		for _, err := range errs {
			if got := judge(err); got != want {
				t.Errorf("%v: %v, want %v", err, got, want)
			}
		}
	}
}
