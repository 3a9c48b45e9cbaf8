package etcdapi

import (
	"context"
	"errors"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/netsy-io/netsy/pkg/lease"
	"github.com/netsy-io/netsy/pkg/mvcc"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/primary"
	"github.com/netsy-io/netsy/pkg/registry"
)

// errorTable maps what the layers below say to the errors that etcd's clients
// know by code and exact text. The first match counts.
//
// Two rules stand behind it. A write whose outcome is unknown is Unavailable
// "request timed out", never DeadlineExceeded or Canceled, which clients would
// silently send again. And nothing that failed for Netsy's own reasons may look
// like a compare that failed.
var errorTable = []struct {
	is   error
	grpc error
}{
	{is: primary.ErrUnknownOutcome, grpc: rpctypes.ErrGRPCTimeout},
	{is: primary.ErrNotPrimary, grpc: rpctypes.ErrGRPCNoLeader},
	{is: primary.ErrDraining, grpc: rpctypes.ErrGRPCLeaderChanged},
	{is: primary.ErrDeposed, grpc: rpctypes.ErrGRPCLeaderChanged},
	{is: primary.ErrQueueFull, grpc: rpctypes.ErrGRPCRequestTooManyRequests},
	{is: primary.ErrNoSpace, grpc: rpctypes.ErrGRPCNoSpace},
	{is: mvcc.ErrCompacted, grpc: rpctypes.ErrGRPCCompacted},
	{is: mvcc.ErrFutureRev, grpc: rpctypes.ErrGRPCFutureRev},
	{is: mvcc.ErrKeyNotFound, grpc: rpctypes.ErrGRPCKeyNotFound},
	{is: lease.ErrLeaseNotFound, grpc: rpctypes.ErrGRPCLeaseNotFound},
	{is: lease.ErrLeaseTTLTooLarge, grpc: rpctypes.ErrGRPCLeaseTTLTooLarge},
	{is: lease.ErrTooManyLeases, grpc: rpctypes.ErrGRPCRequestTooManyRequests},
	// Nothing was done; another node's disk may be better.
	{is: mvcc.ErrDisk, grpc: rpctypes.ErrGRPCUnhealthy},
	{is: mvcc.ErrCorrupt, grpc: rpctypes.ErrGRPCUnhealthy},
	{is: mvcc.ErrClosed, grpc: rpctypes.ErrGRPCUnhealthy},
	// A serializable read while a replica goes from one state to a much later one; a read that
	// needed cluster.json for its proof; a compaction: to be tried again.
	{is: mvcc.ErrOvertaken, grpc: rpctypes.ErrGRPCTimeout},
	{is: objectstore.ErrUnavailable, grpc: rpctypes.ErrGRPCTimeout},
	{is: objectstore.ErrUnknownOutcome, grpc: rpctypes.ErrGRPCTimeout},
	{is: registry.ErrUnknownOutcome, grpc: rpctypes.ErrGRPCTimeout},
	{is: registry.ErrBusy, grpc: rpctypes.ErrGRPCTimeout},
}

// toStatus makes err what the client is to see. ctx is the client's own.
func toStatus(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if cause := ctx.Err(); cause != nil {
		return status.FromContextError(cause).Err() // nobody waits any more
	}
	for _, row := range errorTable {
		if errors.Is(err, row.is) {
			return row.grpc
		}
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return rpctypes.ErrGRPCTimeout // ours, not the client's
	}
	if s, ok := status.FromError(err); ok {
		return s.Err()
	}
	return status.Error(codes.Unknown, err.Error())
}
