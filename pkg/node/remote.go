package node

import (
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/netsy-io/netsy/pkg/etcdapi"
	"github.com/netsy-io/netsy/pkg/forward"
	"github.com/netsy-io/netsy/pkg/mvcc"
	"github.com/netsy-io/netsy/pkg/primary"
	"github.com/netsy-io/netsy/pkg/record"
)

// remote is the Primary as this node reaches it while it follows its reign: writes
// are forwarded, and reads answered locally once this node has what they must show.
type remote struct {
	*forward.Client
	store     *mvcc.Store
	following context.Context // ends when this node follows no more
}

var _ etcdapi.Primary = (*remote)(nil)

func (r *remote) over() bool { return r.following.Err() != nil }

// Snapshot asks the Primary how far the committed history has come, and how far it is
// compacted, and waits until this node has come as far.
func (r *remote) Snapshot(ctx context.Context) (*mvcc.Snapshot, error) {
	index, err := r.ReadIndex(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.await(ctx, index.Revision); err != nil {
		return nil, err
	}
	if err := r.compacted(ctx, index.Compaction); err != nil {
		return nil, err
	}
	return r.store.Snapshot(), nil
}

// await returns once rev can be read here. primary.ErrNotPrimary: not by following
// this Primary.
func (r *remote) await(ctx context.Context, rev record.Revision) error {
	if r.store.Snapshot().Revision() >= rev {
		return nil
	}
	return r.while(ctx, func(ctx context.Context) error { return r.store.AwaitPublished(ctx, rev) })
}

// while runs a wait that ends early, with primary.ErrNotPrimary, when this node doesn't
// follow this Primary any more.
func (r *remote) while(ctx context.Context, f func(context.Context) error) error {
	wait, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(r.following, cancel)()
	err := f(wait)
	if err != nil && ctx.Err() == nil {
		return primary.ErrNotPrimary
	}
	return err
}

// seen waits until this node's clients can see the write that made rev: who wrote
// through this node finds it here. The write is committed, so nothing that goes wrong
// now is its failure.
func (r *remote) seen(ctx context.Context, rev int64) { _ = r.await(ctx, record.Revision(rev)) }

// Txn forwards a transaction.
func (r *remote) Txn(ctx context.Context, req *pb.TxnRequest) (*pb.TxnResponse, error) {
	resp, err := r.Client.Txn(ctx, req)
	if err == nil {
		r.seen(ctx, resp.GetHeader().GetRevision())
	}
	return resp, err
}

// Put forwards a put.
func (r *remote) Put(ctx context.Context, req *pb.PutRequest) (*pb.PutResponse, error) {
	resp, err := r.Client.Put(ctx, req)
	if err == nil {
		r.seen(ctx, resp.GetHeader().GetRevision())
	}
	return resp, err
}

// DeleteRange forwards a deletion.
func (r *remote) DeleteRange(ctx context.Context, req *pb.DeleteRangeRequest) (*pb.DeleteRangeResponse, error) {
	resp, err := r.Client.DeleteRange(ctx, req)
	if err == nil {
		r.seen(ctx, resp.GetHeader().GetRevision())
	}
	return resp, err
}

// Compact forwards a compaction. Who compacted through this node finds it here, as with
// a write.
func (r *remote) Compact(ctx context.Context, rev record.Revision) error {
	err := r.Client.Compact(ctx, rev)
	if err == nil {
		_ = r.compacted(ctx, rev)
	}
	return err
}

// compacted returns once reads below rev are refused here, as await does.
func (r *remote) compacted(ctx context.Context, rev record.Revision) error {
	if r.store.CompactRevision() >= rev {
		return nil
	}
	return r.while(ctx, func(ctx context.Context) error { return r.store.AwaitCompacted(ctx, rev) })
}
