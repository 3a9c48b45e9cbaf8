package watch

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/record"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
)

// watchesPerStream is as many as one client puts on one stream in test/bench.
const watchesPerStream = 50

// audience is a hub and the streams of its watches, read by nobody but the benchmark.
type audience struct {
	ctx     context.Context // ends a wait for what doesn't come
	hub     *Hub
	streams []*Stream
	watches int
	rev     record.Revision
}

// gather opens n watches; prefix says what the i-th one is on.
func gather(b *testing.B, n int, prefix func(i int) string) *audience {
	s := newStore()
	s.write()
	a := &audience{hub: NewHub(s, 1, Options{}), watches: n, rev: 1}
	var cancel context.CancelFunc
	a.ctx, cancel = context.WithTimeout(b.Context(), time.Minute) // only a broken hub meets it
	b.Cleanup(func() {
		cancel()
		for _, s := range a.streams {
			s.Close()
		}
		a.hub.Close(nil)
	})
	for i := range n {
		if i%watchesPerStream == 0 {
			a.streams = append(a.streams, a.hub.NewStream())
		}
		st, p := a.streams[len(a.streams)-1], prefix(i)
		if err := st.Create(a.ctx, &pb.WatchCreateRequest{Key: []byte(p + "/"), RangeEnd: []byte(p + "0")}); err != nil {
			b.Fatal(err)
		}
		if r, err := st.Recv(a.ctx); err != nil || !r.Created || r.Canceled {
			b.Fatal(r, err)
		}
	}
	return a
}

func (a *audience) publish(key, value []byte) {
	a.rev++
	kv := &mvccpb.KeyValue{Key: key, Value: value, CreateRevision: int64(a.rev), ModRevision: int64(a.rev), Version: 1}
	a.hub.Publish(a.rev, []*mvccpb.Event{{Kv: kv}})
}

// BenchmarkMicroFanOut is one event of 1 KiB from Publish to the response that each of so
// many watches on it is handed, 50 watches to a stream. One goroutine does all of it.
func BenchmarkMicroFanOut(b *testing.B) {
	key, value := []byte("/registry/pods/default/a"), make([]byte, 1024)
	for _, n := range []int{1, 200, 2000} {
		b.Run(fmt.Sprintf("watches=%d", n), func(b *testing.B) {
			a := gather(b, n, func(int) string { return "/registry/pods" })
			b.ReportAllocs()
			for b.Loop() {
				a.publish(key, value)
				if got := a.receive(b); got != n {
					b.Fatalf("%d watches of %d have the event", got, n)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/watch")
		})
	}
}

// receive takes one response for each watch, and counts those that hold the last event.
func (a *audience) receive(b *testing.B) (got int) {
	for i, s := range a.streams {
		for range min(watchesPerStream, a.watches-i*watchesPerStream) {
			r, err := s.Recv(a.ctx)
			if err != nil {
				b.Fatal(err)
			}
			if len(r.Events) == 1 && r.Events[0].Kv.ModRevision == int64(a.rev) {
				got++
			}
		}
	}
	return got
}

// BenchmarkMicroUnwatched is one event that none of so many watches is on, each with a
// range of its own.
func BenchmarkMicroUnwatched(b *testing.B) {
	key, value := []byte("/registry/pods/default/a"), make([]byte, 1024)
	for _, n := range []int{0, 200, 2000, 20000} {
		b.Run(fmt.Sprintf("watches=%d", n), func(b *testing.B) {
			a := gather(b, n, func(i int) string { return fmt.Sprintf("/registry/r%05d", i*7919%20011) })
			b.ReportAllocs()
			for b.Loop() {
				a.publish(key, value)
			}
			if a.hub.Revision() != a.rev || a.rev != record.Revision(b.N+1) {
				b.Errorf("published up to %d of %d", a.hub.Revision(), b.N+1)
			}
			for _, s := range a.streams {
				if s.queue.tail() != nil {
					b.Fatal("an event reached a watch on something else")
				}
			}
		})
	}
}
