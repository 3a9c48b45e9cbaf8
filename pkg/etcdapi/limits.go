package etcdapi

import (
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/netsy-io/netsy/pkg/record"
)

const (
	// maxRequestBytes and maxTxnOps are etcd's defaults (server/embed/config.go:
	// DefaultMaxRequestBytes, DefaultMaxTxnOps); clients are built for them.
	maxRequestBytes   = 1.5 * 1024 * 1024
	grpcOverheadBytes = 512 * 1024
	maxTxnOps         = 128
	// maxKeyBytes keeps keys, which live in memory and in an index, well below a
	// database page's overflow chain. Kubernetes' longest are below 1 KiB.
	maxKeyBytes = 64 * 1024
)

func checkSize(req interface{ Size() int }) error {
	if req.Size() > maxRequestBytes {
		return rpctypes.ErrGRPCRequestTooLarge
	}
	return nil
}

// checkWritableKey refuses keys that no client may write.
func checkWritableKey(key []byte) error {
	if len(key) == 0 {
		return rpctypes.ErrGRPCEmptyKey
	}
	if len(key) > maxKeyBytes {
		return status.Errorf(codes.InvalidArgument, "netsy: key has %d bytes, at most %d are allowed", len(key), maxKeyBytes)
	}
	if record.IsReserved(key) {
		return status.Errorf(codes.InvalidArgument, "netsy: key %q is reserved", key)
	}
	return nil
}

func checkRange(r *pb.RangeRequest) error {
	if len(r.Key) == 0 {
		return rpctypes.ErrGRPCEmptyKey
	}
	if _, ok := pb.RangeRequest_SortOrder_name[int32(r.SortOrder)]; !ok {
		return rpctypes.ErrGRPCInvalidSortOption
	}
	if _, ok := pb.RangeRequest_SortTarget_name[int32(r.SortTarget)]; !ok {
		return rpctypes.ErrGRPCInvalidSortOption
	}
	return nil
}

func checkPut(r *pb.PutRequest) error {
	if len(r.Key) == 0 {
		return rpctypes.ErrGRPCEmptyKey
	}
	if r.IgnoreValue && len(r.Value) != 0 {
		return rpctypes.ErrGRPCValueProvided
	}
	if r.IgnoreLease && r.Lease != 0 {
		return rpctypes.ErrGRPCLeaseProvided
	}
	return checkWritableKey(r.Key)
}

func checkDelete(r *pb.DeleteRangeRequest) error {
	if len(r.Key) == 0 {
		return rpctypes.ErrGRPCEmptyKey
	}
	if len(r.RangeEnd) != 0 {
		return status.Error(codes.InvalidArgument, "netsy: a delete removes one key: range_end is not supported; list the keys and delete each")
	}
	return checkWritableKey(r.Key)
}

func checkTxn(r *pb.TxnRequest) error {
	if max(len(r.Compare), len(r.Success), len(r.Failure)) > maxTxnOps {
		return rpctypes.ErrGRPCTooManyOps
	}
	for _, c := range r.Compare {
		if len(c.Key) == 0 {
			return rpctypes.ErrGRPCEmptyKey
		}
		if err := checkCompare(c); err != nil {
			return err
		}
	}
	for _, branch := range [][]*pb.RequestOp{r.Success, r.Failure} {
		if err := checkBranch(branch); err != nil {
			return err
		}
	}
	if n := max(mutations(r.Success), mutations(r.Failure)); n > 1 {
		return status.Errorf(codes.InvalidArgument, "netsy: a branch of the transaction has %d puts and deletes, at most 1 is supported", n)
	}
	return nil
}

func checkCompare(c *pb.Compare) error {
	if _, ok := pb.Compare_CompareResult_name[int32(c.Result)]; !ok {
		return status.Errorf(codes.InvalidArgument, "netsy: compare on key %q has an unknown operator %d", c.Key, c.Result)
	}
	if _, ok := pb.Compare_CompareTarget_name[int32(c.Target)]; !ok {
		return status.Errorf(codes.InvalidArgument, "netsy: compare on key %q has an unknown target %d", c.Key, c.Target)
	}
	return nil
}

func checkBranch(ops []*pb.RequestOp) error {
	for _, op := range ops {
		var err error
		switch o := op.GetRequest().(type) {
		case *pb.RequestOp_RequestRange:
			err = checkRange(o.RequestRange)
		case *pb.RequestOp_RequestPut:
			err = checkPut(o.RequestPut)
		case *pb.RequestOp_RequestDeleteRange:
			err = checkDelete(o.RequestDeleteRange)
		case *pb.RequestOp_RequestTxn:
			err = status.Error(codes.InvalidArgument, "netsy: nested transactions are not supported")
		default:
			err = rpctypes.ErrGRPCKeyNotFound // as etcd answers an empty operation
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func mutations(ops []*pb.RequestOp) int {
	n := 0
	for _, op := range ops {
		if op.GetRequestPut() != nil || op.GetRequestDeleteRange() != nil {
			n++
		}
	}
	return n
}
