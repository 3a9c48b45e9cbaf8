// Package watch hands the committed changes of a store to any number of watches,
// to the letter of etcd's watch protocol: in order, complete, without duplicates,
// from any revision that the history still holds. See DESIGN.md.
package watch

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/netsy-io/netsy/pkg/record"
	"go.etcd.io/etcd/api/v3/mvccpb"
)

// ErrClosed ends streams whose hub was closed without a better reason, or that
// were closed themselves.
var ErrClosed = errors.New("watch: closed")

// Hub is the fan-out of one store. All methods may be called concurrently, except
// that Publish and SkipTo have one caller.
type Hub struct {
	history History
	opts    Options
	queued  load // limit of what waits on one watch

	ctx    context.Context // ends with Close; bounds reads of history
	cancel context.CancelFunc
	wg     sync.WaitGroup // the catch-up workers
	work   workQueue

	// mu comes before Stream.mu. It is never held over I/O or anything that waits.
	mu        sync.Mutex
	rev       record.Revision // everything up to here was published
	compacted record.Revision // history below it is gone
	floor     record.Revision // no watch below it is admitted; at least compacted
	ring      ring
	index     index // the synced watches
	lagging   map[*watcher]struct{}
	streams   map[*Stream]struct{}
	watchers  int
	touched   []*watcher // scratch of Publish
	err       error      // set by Close
}

// NewHub makes a hub for a store whose committed revision is start, and starts its
// workers. history must hold everything up to there that isn't compacted.
func NewHub(history History, start record.Revision, opts Options) *Hub {
	opts = opts.withDefaults()
	h := &Hub{
		history: history, opts: opts, queued: load{opts.QueueEvents, opts.QueueBytes},
		rev:     start,
		ring:    ring{from: start + 1, limit: load{opts.RingEvents, opts.RingBytes}},
		lagging: map[*watcher]struct{}{}, streams: map[*Stream]struct{}{},
	}
	h.compacted = history.CompactRevision()
	h.floor = h.compacted
	h.ctx, h.cancel = context.WithCancel(context.Background())
	h.work.init()
	for range opts.CatchUpWorkers {
		h.wg.Go(h.catchUp)
	}
	return h
}

// Publish makes rev the hub's revision and hands events to the watches on them.
// events are all changes that clients may see since the last call, in order, of
// whole revisions, PrevKv set; there may be none. They are shared from now on and
// must not change. It has one caller, the committer, and never waits for a watch.
// Calls that go back or repeat a revision are a bug of the caller, and panic: no
// watch could be trusted after them.
func (h *Hub) Publish(rev record.Revision, events []*mvccpb.Event) {
	revs := byRevision(h.rev, rev, events) // h.rev is written by this caller alone, so it may be read without the lock
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err != nil {
		return
	}
	for i := range revs {
		h.ring.add(revs[i])
		h.matchLocked(&revs[i])
	}
	h.rev = rev
	for i, w := range h.touched {
		h.deliverLocked(w)
		h.touched[i] = nil
	}
	h.touched = h.touched[:0]
}

// SkipTo makes rev the hub's revision without giving the events up to there: the
// watches on them read them from the history. A reign begins with it, as the log
// may have brought more than was published so far. It counts as a Publish: both
// have the same one caller.
func (h *Hub) SkipTo(rev record.Revision) {
	known := h.history.CompactRevision()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err != nil || rev <= h.rev {
		return
	}
	h.compactLocked(known)
	from := h.rev + 1
	h.rev = rev
	h.ring = ring{from: rev + 1, limit: h.ring.limit}
	for s := range h.streams {
		for _, w := range s.missed(from, rev) {
			h.skipLocked(w, max(w.start, from))
		}
	}
}

// missed returns the synced watches that want some revision from from to to.
func (s *Stream) missed(from, to record.Revision) (ws []*watcher) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.watchers {
		if w.state == synced && !caughtUp(max(w.start, from), to) {
			ws = append(ws, w)
		}
	}
	return ws
}

// skipLocked makes the synced w read from next on, or cancels it if that is gone.
func (h *Hub) skipLocked(w *watcher, next record.Revision) {
	if outrun(next, h.floor) {
		h.cancelCompactedLocked(w)
		return
	}
	w.stream.mu.Lock()
	defer w.stream.mu.Unlock()
	h.index.remove(w)
	h.lagLocked(w, next)
	h.work.add(w)
}

// Revision returns the revision that was published last.
func (h *Hub) Revision() record.Revision {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rev
}

// byRevision parts the events of (prev, rev] by revision, leaving out Netsy's own keys.
func byRevision(prev, rev record.Revision, evs []*mvccpb.Event) []revision {
	if rev < prev {
		panic(fmt.Sprintf("watch: published revision %d after %d", rev, prev))
	}
	var revs []revision
	last := prev
	for _, ev := range evs {
		r := record.Revision(ev.Kv.ModRevision)
		if r <= prev || r < last || r > rev {
			panic(fmt.Sprintf("watch: published an event of revision %d after %d, up to %d", r, last, rev))
		}
		last = r
		if record.IsReserved(ev.Kv.Key) {
			continue
		}
		if len(revs) == 0 || revs[len(revs)-1].rev != r {
			revs = append(revs, revision{rev: r})
		}
		revs[len(revs)-1].add(newEvent(ev))
	}
	return revs
}

func (r *revision) add(e event) {
	r.events = append(r.events, e)
	r.load = r.load.plus(load{1, e.size})
}

// matchLocked collects the events of r in the batches of the synced watches.
func (h *Hub) matchLocked(r *revision) {
	for _, e := range r.events {
		h.index.match(string(e.full.Kv.Key), func(w *watcher) {
			if len(w.batch.events) > 0 {
				w.take(&w.batch, r.rev, e)
				return
			}
			if w.take(&w.batch, r.rev, e); len(w.batch.events) > 0 {
				h.touched = append(h.touched, w)
			}
		})
	}
}

// deliverLocked queues w's batch, or lets w fall back if its client is too slow.
func (h *Hub) deliverLocked(w *watcher) {
	b := w.batch
	w.batch = batch{}
	s := w.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	if fits(w.pending, b.load, h.queued) {
		s.pushEventsLocked(w, b)
		return
	}
	h.fallBackLocked(w, record.Revision(b.events[0].Kv.ModRevision))
}

// fallBackLocked makes w read for itself, from next on, once its client has read
// what is queued. Both locks are held.
func (h *Hub) fallBackLocked(w *watcher, next record.Revision) {
	h.index.remove(w)
	h.lagLocked(w, next)
	w.parked = true
	h.opts.Metrics.fellBack.Inc()
}

func (h *Hub) lagLocked(w *watcher, next record.Revision) {
	w.state, w.next = lagging, next
	h.lagging[w] = struct{}{}
	h.opts.Metrics.lagging.Set(float64(len(h.lagging)))
}

// joinLocked lets w, which has everything up to the hub's revision, take part in
// the fan-out. Both locks are held.
func (h *Hub) joinLocked(w *watcher) {
	h.unlagLocked(w)
	w.state = synced
	h.index.add(w)
}

func (h *Hub) unlagLocked(w *watcher) {
	delete(h.lagging, w)
	h.opts.Metrics.lagging.Set(float64(len(h.lagging)))
}

// removeLocked ends w. Both locks are held. What is queued for it stays queued.
func (h *Hub) removeLocked(w *watcher) {
	switch w.state {
	case synced:
		h.index.remove(w)
	case lagging:
		h.unlagLocked(w)
	case gone:
		return
	}
	w.state = gone
	delete(w.stream.watchers, w.id)
	h.watchers--
	h.opts.Metrics.watchers.Set(float64(h.watchers))
}

// Close ends every stream with err (ErrClosed if nil), stops the workers and waits
// for them.
func (h *Hub) Close(err error) {
	if err == nil {
		err = ErrClosed
	}
	h.mu.Lock()
	if h.err == nil {
		h.err = err
		for s := range h.streams {
			s.fail(err)
		}
	}
	h.mu.Unlock()
	h.cancel()
	h.work.close()
	h.wg.Wait()
}
