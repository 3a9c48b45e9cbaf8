package main

import (
	"bytes"
	"context"
	"fmt"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
)

// The requests are those that kube-apiserver makes of its etcd
// (k8s.io/apiserver/pkg/storage/etcd3).

func isAt(key []byte, mod int64) []*pb.Compare {
	return []*pb.Compare{{Key: key, Target: pb.Compare_MOD, Result: pb.Compare_EQUAL, TargetUnion: &pb.Compare_ModRevision{ModRevision: mod}}}
}

func elseRead(key []byte) []*pb.RequestOp {
	return []*pb.RequestOp{{Request: &pb.RequestOp_RequestRange{RequestRange: &pb.RangeRequest{Key: key}}}}
}

func putIf(key, value []byte, mod int64) *pb.TxnRequest {
	r := &pb.TxnRequest{
		Compare: isAt(key, mod),
		Success: []*pb.RequestOp{{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: key, Value: value}}}},
	}
	if mod != 0 {
		r.Failure = elseRead(key)
	}
	return r
}

func deleteIf(key []byte, mod int64) *pb.TxnRequest {
	return &pb.TxnRequest{
		Compare: isAt(key, mod),
		Success: []*pb.RequestOp{{Request: &pb.RequestOp_RequestDeleteRange{RequestDeleteRange: &pb.DeleteRangeRequest{Key: key}}}},
		Failure: elseRead(key),
	}
}

// txn sends a write of a key that nobody else writes, so it must succeed.
func (w *worker) txn(ctx context.Context, r *pb.TxnRequest) (revision int64, err error) {
	resp, err := w.kv.Txn(ctx, r)
	if err != nil {
		return 0, err
	}
	c := r.Compare[0]
	switch {
	case !resp.Succeeded:
		return 0, fmt.Errorf("%s is not at revision %d, and nobody else writes it", c.Key, c.GetModRevision())
	case resp.Header.GetRevision() <= w.last:
		return 0, fmt.Errorf("the write of %s has revision %d, one before it %d", c.Key, resp.Header.GetRevision(), w.last)
	}
	w.last = resp.Header.Revision
	return w.last, nil
}

// write creates key, or updates it if this worker wrote it before.
func (w *worker) write(ctx context.Context, key []byte) error {
	rev, err := w.txn(ctx, putIf(key, w.value, w.rev[string(key)]))
	if err == nil {
		w.rev[string(key)] = rev
	}
	return err
}

func (w *worker) create(ctx context.Context, key, value []byte) error {
	_, err := w.txn(ctx, putIf(key, value, 0))
	return err
}

func (w *worker) delete(ctx context.Context, key []byte) error {
	_, err := w.txn(ctx, deleteIf(key, w.rev[string(key)]))
	delete(w.rev, string(key))
	return err
}

// get reads one of the keys that are read.
func (w *worker) get(ctx context.Context, key []byte, size int, serializable bool) error {
	resp, err := w.kv.Range(ctx, &pb.RangeRequest{Key: key, Serializable: serializable})
	if err != nil {
		return err
	}
	if len(resp.Kvs) != 1 || !bytes.Equal(resp.Kvs[0].Key, key) {
		return fmt.Errorf("%s is not there", key)
	}
	return w.compare(resp.Kvs[0], size)
}

func (w *worker) compare(kv *mvccpb.KeyValue, size int) error {
	if len(kv.Value) != size || !w.blind && !isReadValue(kv.Value, size, kv.Key) {
		return fmt.Errorf("%s has not the value that was written", kv.Key)
	}
	return nil
}

// list reads a page as kube-apiserver does: limited, of the newest revision.
func (w *worker) list(ctx context.Context, from, end []byte, limit int) (*pb.RangeResponse, error) {
	return w.kv.Range(ctx, &pb.RangeRequest{Key: from, RangeEnd: end, Limit: int64(limit)})
}

func (w *worker) count(ctx context.Context, from, end []byte) (int64, error) {
	resp, err := w.kv.Range(ctx, &pb.RangeRequest{Key: from, RangeEnd: end, CountOnly: true})
	if err != nil {
		return 0, err
	}
	return resp.Count, nil
}
