package watch

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// Writer, askers and readers run at once, as in life; every revision changes "a", so
// each watch must see each revision. Most useful under -race.
func TestConcurrently(t *testing.T) {
	const streams = 4
	s := newStore()
	s.write("a", "0")
	h := NewHub(s, 1, Options{RingEvents: 20, QueueEvents: 10, ChunkRevisions: 30, inlineRevisions: 2})
	var wg sync.WaitGroup
	done := make(chan struct{})
	var all []*concurrent
	for i := range streams {
		c := &concurrent{t: t, live: i%2 == 0, stream: h.NewStream(), next: map[int64]int64{}}
		all = append(all, c)
		wg.Go(func() { c.ask(done) })
		wg.Go(c.read)
	}
	satisfied := func(c *concurrent) bool { return c.got.Load() > 3000 && (!c.live || c.promised.Load() > 10) }
	writes := 0
	for ; writes < 1_000_000 && slices.ContainsFunc(all, func(c *concurrent) bool { return !satisfied(c) }); writes++ {
		evs := s.write("a", fmt.Sprint(writes))
		h.Publish(s.rev, evs)
		if writes%100 == 99 {
			s.forget(s.rev - 500)
			h.Compacted(s.CompactRevision())
		}
		h.MinNeeded()
		runtime.Gosched()
	}
	close(done)
	h.Close(nil)
	wg.Wait()
	for i, c := range all {
		if !satisfied(c) {
			t.Errorf("stream %d: %d events, %d promises after %d writes", i, c.got.Load(), c.promised.Load(), writes)
		}
	}
}

type concurrent struct {
	t      *testing.T
	stream *Stream
	live   bool            // all its watches start at the present, so that promises are frequent
	next   map[int64]int64 // by watch: the revision to come, 0 = any

	got, promised atomic.Int64 // events, progress notifications
}

// ask makes and cancels watches until done.
func (c *concurrent) ask(done chan struct{}) {
	for i := int64(1); ; i++ {
		for seen := c.stream.hub.Revision(); c.stream.hub.Revision() < seen+3; runtime.Gosched() {
			select {
			case <-done:
				return
			default:
			}
		}
		req := &pb.WatchCreateRequest{Key: []byte("a"), WatchId: i, PrevKv: true}
		if !c.live { // near the present, or a little too far back
			req.StartRevision = max(1, int64(c.stream.hub.Revision())-rand.Int64N(600)+20)
		}
		if err := c.stream.Create(context.Background(), req); err != nil {
			return
		}
		c.stream.Progress()
		if i > 20 {
			if err := c.stream.Cancel(context.Background(), i-20); err != nil {
				return
			}
		}
	}
}

func (c *concurrent) read() {
	defer c.stream.Close()
	for {
		r, err := c.stream.Recv(context.Background())
		if err != nil {
			if !errors.Is(err, ErrClosed) {
				c.t.Error(err)
			}
			return
		}
		if err := c.check(r); err != nil {
			c.t.Errorf("%s: %v", show(r), err)
		}
	}
}

func (c *concurrent) check(r *pb.WatchResponse) error {
	next, known := c.next[r.WatchId]
	switch {
	case r.Created:
		c.next[r.WatchId] = 0
		return nil
	case r.WatchId == noID:
		c.promised.Add(1)
		for id, next := range c.next {
			if next != 0 && next <= r.Header.Revision {
				return fmt.Errorf("watch %d was only sent what is below %d", id, next)
			}
		}
		return nil
	case !known:
		return errors.New("no such watch")
	case r.Canceled:
		delete(c.next, r.WatchId)
		return nil
	}
	for _, e := range r.Events {
		if next != 0 && e.Kv.ModRevision != next {
			return fmt.Errorf("want revision %d", next)
		}
		next = e.Kv.ModRevision + 1
		c.got.Add(1)
	}
	c.next[r.WatchId] = next
	return nil
}
