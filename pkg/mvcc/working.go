package mvcc

import (
	"context"
	"fmt"
	"time"

	"github.com/tidwall/btree"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/netsy-io/netsy/pkg/record"
)

// Stamp is what the Primary puts on each record it makes.
type Stamp struct {
	Epoch    record.Epoch
	LeaderID string
	Now      time.Time

	// LeaseValid says whether a key may be given a lease, by returning nil. If it is
	// nil itself, any lease is good.
	LeaseValid func(id int64) error
}

func (s Stamp) checkLease(id int64) error {
	if id == 0 || s.LeaseValid == nil {
		return nil
	}
	return s.LeaseValid(id)
}

// Change is what one write did: the record to commit and the event to send once it
// is. PrevKv is always set where there was a value before.
type Change struct {
	Record record.Record
	Event  *mvccpb.Event
}

// Working is the tentative state: the published one and what has been assigned a
// revision since. One goroutine owns it. Requests' keys and values are kept, not
// copied: they must not be changed afterwards.
type Working struct {
	store *Store
	tree  *tree
	rev   record.Revision
	undo  undoLog

	hint  btree.PathHint  // where the last key was: a write looks for its key several times
	pivot mvccpb.KeyValue // what is looked for
}

// get returns the key's present value or nil.
func (w *Working) get(key []byte) *mvccpb.KeyValue {
	kv, _ := w.tree.GetHint(w.at(key), &w.hint)
	return kv
}

func (w *Working) at(key []byte) *mvccpb.KeyValue {
	w.pivot.Key = key
	return &w.pivot
}

// NewWorking makes the state at the end of the stored history: the published
// snapshot and all records stored beyond it. At start that is the whole history.
func (s *Store) NewWorking(ctx context.Context) (*Working, error) {
	return s.newWorking(ctx, s.Tail().Revision)
}

// NewWorkingAt makes the state at rev, which is stored and known to be committed: the
// published snapshot and the records from there to rev. It is where a replica goes
// on applying what is committed.
func (s *Store) NewWorkingAt(ctx context.Context, rev record.Revision) (*Working, error) {
	if tail := s.Tail().Revision; rev > tail {
		return nil, fmt.Errorf("%w: revision %d, stored up to %d", ErrNotStored, rev, tail)
	}
	return s.newWorking(ctx, rev)
}

func (s *Store) newWorking(ctx context.Context, to record.Revision) (*Working, error) {
	s.publishMu.Lock() // Copy marks both trees
	base := s.Snapshot()
	w := &Working{store: s, tree: base.tree.Copy(), rev: base.rev, undo: undoLog{floor: base.rev}}
	s.publishMu.Unlock()
	start := time.Now()
	if err := w.load(ctx, to); err != nil {
		return nil, fmt.Errorf("mvcc: load state: %w", err)
	}
	s.metrics.stateSeconds.Set(time.Since(start).Seconds())
	return w, nil
}

// Revision is the last assigned revision.
func (w *Working) Revision() record.Revision { return w.rev }

// Snapshot returns the present tentative state; it costs the same at any size.
func (w *Working) Snapshot() *Snapshot { return &Snapshot{tree: w.tree.Copy(), rev: w.rev} }

// Apply replays a record that follows the present state. Netsy's own records only
// move the revision, and have no event.
func (w *Working) Apply(r *record.Record) *mvccpb.Event {
	w.undo.forget(w.store.Snapshot().rev)
	w.rev = r.Revision
	if r.Internal() {
		return nil
	}
	prev := w.get(r.Key)
	ev := event(r, prev)
	if r.Deleted {
		w.tree.DeleteHint(w.at(r.Key), &w.hint)
	} else {
		w.tree.SetHint(ev.Kv, &w.hint)
	}
	w.undo.add(r.Revision, r.Key, prev)
	return ev
}

// Put writes a key. Errors, after which nothing has changed: ErrKeyNotFound,
// ErrUnsupported, that of the stamp's LeaseValid.
func (w *Working) Put(req *etcdserverpb.PutRequest, stamp Stamp) (*etcdserverpb.PutResponse, *Change, error) {
	if err := checkPut(req); err != nil {
		return nil, nil, err
	}
	if err := stamp.checkLease(req.Lease); err != nil {
		return nil, nil, err
	}
	return w.put(req, stamp)
}

// put is Put of a request that was checked.
func (w *Working) put(req *etcdserverpb.PutRequest, stamp Stamp) (*etcdserverpb.PutResponse, *Change, error) {
	prev := w.get(req.Key)
	value, lease := req.Value, req.Lease
	if (req.IgnoreValue || req.IgnoreLease) && prev == nil {
		return nil, nil, ErrKeyNotFound
	}
	if req.IgnoreValue {
		value = prev.Value
	}
	if req.IgnoreLease {
		lease = prev.Lease
	}
	ch := w.change(putRecord(req.Key, value, lease, prev), stamp)
	resp := &etcdserverpb.PutResponse{Header: w.header()}
	if req.PrevKv {
		resp.PrevKv = prev
	}
	return resp, ch, nil
}

// DeleteRange deletes one key; ranges are ErrUnsupported. The change is nil when
// there was no such key.
func (w *Working) DeleteRange(req *etcdserverpb.DeleteRangeRequest, stamp Stamp) (*etcdserverpb.DeleteRangeResponse, *Change, error) {
	if err := checkDelete(req); err != nil {
		return nil, nil, err
	}
	prev := w.get(req.Key)
	if prev == nil {
		return &etcdserverpb.DeleteRangeResponse{Header: w.header()}, nil, nil
	}
	ch := w.change(tombstone(prev), stamp)
	resp := &etcdserverpb.DeleteRangeResponse{Header: w.header(), Deleted: 1}
	if req.PrevKv {
		resp.PrevKvs = []*mvccpb.KeyValue{prev}
	}
	return resp, ch, nil
}

// DeleteIfLease deletes key if it still holds the lease; nil if it doesn't.
func (w *Working) DeleteIfLease(key []byte, lease int64, stamp Stamp) *Change {
	prev := w.get(key)
	if prev == nil || prev.Lease != lease || lease == 0 {
		return nil
	}
	return w.change(tombstone(prev), stamp)
}

func (w *Working) header() *etcdserverpb.ResponseHeader {
	return &etcdserverpb.ResponseHeader{Revision: int64(w.rev)}
}

// change gives the record its revision and applies it.
func (w *Working) change(r record.Record, stamp Stamp) *Change {
	r.Revision, r.Epoch, r.LeaderID, r.CreatedAt = w.rev+1, stamp.Epoch, stamp.LeaderID, stamp.Now
	if r.Created {
		r.CreateRevision = r.Revision
	}
	return &Change{Event: w.Apply(&r), Record: r}
}

func putRecord(key, value []byte, lease int64, prev *mvccpb.KeyValue) record.Record {
	r := record.Record{Key: key, Value: value, Lease: lease, Version: 1, Created: prev == nil}
	if prev != nil {
		r.Version = prev.Version + 1
		r.CreateRevision, r.PrevRevision = record.Revision(prev.CreateRevision), record.Revision(prev.ModRevision)
	}
	return r
}

func tombstone(prev *mvccpb.KeyValue) record.Record {
	return record.Record{
		Key: prev.Key, Deleted: true,
		CreateRevision: record.Revision(prev.CreateRevision), PrevRevision: record.Revision(prev.ModRevision),
	}
}
