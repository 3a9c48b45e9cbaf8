package mvcc

import (
	"context"
	"fmt"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/netsy-io/netsy/pkg/record"
)

// Txn evaluates a transaction: the compares against the present state, then the
// operations of the branch they choose, in order, each seeing those before it. The
// change is nil if nothing was written. Errors, after which nothing has changed:
// ErrKeyNotFound, ErrCompacted, ErrFutureRev, ErrUnsupported, ErrDisk (a range at an
// old revision and values that memory has no room for are read from the disk), that of the
// stamp's LeaseValid.
func (w *Working) Txn(req *etcdserverpb.TxnRequest, stamp Stamp) (*etcdserverpb.TxnResponse, *Change, error) {
	if err := checkTxn(req); err != nil {
		return nil, nil, err
	}
	succeeded, err := w.compareAll(req.Compare)
	if err != nil {
		return nil, nil, err
	}
	resp := &etcdserverpb.TxnResponse{Succeeded: succeeded}
	ops := req.Failure
	if resp.Succeeded {
		ops = req.Success
	}
	old, err := w.prepare(ops, stamp)
	if err != nil {
		return nil, nil, err
	}
	var change *Change
	for i, op := range ops {
		r, ch, err := w.apply(op, old[i], stamp)
		if err != nil {
			if change != nil { // there is at most one; a range after it needed the disk
				w.takeBack()
			}
			return nil, nil, fmt.Errorf("mvcc: operation %d: %w", i, err)
		}
		if ch != nil {
			change = ch
		}
		resp.Responses = append(resp.Responses, r)
	}
	resp.Header = w.header()
	return resp, change, nil
}

func (w *Working) compareAll(compares []*etcdserverpb.Compare) (bool, error) {
	for _, c := range compares {
		kvs, err := w.covered(c)
		if err != nil || !compareRange(c, kvs) {
			return false, err
		}
	}
	return true, nil
}

// covered returns the keys that c compares; without values that memory lacks, unless it compares values.
func (w *Working) covered(c *etcdserverpb.Compare) ([]*mvccpb.KeyValue, error) {
	f := found{bare: c.Target != etcdserverpb.Compare_VALUE, keep: true}
	if !single(c.RangeEnd) {
		f = collect(w.tree, newKeyRange(c.Key, c.RangeEnd), 0, f.bare)
	} else if it := w.find(c.Key); it != nil {
		f.add(it)
	}
	return f.kvs, w.fill(w.store.ctx, f, f.kvs)
}

// prepare finds out what can be refused before anything is changed: it checks puts
// against the state before the branch, as etcd does, and reads the ranges at old
// revisions, which the branch's own writes don't touch. Their answers come by index.
func (w *Working) prepare(ops []*etcdserverpb.RequestOp, stamp Stamp) (map[int]*etcdserverpb.RangeResponse, error) {
	var old map[int]*etcdserverpb.RangeResponse
	for i, op := range ops {
		if err := w.preparePut(op.GetRequestPut(), stamp); err != nil {
			return nil, err
		}
		r := op.GetRequestRange()
		if r == nil || r.Revision == 0 {
			continue
		}
		resp, err := w.rangeAt(r)
		if err != nil {
			return nil, err
		}
		if old == nil {
			old = make(map[int]*etcdserverpb.RangeResponse, len(ops))
		}
		old[i] = resp
	}
	return old, nil
}

func (w *Working) preparePut(p *etcdserverpb.PutRequest, stamp Stamp) error {
	if p == nil {
		return nil
	}
	if (p.IgnoreValue || p.IgnoreLease) && w.find(p.Key) == nil {
		return ErrKeyNotFound
	}
	return stamp.checkLease(p.Lease)
}

// rangeAt answers a range at a given revision, up to the present one.
func (w *Working) rangeAt(req *etcdserverpb.RangeRequest) (*etcdserverpb.RangeResponse, error) {
	resp, err := w.rangeAtRevision(w.store.ctx, record.Revision(req.Revision), req)
	return resp, w.store.explain(w.store.ctx, record.Revision(req.Revision), err)
}

func (w *Working) rangeAtRevision(ctx context.Context, at record.Revision, req *etcdserverpb.RangeRequest) (*etcdserverpb.RangeResponse, error) {
	switch {
	case at > w.rev:
		return nil, ErrFutureRev
	case at < w.store.CompactRevision():
		return nil, ErrCompacted
	case at < 0 || at == w.rev:
		return rangeTree(ctx, past{w}, w.tree, req, w.rev)
	case at >= w.undo.floor:
		return rangeTree(ctx, past{w}, w.undo.at(w.tree.Copy(), at), req, w.rev)
	}
	stored := &Snapshot{tree: w.undo.at(w.tree.Copy(), w.undo.floor), rev: w.undo.floor}
	return w.store.rangeOld(ctx, past{w}, stored, req, w.rev)
}

func (w *Working) apply(op *etcdserverpb.RequestOp, old *etcdserverpb.RangeResponse, stamp Stamp) (*etcdserverpb.ResponseOp, *Change, error) {
	switch r := op.Request.(type) {
	case *etcdserverpb.RequestOp_RequestRange:
		resp := old
		if resp == nil {
			var err error
			if resp, err = rangeTree(w.store.ctx, w, w.tree, r.RequestRange, w.rev); err != nil {
				return nil, nil, err
			}
		}
		resp.Header.Revision = int64(w.rev) // as of now, whenever it was read
		return &etcdserverpb.ResponseOp{Response: &etcdserverpb.ResponseOp_ResponseRange{ResponseRange: resp}}, nil, nil
	case *etcdserverpb.RequestOp_RequestPut:
		resp, ch, err := w.put(r.RequestPut, stamp)
		return &etcdserverpb.ResponseOp{Response: &etcdserverpb.ResponseOp_ResponsePut{ResponsePut: resp}}, ch, err
	case *etcdserverpb.RequestOp_RequestDeleteRange:
		resp, ch, err := w.DeleteRange(r.RequestDeleteRange, stamp)
		return &etcdserverpb.ResponseOp{Response: &etcdserverpb.ResponseOp_ResponseDeleteRange{ResponseDeleteRange: resp}}, ch, err
	}
	return nil, nil, unsupported("operation %T", op.Request)
}
