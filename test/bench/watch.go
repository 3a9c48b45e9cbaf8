package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
)

const (
	watchersPerConn = 50 // on one stream, as etcd's client has them
	watchWriters    = 8  // writes under way at a time
)

// fan is a set of watchers of one prefix, and writers who write into it: each writes
// again once all watchers have its last write.
type fan struct {
	all     int
	writers [watchWriters]struct {
		sent atomic.Int64 // when, since start, in nanoseconds
		left atomic.Int64 // watchers who don't have it yet
		done chan struct{}
	}
	start time.Time
}

// watchers measures deliveries: an operation is one event at one watcher.
func watchers(ctx context.Context, t *target, l load) (sample, error) {
	if t.name == noopName {
		return sample{}, errSkipped // it knows no keys
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	streams := (l.clients + watchersPerConn - 1) / watchersPerConn
	conns, err := t.dial(1 + streams)
	defer closeAll(conns)
	if err != nil {
		return sample{}, err
	}
	f := &fan{all: l.clients, start: time.Now()}
	prefix := fmt.Sprintf("/registry/watched/%d/%d/", l.clients, l.round)
	took := make([][]time.Duration, streams)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel(nil)
	for i, c := range conns[1:] {
		stream, err := subscribe(ctx, c, prefix, min(watchersPerConn, l.clients-i*watchersPerConn))
		if err != nil {
			return sample{}, err
		}
		wg.Go(func() {
			if err := f.hear(stream, len(prefix), &took[i]); err != nil && ctx.Err() == nil {
				cancel(err)
			}
		})
	}
	ws := make([]*worker, watchWriters)
	for i := range ws {
		ws[i] = newWorker(i, conns[0], l)
		f.writers[i].done = make(chan struct{}, 1)
	}
	m, err := begin(t)
	if err != nil {
		return sample{}, err
	}
	err = each(ctx, ws, func(ctx context.Context, w *worker) error { return f.write(ctx, w, prefix, m.begun.Add(l.duration)) })
	if err != nil {
		return sample{}, err
	}
	// All writes have arrived everywhere, so nobody appends any more.
	return m.end(slices.Concat(took...))
}

func (f *fan) write(ctx context.Context, w *worker, prefix string, until time.Time) error {
	self := &f.writers[w.id]
	for ; time.Now().Before(until); w.n++ {
		self.left.Store(int64(f.all))
		self.sent.Store(int64(time.Since(f.start)))
		if err := w.write(ctx, fmt.Appendf(nil, "%s%d/%d", prefix, w.id, w.n%16)); err != nil {
			return err
		}
		select {
		case <-self.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// hear takes the events of a stream of watchers.
func (f *fan) hear(stream grpc.BidiStreamingClient[pb.WatchRequest, pb.WatchResponse], key int, took *[]time.Duration) error {
	for {
		resp, err := stream.Recv()
		if err != nil {
			return err
		}
		if resp.Canceled {
			return fmt.Errorf("a watch was cancelled: %s", resp.CancelReason)
		}
		now := time.Since(f.start)
		for _, e := range resp.Events {
			w := &f.writers[e.Kv.Key[key]-'0']
			*took = append(*took, now-time.Duration(w.sent.Load()))
			if w.left.Add(-1) == 0 {
				w.done <- struct{}{}
			}
		}
	}
}

// subscribe opens a stream of n watchers, all of the prefix, and waits until they watch.
func subscribe(ctx context.Context, c *grpc.ClientConn, prefix string, n int) (grpc.BidiStreamingClient[pb.WatchRequest, pb.WatchResponse], error) {
	stream, err := pb.NewWatchClient(c).Watch(ctx)
	if err != nil {
		return nil, err
	}
	end := []byte(prefix[:len(prefix)-1] + "0")
	for i := range n {
		err := stream.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: &pb.WatchCreateRequest{
			Key: []byte(prefix), RangeEnd: end, WatchId: int64(i + 1), PrevKv: true,
		}}})
		if err != nil {
			return nil, err
		}
		resp, err := stream.Recv()
		if err != nil {
			return nil, err
		}
		if !resp.Created {
			return nil, errors.New("a watch wasn't made")
		}
	}
	return stream, nil
}
