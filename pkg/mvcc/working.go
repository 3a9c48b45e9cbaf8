package mvcc

import (
	"bytes"
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
	store   *Store
	tree    *tree
	rev     record.Revision
	undo    undoLog
	written *turnover

	hint  btree.PathHint // where the last key was: a write looks for its key several times
	pivot item           // what is looked for
}

// find returns the key or nil.
func (w *Working) find(key []byte) *item {
	it, _ := w.tree.GetHint(w.at(key), &w.hint)
	return it
}

func (w *Working) at(key []byte) *item {
	w.pivot.key = key
	return &w.pivot
}

// value returns the key with its value, or nil for no key. It may read the disk: ErrDisk.
func (w *Working) value(it *item) (*mvccpb.KeyValue, error) {
	kv, err := w.store.get(w.store.ctx, w.store.sequenced, it)
	return kv, w.blame(err)
}

// fill is for the present state, past's for older ones.
func (w *Working) fill(ctx context.Context, f found, kvs []*mvccpb.KeyValue) error {
	return w.blame(past{w}.fill(ctx, f, kvs))
}

type past struct{ *Working }

func (p past) fill(ctx context.Context, f found, kvs []*mvccpb.KeyValue) error {
	return p.store.fillFrom(ctx, p.store.sequenced, f, kvs)
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
	w := &Working{store: s, tree: base.tree.Copy(), rev: base.rev, undo: undoLog{floor: base.rev}, written: new(turnover)}
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
func (w *Working) Snapshot() *Snapshot {
	return &Snapshot{tree: w.tree.Copy(), rev: w.rev, written: w.written}
}

// Apply replays a record that follows the present state, of which nothing is kept: it may be a part of
// a larger message. Netsy's own records only move the revision, and have no event. On an
// error (ErrDisk: the previous value could not be read) nothing has changed.
func (w *Working) Apply(r *record.Record) (*mvccpb.Event, error) {
	pos, err := packPos(r.Revision, r.Sub)
	if err != nil {
		return nil, err
	}
	if r.Internal() {
		w.advance(r.Revision)
		return nil, nil
	}
	prev := w.find(r.Key)
	was, err := w.value(prev)
	if err != nil {
		return nil, err
	}
	own := *r
	own.Value = bytes.Clone(r.Value)
	if r.Deleted { // else the item has a copy
		own.Key = bytes.Clone(r.Key)
	}
	return w.write(&own, pos, prev, was), nil
}

func (w *Working) advance(to record.Revision) {
	w.undo.forget(w.store.Snapshot().rev)
	w.rev = to
}

// write makes r the present state of its key, in place of prev, with the value was.
func (w *Working) write(r *record.Record, pos rowPos, prev *item, was *mvccpb.KeyValue) *mvccpb.Event {
	w.advance(r.Revision)
	t, ev, key := turn{rev: r.Revision, old: prev}, (*mvccpb.Event)(nil), r.Key
	if r.Deleted {
		ev = event(r, was)
		w.tree.DeleteHint(w.at(r.Key), &w.hint)
	} else {
		ev = &mvccpb.Event{Type: mvccpb.PUT, PrevKv: was}
		t.new, ev.Kv = newItem(pos, keyValue(r)) // the event shares what the tree has
		w.tree.SetHint(t.new, &w.hint)
		key = t.new.key
	}
	w.undo.add(r.Revision, key, prev)
	w.written.add(t)
	return ev
}

// takeBack undoes the last write, of which nobody has been told.
func (w *Working) takeBack() {
	last := w.undo.pop()
	last.undo(w.tree)
	w.written.drop(last.rev)
	w.rev = last.rev - 1
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
	prev := w.find(req.Key)
	value, lease := req.Value, req.Lease
	if (req.IgnoreValue || req.IgnoreLease) && prev == nil {
		return nil, nil, ErrKeyNotFound
	}
	was, err := w.value(prev)
	if err != nil {
		return nil, nil, err
	}
	if req.IgnoreValue {
		value = was.Value
	}
	if req.IgnoreLease {
		lease = prev.lease
	}
	ch := w.change(putRecord(req.Key, value, lease, prev), stamp, prev, was)
	resp := &etcdserverpb.PutResponse{Header: w.header()}
	if req.PrevKv {
		resp.PrevKv = was
	}
	return resp, ch, nil
}

// DeleteRange deletes one key; ranges are ErrUnsupported. The change is nil when
// there was no such key.
func (w *Working) DeleteRange(req *etcdserverpb.DeleteRangeRequest, stamp Stamp) (*etcdserverpb.DeleteRangeResponse, *Change, error) {
	if err := checkDelete(req); err != nil {
		return nil, nil, err
	}
	prev := w.find(req.Key)
	if prev == nil {
		return &etcdserverpb.DeleteRangeResponse{Header: w.header()}, nil, nil
	}
	was, err := w.value(prev)
	if err != nil {
		return nil, nil, err
	}
	ch := w.change(tombstone(prev), stamp, prev, was)
	resp := &etcdserverpb.DeleteRangeResponse{Header: w.header(), Deleted: 1}
	if req.PrevKv {
		resp.PrevKvs = []*mvccpb.KeyValue{was}
	}
	return resp, ch, nil
}

// DeleteIfLease deletes key if it still holds the lease; nil if it doesn't.
func (w *Working) DeleteIfLease(key []byte, lease int64, stamp Stamp) (*Change, error) {
	prev := w.find(key)
	if prev == nil || prev.lease != lease || lease == 0 {
		return nil, nil
	}
	was, err := w.value(prev)
	if err != nil {
		return nil, err
	}
	return w.change(tombstone(prev), stamp, prev, was), nil
}

func (w *Working) header() *etcdserverpb.ResponseHeader {
	return &etcdserverpb.ResponseHeader{Revision: int64(w.rev)}
}

// change gives the record its revision and applies it.
func (w *Working) change(r record.Record, stamp Stamp, prev *item, was *mvccpb.KeyValue) *Change {
	r.Revision, r.Epoch, r.LeaderID, r.CreatedAt = w.rev+1, stamp.Epoch, stamp.LeaderID, stamp.Now
	if r.Created {
		r.CreateRevision = r.Revision
	}
	return &Change{Event: w.write(&r, firstOf(r.Revision), prev, was), Record: r}
}

func putRecord(key, value []byte, lease int64, prev *item) record.Record {
	r := record.Record{Key: key, Value: value, Lease: lease, Version: 1, Created: prev == nil}
	if prev != nil {
		r.Version = prev.version + 1
		r.CreateRevision, r.PrevRevision = record.Revision(prev.createRevision), prev.pos.revision()
	}
	return r
}

func tombstone(prev *item) record.Record {
	return record.Record{
		Key: prev.key, Deleted: true,
		CreateRevision: record.Revision(prev.createRevision), PrevRevision: prev.pos.revision(),
	}
}
