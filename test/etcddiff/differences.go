package etcddiff

import (
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/codes"
)

// maxLeaseTTL, in seconds, is what fits into a lease id of Netsy's, 194 days. etcd's limit is 285
// years; only what is above that is the same for both.
const (
	maxLeaseTTL     = 1<<24 - 1
	etcdMaxLeaseTTL = 9_000_000_000
)

// refusal is what Netsy answers to a request that etcd may well accept.
type refusal struct {
	reason string
	code   codes.Code
}

// unsupported returns how Netsy refuses a request, or nil if it is to answer as etcd does. Such a
// request goes to Netsy alone, and must change nothing.
//
// These are all the documented differences, and: the ids of the cluster, of members and of leases
// differ, and raft_term is always 0 (normalize.go); a response that ends a watch has the current
// revision in its header, where etcd has 0 (watch.go).
func unsupported(req request) *refusal {
	switch r := req.(type) {
	case *pb.DeleteRangeRequest:
		if len(r.RangeEnd) != 0 {
			return &refusal{"a delete removes one key", codes.InvalidArgument}
		}
	case *pb.LeaseGrantRequest:
		if r.ID != 0 {
			return &refusal{"lease ids are the server's to choose", codes.InvalidArgument}
		}
		if r.TTL > maxLeaseTTL && r.TTL <= etcdMaxLeaseTTL {
			return &refusal{"a lease lasts 194 days at most", codes.OutOfRange}
		}
	case *pb.TxnRequest:
		for _, branch := range [][]*pb.RequestOp{r.Success, r.Failure} {
			if r := unsupportedBranch(branch); r != nil {
				return r
			}
		}
	}
	return nil
}

func unsupportedBranch(ops []*pb.RequestOp) *refusal {
	mutations := 0
	for _, op := range ops {
		switch o := op.Request.(type) {
		case *pb.RequestOp_RequestPut:
			mutations++
		case *pb.RequestOp_RequestDeleteRange:
			mutations++
			if r := unsupported(o.RequestDeleteRange); r != nil {
				return r
			}
		case *pb.RequestOp_RequestTxn:
			return &refusal{"transactions don't nest", codes.InvalidArgument}
		}
	}
	if mutations > 1 {
		return &refusal{"a branch has at most one mutation", codes.InvalidArgument}
	}
	return nil
}
