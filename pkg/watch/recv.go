package watch

import (
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// Recv returns the next response to send, waiting for one. It fails when ctx ends,
// with the hub's reason when the hub is closed, with ErrClosed after Close, and
// when history couldn't be read. One goroutine calls it, and sends what it gets in
// that order. Responses share events with others: they must not be changed.
func (s *Stream) Recv(ctx context.Context) (*pb.WatchResponse, error) {
	for {
		if r := s.fragment(); r != nil {
			return r, nil
		}
		s.tick()
		it, ok, err := s.pop()
		if err != nil {
			return nil, err
		}
		if ok {
			s.ready = s.respond(it)
			continue
		}
		if err := s.wait(ctx); err != nil {
			return nil, err
		}
	}
}

func (s *Stream) fragment() *pb.WatchResponse {
	if len(s.ready) == 0 {
		return nil
	}
	r := s.ready[0]
	s.ready[0] = nil
	s.ready = s.ready[1:]
	return r
}

func (s *Stream) wait(ctx context.Context) error {
	select {
	case <-s.wake:
	case <-s.done: // pop will say why
	case <-s.timer.C:
		s.notify()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// tick sees to it that a busy stream has its progress ticks, too.
func (s *Stream) tick() {
	select {
	case <-s.timer.C:
		s.notify()
	default:
	}
}

// notify queues a notification for each watch that asked for them and was sent
// nothing since the last tick.
func (s *Stream) notify() {
	s.timer.Reset(s.interval())
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.watchers {
		if !w.notify {
			continue
		}
		if w.quiet && !w.notifying && mayNotify(w.standing(), h.rev) {
			w.notifying = true
			s.pushLocked(item{kind: progress, id: w.id, w: w, rev: h.rev})
		}
		w.quiet = true
	}
}

// pop takes the next item to send, and does what its leaving the queue allows.
func (s *Stream) pop() (item, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return item{}, false, s.err
	}
	it, ok := s.queue.pop()
	if ok {
		s.poppedLocked(it)
	}
	return it, ok, nil
}

func (s *Stream) poppedLocked(it item) {
	switch it.kind {
	case created, refused, canceled:
		<-s.control
	case broadcast:
		s.broadcasts--
		for _, w := range s.watchers {
			w.quiet = false // they have all been told
		}
	case progress:
		it.w.notifying = false
	case events:
		s.sentEventsLocked(it)
	}
}

// sentEventsLocked makes room on the watch of it, which may let it read on.
func (s *Stream) sentEventsLocked(it item) {
	w := it.w
	w.pending = w.pending.minus(it.batch.load)
	w.quiet = false
	if w.parked && drained(w.pending, s.hub.queued) {
		w.parked = false
		s.hub.work.add(w)
	}
}

// respond makes the responses that say it.
func (s *Stream) respond(it item) []*pb.WatchResponse {
	o := &s.hub.opts
	r := &pb.WatchResponse{Header: o.Header(it.rev), WatchId: it.id}
	switch it.kind {
	case created:
		r.Created = true
	case refused:
		r.Created, r.Canceled, r.CancelReason = true, true, it.reason
	case canceled:
		r.Canceled = true
	case compacted:
		r.Canceled, r.CompactRevision = true, int64(it.compact)
	case progress, broadcast:
		o.Metrics.progress.Inc()
	case events:
		o.Metrics.events.Add(float64(len(it.batch.events)))
		r.Events = it.batch.events
		if it.w.fragment {
			return fragments(r, o.FragmentBytes)
		}
	}
	return []*pb.WatchResponse{r}
}
