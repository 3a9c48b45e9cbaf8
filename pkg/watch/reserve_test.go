package watch

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/netsy-io/netsy/pkg/record"
)

func TestNeeds(t *testing.T) {
	for _, c := range []struct {
		next   record.Revision
		prevKV bool
		want   record.Revision
	}{{1, false, 1}, {1, true, 1}, {2, false, 2}, {2, true, 1}, {9, false, 9}, {9, true, 8}} {
		if got := needs(c.next, c.prevKV); got != c.want {
			t.Errorf("next %d, previous values %v: needs %d, want %d", c.next, c.prevKV, got, c.want)
		}
	}
}

func TestMayReserve(t *testing.T) {
	for target := range record.Revision(6) {
		for rev := range record.Revision(6) {
			for needed := range record.Revision(6) {
				want := target <= rev
				if needed > 0 && needed < target {
					want = false
				}
				if got := mayReserve(target, rev, needed); got != want {
					t.Errorf("target %d at %d, needed %d: %v", target, rev, needed, got)
				}
			}
		}
	}
}

// TestReserve goes through every target, with a watch at every place, and admits
// watches from every revision afterwards.
func TestReserve(t *testing.T) {
	const now = 6
	for target := record.Revision(1); target <= now+2; target++ {
		for next := record.Revision(0); next <= now+2; next++ { // 0: no watch
			for kind := range 4 {
				testReserve(t, target, next, kind&1 == 1, kind&2 == 2)
			}
		}
	}
}

func testReserve(t *testing.T, target, next record.Revision, prevKV, force bool) {
	const now = 6
	inBubble(t, Options{RingEvents: 1}, func(r *rig) {
		for i := range now - 1 {
			r.write("a", fmt.Sprint(i)) // 2..6
		}
		name := fmt.Sprintf("target %d, next %d, previous values %v, force %v", target, next, prevKV, force)
		release := func() {}
		s := r.stream()
		if next > 0 {
			gate := make(chan struct{})
			release = sync.OnceFunc(func() { close(gate) })
			defer release()
			r.store.gate = func() { <-gate } // stops it within its read
			r.create(s, &pb.WatchCreateRequest{Key: []byte("a"), StartRevision: int64(next), PrevKv: prevKV})
			synctest.Wait()
		}
		least := record.Revision(now)
		if next > 0 && next < now { // at now it is read from the ring at once
			least = needs(next, prevKV)
		}
		needed, ok := r.hub.Reserve(target, force)
		switch {
		case force && ok != (target <= now), !force && ok != (target <= least), !ok && !force && needed != least:
			t.Fatalf("%s: needs %d, %v", name, needed, ok)
		}
		floor := record.Revision(0)
		if ok || force {
			floor = min(target, now)
		}
		if _, again := r.hub.Reserve(floor, false); !again { // what was said stays
			t.Errorf("%s: %d is refused when asked again", name, floor)
		}
		r.hub.Reserve(floor-1, false)
		release()
		if got := r.drain(s); next > 0 {
			cancelled := len(got) > 1 && got[1] == fmt.Sprintf("0@%d canceled compact=%d", now, floor)
			if cancelled != (next < floor) {
				t.Errorf("%s: %q", name, got)
			}
		}
		for start := record.Revision(0); start <= now+2; start++ {
			s := r.stream()
			r.create(s, on("a", "", int64(start)))
			got := r.drain(s)
			cancelled := len(got) > 1 && got[1] == fmt.Sprintf("0@%d canceled compact=%d", now, floor)
			if cancelled != (start > 0 && start < floor) || r.hub.compacted != 0 {
				t.Errorf("%s: from %d on: %q", name, start, got)
			}
		}
	})
}

// TestReserveConcurrently admits watches while others are reserved against: none is
// ever left below the floor.
func TestReserveConcurrently(t *testing.T) {
	const writes = 3000
	s := newStore()
	s.write("a", "0")
	h := NewHub(s, 1, Options{RingEvents: 20, ChunkRevisions: 10, inlineRevisions: 2})
	var wg sync.WaitGroup
	var done atomic.Bool
	for range 4 {
		st := h.NewStream()
		wg.Go(func() { // ends with the hub
			for {
				if _, err := st.Recv(context.Background()); err != nil {
					st.Close()
					return
				}
			}
		})
		wg.Go(func() { // ends with done
			for i := int64(1); !done.Load(); i++ {
				h.mu.Lock()
				start := max(1, int64(h.floor)+i%7-3)
				h.mu.Unlock()
				if st.Create(context.Background(), &pb.WatchCreateRequest{Key: []byte("a"), StartRevision: start, WatchId: i, PrevKv: i%2 == 0}) != nil ||
					i > 5 && st.Cancel(context.Background(), i-5) != nil {
					return
				}
			}
		})
	}
	agreed, refused := 0, 0
	for i := range writes {
		evs := s.write("a", fmt.Sprint(i))
		h.Publish(s.rev, evs)
		if _, ok := h.Reserve(s.rev-5, i%50 == 0); ok {
			agreed++
		} else {
			refused++
		}
		runtime.Gosched()
		h.mu.Lock()
		for w := range h.lagging {
			if w.next < h.floor {
				t.Errorf("a watch reads from %d on, the floor is %d", w.next, h.floor)
			}
		}
		h.mu.Unlock()
	}
	done.Store(true)
	h.Close(nil)
	wg.Wait()
	if agreed == 0 || refused == 0 {
		t.Errorf("agreed %d times, refused %d times", agreed, refused)
	}
}
