package etcddiff

import (
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// unsupported says why Netsy refuses a request that etcd may well accept, or "" if it doesn't.
// Such a request goes to Netsy alone, which must answer InvalidArgument and change nothing.
//
// These are all the documented differences. Beyond them the ids of the cluster, of members and of
// leases differ, and raft_term is always 0 (normalize.go).
func unsupported(req request) string {
	switch r := req.(type) {
	case *pb.DeleteRangeRequest:
		if len(r.RangeEnd) != 0 {
			return "a delete removes one key"
		}
	case *pb.LeaseGrantRequest:
		if r.ID != 0 {
			return "lease ids are the server's to choose"
		}
	case *pb.TxnRequest:
		for _, branch := range [][]*pb.RequestOp{r.Success, r.Failure} {
			if reason := unsupportedBranch(branch); reason != "" {
				return reason
			}
		}
	}
	return ""
}

func unsupportedBranch(ops []*pb.RequestOp) string {
	mutations := 0
	for _, op := range ops {
		switch o := op.Request.(type) {
		case *pb.RequestOp_RequestPut:
			mutations++
		case *pb.RequestOp_RequestDeleteRange:
			mutations++
			if reason := unsupported(o.RequestDeleteRange); reason != "" {
				return reason
			}
		case *pb.RequestOp_RequestTxn:
			return "transactions don't nest"
		}
	}
	if mutations > 1 {
		return "a branch has at most one mutation"
	}
	return ""
}
