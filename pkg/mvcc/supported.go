package mvcc

import (
	"fmt"

	"go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/netsy-io/netsy/pkg/record"
)

// The requests that can be evaluated. The API layer refuses others with etcd's
// errors; this is the net below it, so that nothing is ever half evaluated.

func unsupported(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrUnsupported}, args...)...)
}

func checkTxn(req *etcdserverpb.TxnRequest) error {
	for _, c := range req.Compare {
		_, target := etcdserverpb.Compare_CompareTarget_name[int32(c.Target)]
		_, result := etcdserverpb.Compare_CompareResult_name[int32(c.Result)]
		if !target || !result {
			return unsupported("compare target %d, result %d", c.Target, c.Result)
		}
	}
	if err := checkBranch(req.Success); err != nil {
		return err
	}
	return checkBranch(req.Failure)
}

// checkBranch: one mutation at most, because a write is one record of one revision.
func checkBranch(ops []*etcdserverpb.RequestOp) error {
	mutations := 0
	for _, op := range ops {
		var err error
		switch r := op.Request.(type) {
		case *etcdserverpb.RequestOp_RequestRange:
			err = checkSort(r.RequestRange)
		case *etcdserverpb.RequestOp_RequestPut:
			mutations++
			err = checkPut(r.RequestPut)
		case *etcdserverpb.RequestOp_RequestDeleteRange:
			mutations++
			err = checkDelete(r.RequestDeleteRange)
		default:
			err = unsupported("operation %T in a transaction", op.Request)
		}
		if err != nil {
			return err
		}
	}
	if mutations > 1 {
		return unsupported("%d mutations in one branch", mutations)
	}
	return nil
}

func checkPut(req *etcdserverpb.PutRequest) error {
	if record.IsReserved(req.Key) {
		return unsupported("key %q is reserved", req.Key)
	}
	return nil
}

func checkDelete(req *etcdserverpb.DeleteRangeRequest) error {
	if !single(req.RangeEnd) {
		return unsupported("delete of a range")
	}
	if record.IsReserved(req.Key) {
		return unsupported("key %q is reserved", req.Key)
	}
	return nil
}
