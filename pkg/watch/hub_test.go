package watch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/netsy-io/netsy/pkg/record"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// rig is a store with its hub, inside a synctest bubble.
type rig struct {
	t     *testing.T
	store *store
	hub   *Hub
}

func newRig(t *testing.T, o Options) *rig {
	s := newStore()
	s.write() // revision 1, internal
	r := &rig{t: t, store: s}
	r.hub = NewHub(s, s.rev, o)
	t.Cleanup(func() { r.hub.Close(nil) })
	return r
}

func (r *rig) write(kvs ...string) {
	evs := r.store.write(kvs...)
	r.hub.Publish(r.store.rev, evs)
}

func (r *rig) stream() *Stream {
	s := r.hub.NewStream()
	r.t.Cleanup(s.Close)
	return s
}

func (r *rig) create(s *Stream, req *pb.WatchCreateRequest) {
	r.t.Helper()
	if err := s.Create(context.Background(), req); err != nil {
		r.t.Fatal(err)
	}
}

// drain returns what s sends until everything is idle, as strings.
func (r *rig) drain(s *Stream) []string {
	r.t.Helper()
	var out []string
	for {
		resp, err := recvIdle(s)
		if errors.Is(err, context.DeadlineExceeded) {
			return out
		}
		if err != nil {
			r.t.Fatal(err)
		}
		out = append(out, show(resp))
	}
}

// recvIdle fails with DeadlineExceeded when nothing more can come: in a bubble the
// clock moves only when everybody waits.
func recvIdle(s *Stream) (*pb.WatchResponse, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Microsecond)
	defer cancel()
	return s.Recv(ctx)
}

// show writes a response as "id@rev flags events", events as PUT a=1@2(prev).
func show(r *pb.WatchResponse) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d@%d", r.WatchId, r.Header.Revision)
	for _, f := range []struct {
		on   bool
		name string
	}{
		{r.Created, "created"}, {r.Canceled, "canceled"}, {r.Fragment, "fragment"},
		{r.CompactRevision != 0, fmt.Sprintf("compact=%d", r.CompactRevision)},
		{r.CancelReason != "", fmt.Sprintf("reason=%q", r.CancelReason)},
	} {
		if f.on {
			b.WriteString(" " + f.name)
		}
	}
	for _, e := range r.Events {
		fmt.Fprintf(&b, " %s %s=%s@%d", e.Type, e.Kv.Key, e.Kv.Value, e.Kv.ModRevision)
		if e.PrevKv != nil {
			fmt.Fprintf(&b, "(%s)", e.PrevKv.Value)
		}
	}
	return b.String()
}

func (r *rig) expect(s *Stream, want ...string) {
	r.t.Helper()
	if got := r.drain(s); !slices.Equal(got, want) {
		r.t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func inBubble(t *testing.T, o Options, f func(r *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(newRig(t, o)) })
}

func on(key, end string, start int64) *pb.WatchCreateRequest {
	return &pb.WatchCreateRequest{Key: []byte(key), RangeEnd: []byte(end), StartRevision: start, PrevKv: true}
}

func TestLive(t *testing.T) {
	inBubble(t, Options{}, func(r *rig) {
		s := r.stream()
		r.create(s, on("a", "", 0))
		r.write("a", "1", "b", "1")
		r.write("a", "2")
		r.write("a", "")
		r.expect(s, "0@1 created", "0@4 PUT a=1@2 PUT a=2@3(1) DELETE a=@4(2)")
	})
}

func TestReplayThenLive(t *testing.T) {
	inBubble(t, Options{RingEvents: 2}, func(r *rig) {
		for i := range 5 {
			r.write("a", fmt.Sprint(i)) // 2..6
		}
		s := r.stream()
		r.create(s, on("a", "", 3))
		r.expect(s, "0@6 created", "0@6 PUT a=1@3(0) PUT a=2@4(1) PUT a=3@5(2) PUT a=4@6(3)")
		r.write("a", "x")
		r.expect(s, "0@7 PUT a=x@7(4)")
		r.create(s, on("a", "", 6)) // in the ring
		r.expect(s, "1@7 created", "1@7 PUT a=4@6(3) PUT a=x@7(4)")
		if got := r.store.calls; !slices.Equal(got, []record.Revision{3}) {
			t.Errorf("history was read from %v, want once from 3", got)
		}
	})
}

func TestFutureStart(t *testing.T) {
	inBubble(t, Options{ProgressInterval: time.Second}, func(r *rig) {
		s := r.stream()
		req := on("a", "", 4)
		req.ProgressNotify = true
		r.create(s, req)
		r.write("a", "1")
		r.write("a", "2")
		s.Progress()
		time.Sleep(3 * time.Second)
		r.expect(s, "0@1 created")
		r.write("a", "3")
		s.Progress()
		r.expect(s, "0@4 PUT a=3@4(2)", "-1@4")
	})
}

func TestRefusals(t *testing.T) {
	inBubble(t, Options{MaxWatches: 2}, func(r *rig) {
		s := r.stream()
		r.create(s, on("a", "", -1))
		r.create(s, on("b", "a", 0))
		r.create(s, on("a", "a", 0))
		req := on("a", "", 0)
		req.WatchId = -5
		r.create(s, req)
		req.WatchId = 7
		r.create(s, req)
		r.create(s, req)
		r.create(s, on("a", "", 0))
		r.create(s, on("a", "", 0))
		r.expect(s,
			`-1@1 created canceled reason="etcdserver: mvcc: required revision has been compacted"`,
			`-1@1 created canceled reason="mvcc: watcher range is empty"`,
			`-1@1 created canceled reason="mvcc: watcher range is empty"`,
			`-1@1 created canceled reason="watch: watch_id is negative; leave it 0 to be given one"`,
			"7@1 created",
			`-1@1 created canceled reason="mvcc: duplicate watch ID provided on the WatchStream"`,
			"0@1 created",
			`-1@1 created canceled reason="etcdserver: too many requests"`,
		)
	})
}

func TestIDsAreUnique(t *testing.T) {
	inBubble(t, Options{}, func(r *rig) {
		s := r.stream()
		req := on("a", "", 0)
		req.WatchId = 1
		r.create(s, req)
		for range 3 {
			r.create(s, on("a", "", 0))
		}
		r.expect(s, "1@1 created", "0@1 created", "2@1 created", "3@1 created")
	})
}

func TestCancelOnce(t *testing.T) {
	inBubble(t, Options{}, func(r *rig) {
		s := r.stream()
		r.create(s, on("a", "", 0))
		for _, id := range []int64{0, 0, 9, -1} {
			if err := s.Cancel(context.Background(), id); err != nil {
				t.Fatal(err)
			}
		}
		r.write("a", "1")
		r.expect(s, "0@1 created", "0@1 canceled")
	})
}

func TestCompactedStart(t *testing.T) {
	for _, ring := range []int{1, 100} { // what is in the ring is gone all the same
		testCompactedStart(t, ring)
	}
}

// A compaction comes between the admission of a watch and its read.
func TestCompactedWhileReading(t *testing.T) {
	inBubble(t, Options{RingEvents: 1}, func(r *rig) {
		for i := range 5 {
			r.write("a", fmt.Sprint(i)) // 2..6
		}
		r.store.gate = func() { r.store.setCompact(5) }
		s := r.stream()
		r.create(s, on("a", "", 3))
		r.create(s, on("b", "", 0))
		r.write("b", "1")
		got := r.drain(s)
		slices.Sort(got)
		if want := []string{"0@6 created", "0@7 canceled compact=5", "1@6 created", "1@7 PUT b=1@7"}; !slices.Equal(got, want) &&
			!slices.Contains(got, "0@6 canceled compact=5") {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func testCompactedStart(t *testing.T, ring int) {
	inBubble(t, Options{RingEvents: ring}, func(r *rig) {
		for i := range 5 {
			r.write("a", fmt.Sprint(i)) // 2..6
		}
		r.store.setCompact(4)
		s := r.stream()
		r.create(s, on("a", "", 3)) // the hub was not told yet
		synctest.Wait()
		r.hub.Compacted(4)
		r.create(s, on("a", "", 3))
		r.create(s, on("a", "", 4))
		if err := s.Cancel(context.Background(), 0); err != nil {
			t.Fatal(err)
		}
		r.expect(s, "0@6 created", "0@6 canceled compact=4", "1@6 created", "1@6 canceled compact=4",
			"2@6 created", "2@6 PUT a=2@4 PUT a=3@5(2) PUT a=4@6(3)")
	})
}

func TestCompactionOutrunsCatchUp(t *testing.T) {
	inBubble(t, Options{RingEvents: 1, QueueEvents: 2}, func(r *rig) {
		s := r.stream()
		r.create(s, on("a", "", 0))
		for i := range 6 {
			r.write("a", fmt.Sprint(i)) // 2..7; falls back at 4
		}
		for range 2 {
			if rev, ok := r.hub.MinNeeded(); rev != 3 || !ok { // the value before 4
				t.Errorf("needs %d, %v, want 3", rev, ok)
			}
			r.hub.Compacted(4)
		}
		r.store.setCompact(5)
		r.hub.Compacted(5)
		if rev, ok := r.hub.MinNeeded(); ok {
			t.Errorf("needs %d, want nothing", rev)
		}
		r.expect(s, "0@1 created", "0@3 PUT a=0@2 PUT a=1@3(0)", "0@7 canceled compact=5")
	})
}

// A hub that was fed up to 3 goes on after 12, as at the start of a reign.
func TestSkipTo(t *testing.T) {
	for _, compact := range []record.Revision{0, 3, 4, 5, 10} {
		inBubble(t, Options{}, func(r *rig) {
			s := r.stream()
			for _, start := range []int64{0, 9, 12, 13} {
				r.create(s, on("a", "", start))
			}
			r.create(s, on("b", "", 0))
			r.write("a", "1")
			r.write("a", "2") // 3
			for i := range 9 {
				r.store.write("a", fmt.Sprint(i+4)) // 4..12
			}
			got := r.drain(s)[5:]
			r.store.setCompact(compact)
			r.hub.SkipTo(12)
			r.hub.SkipTo(11)
			got = append(got, r.drain(s)...)
			slices.Sort(got)
			rest := "PUT a=9@9(8) PUT a=10@10(9) PUT a=11@11(10) PUT a=12@12(11)"
			want := []string{
				"0@12 PUT a=4@4(2) PUT a=5@5(4) PUT a=6@6(5) PUT a=7@7(6) PUT a=8@8(7) " + rest,
				"0@3 PUT a=1@2 PUT a=2@3(1)", "1@12 " + rest, "2@12 PUT a=12@12(11)",
			}
			if compact == 4 { // the previous value went with it
				want[0] = strings.Replace(want[0], "@4(2)", "@4", 1)
			}
			switch {
			case compact > 9:
				want = []string{"0@12 canceled compact=10", want[1], "1@12 canceled compact=10", want[3], "4@12 canceled compact=10"}
			case compact > 4:
				want = []string{"0@12 canceled compact=5", want[1], want[2], want[3], "4@12 canceled compact=5"}
			}
			if !slices.Equal(got, want) {
				t.Errorf("compacted at %d: got %q\nwant %q", compact, got, want)
			}
			r.write("a", "end")
			s.Progress()
			got = r.drain(s)
			slices.Sort(got)
			if compact < 4 && len(got) != 5 || got[0] != "-1@13" || !slices.Contains(got, "3@13 PUT a=end@13(12)") {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestSlowWatchRejoinsWithoutGap(t *testing.T) {
	for _, ring := range []int{1, 1000} {
		inBubble(t, Options{RingEvents: ring, QueueEvents: 4}, func(r *rig) {
			s, quick := r.stream(), r.stream()
			r.create(s, on("a", "", 0))
			r.create(quick, on("a", "", 0))
			r.drain(quick)
			for i := range 100 {
				r.write("a", fmt.Sprint(i))
				if got := r.drain(quick); len(got) != 1 {
					t.Fatalf("the quick watch got %q", got)
				}
			}
			next := int64(2)
			for {
				resp, err := recvIdle(s)
				if err != nil {
					break
				}
				if n := len(resp.Events); n > 4 {
					t.Errorf("%d events in one response, the bound is 4", n)
				}
				for _, e := range resp.Events {
					if e.Kv.ModRevision != next {
						t.Fatalf("got revision %d, want %d", e.Kv.ModRevision, next)
					}
					next++
				}
			}
			if next != 102 {
				t.Errorf("got events up to %d, want 101", next-1)
			}
			r.write("a", "end")
			r.expect(s, "0@102 PUT a=end@102(99)")
		})
	}
}

func TestRevisionIsNeverSplit(t *testing.T) {
	inBubble(t, Options{RingEvents: 1, QueueEvents: 2}, func(r *rig) {
		r.write("a", "1", "b", "1", "c", "1", "d", "1")
		s := r.stream()
		r.create(s, on("a", "\x00", 2))
		want := "0@2 PUT a=1@2 PUT b=1@2 PUT c=1@2 PUT d=1@2"
		r.expect(s, "0@2 created", want)
		r.write("a", "", "b", "", "c", "", "d", "")
		r.expect(s, "0@3 DELETE a=@3(1) DELETE b=@3(1) DELETE c=@3(1) DELETE d=@3(1)")
	})
}

func TestProgressWaitsForTheSlowestWatch(t *testing.T) {
	inBubble(t, Options{QueueEvents: 2}, func(r *rig) {
		s, other := r.stream(), r.stream()
		s.Progress()
		r.expect(s) // no watch, nothing to say
		r.create(s, on("a", "", 0))
		r.create(s, on("b", "", 0))
		r.create(other, on("b", "", 0))
		s.Progress()
		r.expect(s, "0@1 created", "1@1 created", "-1@1")
		for i := range 4 {
			r.write("a", fmt.Sprint(i))
		}
		s.Progress() // watch 0 lags
		other.Progress()
		r.expect(other, "0@1 created", "-1@5")
		r.expect(s, "0@3 PUT a=0@2 PUT a=1@3(0)", "0@5 PUT a=2@4(1) PUT a=3@5(2)")
		s.Progress()
		r.expect(s, "-1@5")
	})
}

func TestProgressFollowsEvents(t *testing.T) {
	inBubble(t, Options{}, func(r *rig) {
		s := r.stream()
		r.create(s, on("a", "", 0))
		r.write("a", "1")
		s.Progress()
		s.Progress() // says nothing new
		r.write("b", "1")
		s.Progress() // moves the one that waits
		r.write("a", "2")
		for range 100 {
			s.Progress()
			r.write("a", "x")
		}
		got := r.drain(s)
		if !slices.Equal(got[:4], []string{"0@1 created", "0@2 PUT a=1@2", "-1@3", "0@4 PUT a=2@4(1)"}) {
			t.Errorf("got %q", got[:4])
		}
		n := 0
		for _, g := range got {
			if strings.HasPrefix(g, "-1@") {
				n++
			}
		}
		if n != maxBroadcasts {
			t.Errorf("%d notifications waited, want %d", n, maxBroadcasts)
		}
		s.Progress()
		r.expect(s, fmt.Sprintf("-1@%d", r.store.rev))
	})
}

func TestPeriodicProgress(t *testing.T) {
	inBubble(t, Options{ProgressInterval: 10 * time.Second}, func(r *rig) {
		s := r.stream()
		notify := on("a", "", 0)
		notify.ProgressNotify = true
		r.create(s, notify)
		r.create(s, on("a", "", 0))
		r.expect(s, "0@1 created", "1@1 created")
		r.write("b", "1")
		time.Sleep(11 * time.Second)
		r.expect(s, "0@2") // to the one watch that asked
		r.write("a", "1")
		r.expect(s, "0@3 PUT a=1@3", "1@3 PUT a=1@3")
		time.Sleep(11 * time.Second)
		r.expect(s) // events said it already
		time.Sleep(11 * time.Second)
		r.expect(s, "0@3")
		s.Progress()
		r.expect(s, "-1@3")
		time.Sleep(11 * time.Second)
		r.expect(s) // so did the broadcast
		time.Sleep(100 * time.Second)
		r.expect(s, "0@3") // a client that doesn't read isn't sent heaps of them
	})
}

// A client that reads more slowly than it is notified isn't sent more and more.
func TestNotificationsDoNotPileUp(t *testing.T) {
	inBubble(t, Options{ProgressInterval: 10 * time.Second}, func(r *rig) {
		s := r.stream()
		for range 3 {
			req := on("a", "", 0)
			req.ProgressNotify = true
			r.create(s, req)
		}
		r.drain(s)
		for range 20 {
			time.Sleep(11 * time.Second)
			if _, err := recvIdle(s); err != nil {
				t.Fatal(err)
			}
		}
		if got := r.drain(s); len(got) > 3 {
			t.Errorf("%d notifications waited: %q", len(got), got)
		}
	})
}

func TestInterval(t *testing.T) {
	for _, c := range []struct{ asked, want time.Duration }{
		{0, 10 * time.Minute}, {time.Nanosecond, 100 * time.Millisecond}, {5 * time.Second, 5 * time.Second},
	} {
		s := &Stream{hub: &Hub{opts: Options{ProgressInterval: c.asked}.withDefaults()}}
		for range 100 {
			if d := s.interval(); d < c.want || d > c.want+c.want/10 {
				t.Fatalf("asked for %s, got %s", c.asked, d)
			}
		}
	}
}

// However far a watch has to go back, little is read ahead of a client that doesn't
// read, and a worker isn't kept.
func TestCatchUpWaitsForTheClient(t *testing.T) {
	inBubble(t, Options{RingEvents: 1, QueueEvents: 10, CatchUpWorkers: 1}, func(r *rig) {
		for i := range 200 {
			r.write("a", fmt.Sprint(i))
		}
		stuck, other := r.stream(), r.stream()
		r.create(stuck, on("a", "", 2))
		synctest.Wait()
		if w := stuck.watchers[0]; w.pending.events > 10 || !w.parked {
			t.Errorf("%d events are queued, parked: %v", w.pending.events, w.parked)
		}
		if rev, ok := r.hub.MinNeeded(); !ok || rev > 13 {
			t.Errorf("needs %d, %v", rev, ok)
		}
		r.create(other, on("a", "", 200))
		r.expect(other, "0@201 created", "0@201 PUT a=198@200(197) PUT a=199@201(198)")
	})
}

func TestFilters(t *testing.T) {
	inBubble(t, Options{RingEvents: 1}, func(r *rig) {
		for range 2 { // replayed, then live
			r.write("a", "1")
			r.write("a", "")
		}
		s := r.stream()
		for _, f := range [][]pb.WatchCreateRequest_FilterType{
			{pb.WatchCreateRequest_NOPUT}, {pb.WatchCreateRequest_NODELETE},
			{pb.WatchCreateRequest_NOPUT, pb.WatchCreateRequest_NODELETE}, {99},
		} {
			req := on("a", "", 4)
			req.Filters, req.PrevKv = f, false
			r.create(s, req)
		}
		got := r.drain(s)
		r.write("a", "1", "a2", "1")
		got = append(got, r.drain(s)...)
		r.write("a", "")
		got = append(got, r.drain(s)...)
		slices.Sort(got)
		want := []string{
			"0@5 DELETE a=@5", "0@5 created", "0@7 DELETE a=@7",
			"1@4 PUT a=1@4", "1@5 created", "1@6 PUT a=1@6",
			"2@5 created",
			"3@5 PUT a=1@4 DELETE a=@5", "3@5 created", "3@6 PUT a=1@6", "3@7 DELETE a=@7",
		}
		// The order between watches is chance.
		if !slices.Equal(got, want) {
			t.Errorf("got %q\nwant %q", got, want)
		}
	})
}

func TestReservedKeysNeverShow(t *testing.T) {
	inBubble(t, Options{RingEvents: 1}, func(r *rig) {
		s := r.stream()
		r.create(s, on("", "\x00", 0))
		r.write("_netsy", "1", "_netsy/epoch", "2", "_netsyx", "3")
		r.write("_netsy/epoch", "3")
		r.write("z", "1")
		r.create(s, on("_netsy", "_netsz", 2))
		r.expect(s, "0@1 created", "0@4 PUT _netsyx=3@2 PUT z=1@4", "1@4 created", "1@2 PUT _netsyx=3@2")
		s.Progress()
		r.expect(s, "-1@4")
	})
}

func TestFragments(t *testing.T) {
	inBubble(t, Options{FragmentBytes: 60}, func(r *rig) {
		s := r.stream()
		req := on("a", "\x00", 0)
		req.Fragment = true
		r.create(s, req)
		r.create(s, on("a", "\x00", 0))
		r.write("a", "1", "b", "1", "c", "1", "d", "1")
		s.Progress()
		got := r.drain(s)
		var frags []string
		for i, g := range got {
			if strings.Contains(g, "fragment") {
				frags = append(frags, g)
				if got[i+1][:1] != g[:1] {
					t.Errorf("%q comes between fragments", got[i+1])
				}
			}
		}
		if len(frags) == 0 || !slices.ContainsFunc(got, func(g string) bool {
			return strings.HasPrefix(g, "1@2 PUT a=1@2 PUT b=1@2 PUT c=1@2 PUT d=1@2")
		}) {
			t.Errorf("got %q", got)
		}
	})
}

func TestCreateWaitsForAReader(t *testing.T) {
	inBubble(t, Options{ControlQueue: 2}, func(r *rig) {
		s := r.stream()
		r.create(s, on("a", "", 0))
		r.create(s, on("a", "", 0))
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := s.Create(ctx, on("a", "", 0)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if err := s.Cancel(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		r.drain(s)
		for range 10 { // unknown ids take no room
			if err := s.Cancel(context.Background(), 77); err != nil {
				t.Fatal(err)
			}
		}
		r.create(s, on("a", "", 0))
		r.expect(s, "2@1 created")
	})
}

func TestHistoryFailureEndsTheStream(t *testing.T) {
	inBubble(t, Options{RingEvents: 1}, func(r *rig) {
		r.write("a", "1")
		r.write("a", "2")
		broken := errors.New("disk on fire")
		r.store.fail = broken
		s := r.stream()
		r.create(s, on("a", "", 2))
		synctest.Wait()
		if _, err := recvIdle(s); !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
		if err := s.Create(context.Background(), on("a", "", 0)); !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
	})
}

func TestCloseEndsStreams(t *testing.T) {
	inBubble(t, Options{}, func(r *rig) {
		s := r.stream()
		r.create(s, on("a", "", 0))
		why := errors.New("deposed")
		done := make(chan error)
		go func() {
			var err error
			for err == nil {
				_, err = s.Recv(context.Background())
			}
			done <- err
		}()
		synctest.Wait()
		r.hub.Close(why)
		if err := <-done; err != why {
			t.Errorf("got %v", err)
		}
		if _, err := r.stream().Recv(context.Background()); err != why {
			t.Errorf("got %v", err)
		}
		r.write("a", "1")
	})
}

func TestPublishRefusesDisorder(t *testing.T) {
	inBubble(t, Options{}, func(r *rig) {
		r.write("a", "1")
		r.write("a", "2")
		for name, f := range map[string]func(){
			"back":     func() { r.hub.Publish(2, nil) },
			"repeated": func() { r.hub.Publish(4, r.store.events[1:]) },
			"disorder": func() { r.hub.Publish(9, append(newerEvents(5), newerEvents(4)...)) },
			"beyond":   func() { r.hub.Publish(4, newerEvents(5)) },
		} {
			if !panics(f) {
				t.Errorf("%s: accepted", name)
			}
		}
	})
}
