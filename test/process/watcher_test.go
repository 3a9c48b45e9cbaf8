//go:build linux

package process

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
)

// event is one change as a watch or the object log tells it.
type event struct {
	Rev                    int64
	Delete                 bool
	Key, Value             string
	Create, Version, Lease int64
}

func eventOf(e *mvccpb.Event) event {
	return event{
		Rev: e.Kv.ModRevision, Delete: e.Type == mvccpb.DELETE, Key: string(e.Kv.Key), Value: string(e.Kv.Value),
		Create: e.Kv.CreateRevision, Version: e.Kv.Version, Lease: e.Kv.Lease,
	}
}

// watcher watches everything from revision 1 on. When its stream breaks it goes on,
// on a new one, behind the last event that it has.
type watcher struct {
	mu      sync.Mutex
	events  []event
	faults  []string
	streams int
	wake    chan struct{}

	cancel context.CancelFunc
	ended  chan struct{}
}

func startWatcher(t testing.TB, c *client) *watcher {
	ctx, cancel := context.WithCancel(context.Background())
	w := &watcher{cancel: cancel, ended: make(chan struct{}), wake: make(chan struct{})}
	go func() { // ends with stop
		defer close(w.ended)
		for ctx.Err() == nil {
			w.fault(ctx, w.stream(ctx, c))
		}
	}()
	t.Cleanup(w.stop)
	return w
}

func (w *watcher) stop() {
	w.cancel()
	<-w.ended
}

// errBadWatch marks what no server may do, unlike a stream that breaks.
var errBadWatch = errors.New("watch")

func (w *watcher) fault(ctx context.Context, err error) {
	if errors.Is(err, errBadWatch) && ctx.Err() == nil {
		w.mu.Lock()
		w.faults = append(w.faults, err.Error())
		w.mu.Unlock()
	}
	rest(ctx, pace)
}

func (w *watcher) stream(ctx context.Context, c *client) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := c.w.Watch(ctx)
	if err != nil {
		return err
	}
	from := int64(1)
	if n := len(w.events); n > 0 { // written by this goroutine alone
		from = w.events[n-1].Rev + 1
	}
	err = s.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: &pb.WatchCreateRequest{
		Key: []byte{0}, RangeEnd: []byte{0}, StartRevision: from,
	}}})
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.streams++
	w.mu.Unlock()
	for {
		r, err := s.Recv()
		if err != nil {
			return err
		}
		if err := w.take(r, from); err != nil {
			return err
		}
	}
}

func (w *watcher) take(r *pb.WatchResponse, from int64) error {
	if r.Canceled {
		return fmt.Errorf("%w from revision %d was cancelled: %s (compact revision %d)", errBadWatch, from, r.CancelReason, r.CompactRevision)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range r.Events {
		ev := eventOf(e)
		if n := len(w.events); ev.Rev < from || n > 0 && ev.Rev <= w.events[n-1].Rev {
			return fmt.Errorf("%w from revision %d: event of revision %d comes again or out of order", errBadWatch, from, ev.Rev)
		}
		if ev.Rev > r.Header.Revision {
			return fmt.Errorf("%w: event of revision %d under a header of revision %d", errBadWatch, ev.Rev, r.Header.Revision)
		}
		w.events = append(w.events, ev)
	}
	close(w.wake)
	w.wake = make(chan struct{})
	return nil
}

// through waits for the event of rev and returns everything up to it.
func (w *watcher) through(t testing.TB, ctx context.Context, rev int64) []event {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, eventTimeout)
	defer cancel()
	for {
		w.mu.Lock()
		events, wake, faults := w.events, w.wake, w.faults
		w.mu.Unlock()
		if len(faults) > 0 {
			t.Fatalf("%v", faults)
		}
		if i := slices.IndexFunc(events, func(e event) bool { return e.Rev >= rev }); i >= 0 {
			return events[:i+1]
		}
		select {
		case <-wake:
		case <-ctx.Done():
			t.Fatalf("a watch has %d events and never gets that of revision %d", len(events), rev)
		}
	}
}
