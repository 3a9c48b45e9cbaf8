package check

import (
	"testing"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestJudge(t *testing.T) {
	for want, errs := range map[Outcome][]error{
		Refused: {rpctypes.ErrGRPCNoLeader, rpctypes.ErrGRPCLeaderChanged, rpctypes.ErrGRPCRequestTooManyRequests, rpctypes.ErrGRPCEmptyKey},
		Unknown: {
			rpctypes.ErrGRPCTimeout, rpctypes.ErrGRPCStopped, status.Error(codes.Unavailable, "connection refused"),
			status.Error(codes.DeadlineExceeded, ""), status.Error(codes.Canceled, ""), status.Error(codes.Unknown, ""), status.Error(codes.Internal, ""),
		},
	} {
		for _, err := range errs {
			if got := Judge(err); got != want {
				t.Errorf("%v: %v, want %v", err, got, want)
			}
		}
	}
}
