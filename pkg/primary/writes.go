package primary

import (
	"context"
	"iter"
	"slices"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/netsy-io/netsy/pkg/mvcc"
)

// Txn evaluates and commits one transaction. The request must have been validated:
// at most one mutation a branch, no reserved keys.
func (r *Reign) Txn(ctx context.Context, req *pb.TxnRequest) (*pb.TxnResponse, error) {
	v, err := r.propose(ctx, written(req.Success), func(w *mvcc.Working, s mvcc.Stamp) (any, *mvcc.Change, error) {
		resp, change, err := w.Txn(req, s)
		return resp, change, err
	})
	if err != nil {
		return nil, err
	}
	return v.(*pb.TxnResponse), nil
}

// written are the keys that operations write.
func written(ops []*pb.RequestOp) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for _, op := range ops {
			key := op.GetRequestPut().GetKey()
			if del := op.GetRequestDeleteRange(); del != nil {
				key = del.Key
			}
			if key != nil && !yield(key) {
				return
			}
		}
	}
}

// Put evaluates and commits one put.
func (r *Reign) Put(ctx context.Context, req *pb.PutRequest) (*pb.PutResponse, error) {
	v, err := r.propose(ctx, slices.Values([][]byte{req.Key}), func(w *mvcc.Working, s mvcc.Stamp) (any, *mvcc.Change, error) {
		resp, change, err := w.Put(req, s)
		return resp, change, err
	})
	if err != nil {
		return nil, err
	}
	return v.(*pb.PutResponse), nil
}

// DeleteRange evaluates and commits the deletion of one key.
func (r *Reign) DeleteRange(ctx context.Context, req *pb.DeleteRangeRequest) (*pb.DeleteRangeResponse, error) {
	v, err := r.propose(ctx, slices.Values([][]byte{req.Key}), func(w *mvcc.Working, s mvcc.Stamp) (any, *mvcc.Change, error) {
		resp, change, err := w.DeleteRange(req, s)
		return resp, change, err
	})
	if err != nil {
		return nil, err
	}
	return v.(*pb.DeleteRangeResponse), nil
}

// LeaseGrant makes a lease. Its id says everything about it, so nothing is stored.
func (r *Reign) LeaseGrant(ctx context.Context, ttl int64) (id, granted int64, err error) {
	if err := r.Confirm(ctx); err != nil {
		return 0, 0, err
	}
	return r.leases.Grant(ttl)
}

// expire deletes key if it still holds lease.
func (r *Reign) expire(ctx context.Context, key []byte, leaseID int64) error {
	_, err := r.propose(ctx, slices.Values([][]byte{key}), func(w *mvcc.Working, s mvcc.Stamp) (any, *mvcc.Change, error) {
		change, err := w.DeleteIfLease(key, leaseID, s)
		return nil, change, err
	})
	return err
}
