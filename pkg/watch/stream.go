package watch

import (
	"context"
	"iter"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/netsy-io/netsy/pkg/record"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

// noID is the watch id of answers that concern no watch, or all of a stream.
const noID = -1

// maxBroadcasts bounds the unsent progress notifications of a stream. A client
// that doesn't get one asks again.
const maxBroadcasts = 16

// Reasons of refused create requests: etcd's texts where it has one.
var (
	reasonEmptyRange  = "mvcc: watcher range is empty"
	reasonDuplicateID = "mvcc: duplicate watch ID provided on the WatchStream"
	reasonNegativeID  = "watch: watch_id is negative; leave it 0 to be given one"
	reasonCompacted   = rpctypes.ErrorDesc(rpctypes.ErrGRPCCompacted)
	reasonTooMany     = rpctypes.ErrorDesc(rpctypes.ErrGRPCRequestTooManyRequests)
)

// Stream is one client's connection to the hub: requests go in by Create, Cancel
// and Progress, in the order in which the client sent them; responses come out of
// Recv in the order in which they must be sent.
type Stream struct {
	hub     *Hub
	wake    chan struct{} // something was queued
	control chan struct{} // a token for each unsent answer to a request
	done    chan struct{} // closed by fail and Close

	// Of the one goroutine that calls Recv.
	ready []*pb.WatchResponse // fragments to send before anything else
	timer *time.Timer         // the next progress tick

	// mu comes after Hub.mu.
	mu         sync.Mutex
	watchers   map[int64]*watcher
	queue      queue
	broadcasts int // in queue
	nextID     int64
	err        error // why done was closed
}

// NewStream opens a stream. The caller must Close it. If the hub is closed, Recv
// says so.
func (h *Hub) NewStream() *Stream {
	s := &Stream{
		hub:      h,
		wake:     make(chan struct{}, 1),
		control:  make(chan struct{}, h.opts.ControlQueue),
		done:     make(chan struct{}),
		watchers: map[int64]*watcher{},
	}
	s.timer = time.NewTimer(s.interval())
	h.mu.Lock()
	defer h.mu.Unlock()
	h.streams[s] = struct{}{}
	h.opts.Metrics.streams.Set(float64(len(h.streams)))
	if h.err != nil {
		s.fail(h.err)
	}
	return s
}

// interval is the time to the next progress tick: up to a tenth longer than asked
// for, so that streams opened together don't tick together.
func (s *Stream) interval() time.Duration {
	d := s.hub.opts.ProgressInterval
	return d + rand.N(d/10)
}

// Close ends all watches of the stream and frees what it holds. Recv must not be
// running or be called any more, except to learn ErrClosed.
func (s *Stream) Close() {
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.streams, s)
	h.opts.Metrics.streams.Set(float64(len(h.streams)))
	s.mu.Lock()
	for _, w := range s.watchers {
		h.removeLocked(w)
	}
	s.mu.Unlock()
	s.fail(ErrClosed)
	s.timer.Stop()
}

// fail ends the stream: Recv returns err, and so do Create and Cancel.
func (s *Stream) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failLocked(err)
}

func (s *Stream) failLocked(err error) {
	if s.err == nil {
		s.err = err
		s.queue = queue{}
		close(s.done)
	}
}

// Create answers a create request: it makes the watch, or queues the refusal. It
// waits while too many answers are unsent. It fails only if ctx or the stream ends.
func (s *Stream) Create(ctx context.Context, r *pb.WatchCreateRequest) error {
	if err := s.controlToken(ctx); err != nil {
		return err
	}
	sp, ok := parseSpan(r.Key, r.RangeEnd)
	known := s.hub.history.CompactRevision()
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	h.compactLocked(known)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	how := admit(record.Revision(r.StartRevision), h.rev, h.floor)
	if reason := s.refuseLocked(r, ok, how); reason != "" {
		s.pushLocked(item{kind: refused, id: noID, rev: h.rev, reason: reason})
		return nil
	}
	s.admitLocked(newWatcher(s, s.idLocked(r.WatchId), sp, r), how)
	return nil
}

func (s *Stream) refuseLocked(r *pb.WatchCreateRequest, spanOK bool, how admission) string {
	switch _, taken := s.watchers[r.WatchId]; {
	case how == admitRefused:
		return reasonCompacted
	case !spanOK:
		return reasonEmptyRange
	case r.WatchId < 0:
		return reasonNegativeID
	case r.WatchId > 0 && taken:
		return reasonDuplicateID
	case s.hub.watchers >= s.hub.opts.MaxWatches:
		return reasonTooMany
	}
	return ""
}

// idLocked returns the id the client asked for, or a new one.
func (s *Stream) idLocked(asked int64) int64 {
	if asked > 0 {
		return asked
	}
	for s.watchers[s.nextID] != nil {
		s.nextID++
	}
	s.nextID++
	return s.nextID - 1
}

// admitLocked queues the acknowledgement, then starts w: nothing of a watch is ever
// queued before its acknowledgement.
func (s *Stream) admitLocked(w *watcher, how admission) {
	h := s.hub
	s.pushLocked(item{kind: created, id: w.id, rev: h.rev})
	if how == admitCompacted {
		s.pushLocked(item{kind: compacted, id: w.id, rev: h.rev, compact: h.floor})
		h.opts.Metrics.compacted.Inc()
		return
	}
	s.watchers[w.id] = w
	h.watchers++
	h.opts.Metrics.watchers.Set(float64(h.watchers))
	if how == admitLive {
		h.index.add(w)
		return
	}
	h.lagLocked(w, w.start)
	h.work.add(w)
}

// Cancel answers a cancel request. Ids that are not of a watch of this stream are
// ignored, so a watch is told once that it ended. It waits and fails as Create does.
func (s *Stream) Cancel(ctx context.Context, id int64) error {
	if err := s.controlToken(ctx); err != nil {
		return err
	}
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	w := s.watchers[id]
	if w == nil {
		<-s.control
		return nil
	}
	h.removeLocked(w)
	s.pushLocked(item{kind: canceled, id: id, rev: h.rev})
	return nil
}

// Progress answers a progress request: one notification for all watches of the
// stream, if every one of them has been sent everything up to the hub's revision
// before it; nothing otherwise, and the client asks again.
func (s *Stream) Progress() {
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil || !mayBroadcast(s.standingsLocked(), h.rev) {
		return
	}
	if t := s.queue.tail(); t != nil && t.kind == broadcast {
		t.rev = h.rev // nothing was queued since
		return
	}
	if s.broadcasts < maxBroadcasts {
		s.broadcasts++
		s.pushLocked(item{kind: broadcast, id: noID, rev: h.rev})
	}
}

func (s *Stream) standingsLocked() iter.Seq[standing] {
	return func(yield func(standing) bool) {
		for _, w := range s.watchers {
			if !yield(w.standing()) {
				return
			}
		}
	}
}

// controlToken waits until one more answer may be queued; Recv gives it back.
func (s *Stream) controlToken(ctx context.Context) error {
	select {
	case s.control <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.done:
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.err
	}
}

func (s *Stream) pushLocked(it item) {
	if s.err != nil {
		return
	}
	s.queue.push(it)
	select {
	case s.wake <- struct{}{}:
	default: // Recv will look anyway
	}
}

// pushEventsLocked queues b for w, within the last item if that is w's, too: a slow
// client gets fewer, larger responses.
func (s *Stream) pushEventsLocked(w *watcher, b batch) {
	w.pending = w.pending.plus(b.load)
	t := s.queue.tail()
	if t == nil || t.kind != events || t.w != w || !fits(t.batch.load, b.load, s.hub.queued) {
		s.pushLocked(item{kind: events, id: w.id, w: w, rev: b.last, batch: b})
		return
	}
	t.rev, t.batch.last = b.last, b.last
	t.batch.events = append(t.batch.events, b.events...)
	t.batch.load = t.batch.load.plus(b.load)
}
