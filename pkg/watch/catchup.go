package watch

import (
	"errors"
	"fmt"
	"sync"

	"github.com/netsy-io/netsy/pkg/record"
	"go.etcd.io/etcd/api/v3/mvccpb"
)

// ringRevisions bounds the revisions that one step takes out of the ring: copying
// them is done within the lock.
const ringRevisions = 1024

// errChunkFull ends a read of history early; it is not a failure.
var errChunkFull = errors.New("watch: chunk is full")

// catchUp is a worker: it takes lagging watches in turn and reads a bounded step
// for each.
func (h *Hub) catchUp() {
	for {
		w, ok := h.work.take()
		if !ok {
			return
		}
		if st, ok := h.plan(w); ok {
			h.read(w, &st)
			h.finish(w, &st)
		}
	}
}

// step is one read for a lagging watch.
type step struct {
	from, to  record.Revision // inclusive
	recent    []revision      // out of the ring, else from history
	inRing    bool
	compacted record.Revision // as of when the step was planned
	batch     batch
	err       error
}

// visible is e as a watch may see it: of an event at the compaction revision the
// previous value counts as gone, whether it is still at hand or not, as in etcd.
func (st *step) visible(rev record.Revision, e event) event {
	if rev <= st.compacted {
		e.full = e.bare
	}
	return e
}

// plan chooses w's next read. ok is false if there is nothing to read now.
func (h *Hub) plan(w *watcher) (st step, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := w.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case w.state != lagging || s.err != nil || h.err != nil:
		return st, false
	case !drained(w.pending, h.queued):
		w.parked = true // the sender hands it back
		return st, false
	case caughtUp(w.next, h.rev):
		h.joinLocked(w)
		return st, false
	}
	st = h.stepLocked(w.next)
	if !st.inRing || h.rev-w.next >= record.Revision(h.opts.inlineRevisions) {
		return st, true
	}
	h.read(w, &st)
	h.finishLocked(w, &st)
	return st, false
}

func (h *Hub) stepLocked(from record.Revision) step {
	st := step{from: from, to: h.rev, inRing: h.ring.covers(from), compacted: h.compacted}
	if !st.inRing {
		st.to = min(h.rev, from+record.Revision(h.opts.ChunkRevisions)-1)
		h.opts.Metrics.steps.WithLabelValues("history").Inc()
		return st
	}
	h.opts.Metrics.steps.WithLabelValues("ring").Inc()
	limit := min(ringRevisions, h.opts.ChunkRevisions)
	st.recent = h.ring.since(from, limit)
	if n := len(st.recent); n == limit {
		st.to = st.recent[n-1].rev
	}
	return st
}

// read fills the step's batch with what w wants of [from, to]. If that is too much
// it stops after some whole revision and lowers to.
func (h *Hub) read(w *watcher, st *step) {
	if !st.inRing {
		h.readHistory(w, st)
		return
	}
	for i := range st.recent {
		r := &st.recent[i]
		for _, e := range r.events {
			if w.span.contains(string(e.full.Kv.Key)) {
				w.take(&st.batch, r.rev, st.visible(r.rev, e))
			}
		}
		if !drained(st.batch.load, h.queued) {
			st.to = r.rev
			return
		}
	}
}

func (h *Hub) readHistory(w *watcher, st *step) {
	key, end := w.span.request()
	prev := st.from - 1
	err := h.history.Events(h.ctx, st.from, st.to, key, end, func(rev record.Revision, evs []*mvccpb.Event) error {
		if rev <= prev || rev > st.to {
			return fmt.Errorf("history gave revision %d after %d, up to %d", rev, prev, st.to)
		}
		prev = rev
		for _, ev := range evs {
			if w.span.contains(string(ev.Kv.Key)) && !record.IsReserved(ev.Kv.Key) {
				w.take(&st.batch, rev, st.visible(rev, newEvent(ev)))
			}
		}
		if !drained(st.batch.load, h.queued) {
			st.to = rev
			return errChunkFull
		}
		return nil
	})
	if err != nil && !errors.Is(err, errChunkFull) {
		st.err = err
	}
}

// finish queues what was read and decides how w goes on.
func (h *Hub) finish(w *watcher, st *step) {
	known := h.history.CompactRevision()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.compactLocked(known) // may cancel w
	s := w.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	if w.state != lagging || s.err != nil || h.err != nil {
		return
	}
	if st.err != nil {
		s.failLocked(readError(w, st))
		return
	}
	h.finishLocked(w, st)
}

// readError ends the stream: its client opens another and resumes where it was,
// which retries the read, at the client's own pace.
func readError(w *watcher, st *step) error {
	return fmt.Errorf("watch: reading history of %q from revision %d to %d for watch %d (check the node's disk): %w",
		w.span.lo, st.from, st.to, w.id, st.err)
}

func (h *Hub) finishLocked(w *watcher, st *step) {
	if len(st.batch.events) > 0 {
		w.stream.pushEventsLocked(w, st.batch)
	}
	w.next = st.to + 1
	if caughtUp(w.next, h.rev) {
		h.joinLocked(w)
		return
	}
	h.work.add(w)
}

// workQueue hands lagging watches to the workers in turn. It holds each watch at
// most once, since a watch is either queued, with a worker, or parked; so it is
// bounded by the watches.
type workQueue struct {
	mu     sync.Mutex // innermost
	more   sync.Cond
	queue  []*watcher
	closed bool
}

func (q *workQueue) init() { q.more.L = &q.mu }

func (q *workQueue) add(w *watcher) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.queue = append(q.queue, w)
	q.more.Signal()
}

// take waits for a watch; ok is false once the queue is closed.
func (q *workQueue) take() (w *watcher, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.queue) == 0 && !q.closed {
		q.more.Wait()
	}
	if q.closed {
		return nil, false
	}
	w = q.queue[0]
	q.queue[0] = nil
	q.queue = q.queue[1:]
	return w, true
}

func (q *workQueue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.more.Broadcast()
}
