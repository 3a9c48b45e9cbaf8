package replication

import (
	"context"
	"fmt"
	"iter"
	"sync"

	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/netsy-io/netsy/pkg/mvcc"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/watch"
)

// pendingBytes bounds the records kept in memory between being stored and being
// committed. Beyond it they are read from the store again.
const pendingBytes = 64 << 20

// Applier publishes on a replica what is stored and known to be committed: to readers,
// then to watches. A node keeps one. It may be used by one stream at a time, and not
// while a reign publishes; between the two it finds its way by itself.
//
// It publishes a revision only if Agreed or Stored has said that the history being
// followed is stored up to there, and Committed that the Primary has committed it.
type Applier struct {
	store *mvcc.Store
	hub   *watch.Hub
	part  int // publishBytes

	publishing sync.Mutex    // comes before mu
	working    *mvcc.Working // the state as last published by this applier; nil: to be made

	mu      sync.Mutex
	stored  record.Revision
	pending pending
}

// NewApplier makes an Applier that has been told nothing.
func NewApplier(store *mvcc.Store, hub *watch.Hub) *Applier {
	return &Applier{store: store, hub: hub, part: publishBytes, pending: pending{limit: pendingBytes}}
}

// Agreed begins anew: the stored history is the one being followed, and ends at rev.
func (a *Applier) Agreed(rev record.Revision) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pending.forget()
	a.stored = rev
}

// Stored says that recs, which follow what was stored, are durable now. They are kept
// and must not change.
func (a *Applier) Stored(_ context.Context, recs []record.Record) {
	if len(recs) == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pending.add(recs)
	a.stored = recs[len(recs)-1].Revision
}

// Committed says that everything up to rev is committed, stored here or not, and
// compacted up to compaction. It publishes what is both, and compacts as far as that.
func (a *Applier) Committed(ctx context.Context, rev, compaction record.Revision) error {
	a.publishing.Lock()
	defer a.publishing.Unlock()
	if err := a.publish(ctx, rev); err != nil {
		a.working = nil
		return fmt.Errorf("replication: publishing up to revision %d: %w", rev, err)
	}
	return a.compact(ctx, compaction)
}

func (a *Applier) publish(ctx context.Context, rev record.Revision) error {
	published := a.store.Snapshot().Revision()
	a.mu.Lock()
	rev = min(rev, a.stored)
	recs, ok := a.pending.take(published, rev)
	a.mu.Unlock()
	switch {
	case rev <= published:
		return nil
	case !ok || a.working == nil || a.working.Revision() != published:
		return a.rebuild(ctx, rev)
	}
	for len(recs) > 0 {
		n, err := a.publishSome(ctx, recs)
		if err != nil {
			return err
		}
		recs = recs[n:]
	}
	return nil
}

// Bounds of what is published at once: of the previous values that the events hold, and of
// those that are brought from the disk at a time.
const (
	publishBytes  = 4 << 20
	warmedRecords = 64
)

// publishSome publishes the first of recs, a whole number of revisions, and says how many.
func (a *Applier) publishSome(ctx context.Context, recs []record.Record) (n int, err error) {
	var (
		events []*mvccpb.Event
		bytes  int
	)
	for n < len(recs) && (bytes < a.part || recs[n].Revision == recs[n-1].Revision) {
		if n%warmedRecords == 0 {
			a.store.Warm(ctx, replaced(recs[n:min(n+warmedRecords, len(recs))]))
		}
		ev, err := a.working.Apply(&recs[n])
		if err != nil {
			return 0, err
		}
		if n++; ev == nil {
			continue
		}
		events = append(events, ev)
		if ev.PrevKv != nil {
			bytes += len(ev.PrevKv.Value)
		}
	}
	if err := a.store.Publish(a.working.Snapshot()); err != nil {
		return 0, err
	}
	a.hub.Publish(recs[n-1].Revision, events)
	return n, nil
}

// replaced are the keys that were there before recs.
func replaced(recs []record.Record) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for i := range recs {
			if !recs[i].Created && !yield(recs[i].Key) {
				return
			}
		}
	}
}

// rebuild publishes from the store. Watches read what they missed from there, too.
func (a *Applier) rebuild(ctx context.Context, rev record.Revision) error {
	w, err := a.store.NewWorkingAt(ctx, rev)
	if err != nil {
		return err
	}
	if err := a.store.Publish(w.Snapshot()); err != nil {
		return err
	}
	a.hub.SkipTo(rev)
	a.working = w
	return nil
}

// Reserve asks the watches of this replica whether history may be compacted at rev, as
// watch.Hub.Reserve says.
func (a *Applier) Reserve(rev record.Revision, force bool) (needed record.Revision, ok bool) {
	return a.hub.Reserve(rev, force)
}

// needed is the lowest revision that watches need of the history; 0: none.
func (a *Applier) needed() record.Revision {
	rev, _ := a.hub.MinNeeded()
	return rev
}

func (a *Applier) compact(ctx context.Context, rev record.Revision) error {
	rev = min(rev, a.store.Snapshot().Revision())
	if rev <= a.store.CompactRevision() {
		return nil
	}
	if err := a.store.Compact(ctx, rev); err != nil {
		return err
	}
	a.hub.Compacted(rev)
	return nil
}
