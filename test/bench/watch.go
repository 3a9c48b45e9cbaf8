package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
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
	ws := make([]*worker, watchWriters)
	for i := range ws {
		ws[i] = newWorker(i, conns[0], l)
		f.writers[i].done = make(chan struct{}, 1)
	}
	for i, c := range conns[1:] {
		stream, err := subscribe(ctx, c, prefix, min(watchersPerConn, l.clients-i*watchersPerConn))
		if err != nil {
			return sample{}, err
		}
		wg.Go(func() {
			if err := f.hear(stream, ws, len(prefix), &took[i]); ctx.Err() == nil {
				cancel(err)
			}
		})
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
	s, err := m.end(slices.Concat(took...))
	if err != nil {
		return s, err
	}
	written := 0
	for _, w := range ws {
		written += w.n
	}
	if s.Ops != written*l.clients {
		return s, fmt.Errorf("%d writes gave %d events at %d watchers", written, s.Ops, l.clients)
	}
	return s, hasLast(prefix, l.size)(ctx, ws)
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

type watchStream = grpc.BidiStreamingClient[pb.WatchRequest, pb.WatchResponse]

// hear takes the events of a stream of watchers, until it fails; each gets every event once, in order.
func (f *fan) hear(stream watchStream, ws []*worker, key int, took *[]time.Duration) error {
	seen := map[int64]int64{} // revisions by watch
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
			i := e.Kv.Key[key] - '0'
			if e.Kv.ModRevision <= seen[resp.WatchId] || e.Type != mvccpb.PUT || !bytes.Equal(e.Kv.Value, ws[i].value) {
				return fmt.Errorf("a watcher got %s of %s at revision %d after %d, or with a value that nobody wrote", e.Type, e.Kv.Key, e.Kv.ModRevision, seen[resp.WatchId])
			}
			seen[resp.WatchId] = e.Kv.ModRevision
			w := &f.writers[i]
			*took = append(*took, now-time.Duration(w.sent.Load()))
			if w.left.Add(-1) == 0 {
				w.done <- struct{}{}
			}
		}
	}
}

// subscribe opens a stream of n watchers, all of the prefix, and waits until they watch.
// They watch from the next revision on, as kube-apiserver's do, and the server names them: kine
// refuses names of clients.
func subscribe(ctx context.Context, c *grpc.ClientConn, prefix string, n int) (watchStream, error) {
	now, err := pb.NewKVClient(c).Range(ctx, &pb.RangeRequest{Key: []byte(prefix), RangeEnd: end(prefix), CountOnly: true})
	if err != nil {
		return nil, err
	}
	stream, err := pb.NewWatchClient(c).Watch(ctx)
	if err != nil {
		return nil, err
	}
	for range n {
		err := stream.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: &pb.WatchCreateRequest{
			Key: []byte(prefix), RangeEnd: end(prefix), StartRevision: now.Header.Revision + 1, PrevKv: true,
		}}})
		if err != nil {
			return nil, err
		}
		resp, err := stream.Recv()
		if err != nil {
			return nil, err
		}
		if !resp.Created || resp.Canceled {
			return nil, fmt.Errorf("a watch wasn't made: %s", resp.CancelReason)
		}
	}
	return stream, nil
}
