package main

import (
	"context"
	"errors"
	"fmt"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// The requests are those that kube-apiserver makes of its etcd
// (k8s.io/apiserver/pkg/storage/etcd3).

func txn(key, value []byte, mod int64) *pb.TxnRequest {
	k := key
	r := &pb.TxnRequest{
		Compare: []*pb.Compare{{Key: k, Target: pb.Compare_MOD, Result: pb.Compare_EQUAL, TargetUnion: &pb.Compare_ModRevision{ModRevision: mod}}},
		Success: []*pb.RequestOp{{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: k, Value: value}}}},
	}
	if mod != 0 {
		r.Failure = []*pb.RequestOp{{Request: &pb.RequestOp_RequestRange{RequestRange: &pb.RangeRequest{Key: k}}}}
	}
	return r
}

// write creates key, or updates it if this worker wrote it before.
func (w *worker) write(ctx context.Context, key []byte) error {
	mod := w.rev[string(key)]
	resp, err := w.kv.Txn(ctx, txn(key, w.value, mod))
	if err != nil {
		return err
	}
	if !resp.Succeeded {
		return fmt.Errorf("%s is not at revision %d, which nobody else wrote", key, mod)
	}
	w.rev[string(key)] = resp.Header.Revision
	return nil
}

func (w *worker) create(ctx context.Context, key []byte) error {
	resp, err := w.kv.Txn(ctx, txn(key, w.value, 0))
	if err == nil && !resp.Succeeded {
		err = fmt.Errorf("%s exists, which nobody wrote", key)
	}
	return err
}

func (w *worker) delete(ctx context.Context, key []byte) error {
	mod := w.rev[string(key)]
	resp, err := w.kv.Txn(ctx, &pb.TxnRequest{
		Compare: []*pb.Compare{{Key: key, Target: pb.Compare_MOD, Result: pb.Compare_EQUAL, TargetUnion: &pb.Compare_ModRevision{ModRevision: mod}}},
		Success: []*pb.RequestOp{{Request: &pb.RequestOp_RequestDeleteRange{RequestDeleteRange: &pb.DeleteRangeRequest{Key: key}}}},
		Failure: []*pb.RequestOp{{Request: &pb.RequestOp_RequestRange{RequestRange: &pb.RangeRequest{Key: key}}}},
	})
	if err == nil && !resp.Succeeded {
		err = fmt.Errorf("%s is not at revision %d, which nobody else wrote", key, mod)
	}
	delete(w.rev, string(key))
	return err
}

func (w *worker) get(ctx context.Context, key []byte, serializable bool) error {
	resp, err := w.kv.Range(ctx, &pb.RangeRequest{Key: key, Serializable: serializable})
	if err == nil && len(resp.Kvs) != 1 {
		err = fmt.Errorf("%s is not there", key)
	}
	return err
}

// list reads a page as kube-apiserver does: limited, of the newest revision.
func (w *worker) list(ctx context.Context, from, end []byte, limit, want int) error {
	resp, err := w.kv.Range(ctx, &pb.RangeRequest{Key: from, RangeEnd: end, Limit: int64(limit)})
	if err == nil && len(resp.Kvs) < want {
		err = fmt.Errorf("a list of %d has %d", want, len(resp.Kvs))
	}
	return err
}

func (w *worker) count(ctx context.Context, from, end []byte, want int64) error {
	resp, err := w.kv.Range(ctx, &pb.RangeRequest{Key: from, RangeEnd: end, CountOnly: true})
	if err == nil && resp.Count != want {
		err = errors.New("a count is wrong")
	}
	return err
}
