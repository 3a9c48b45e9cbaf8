package load

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/netsy-io/netsy/test/internal/check"
)

// askProgress is how often a watch asks how far it has come.
const askProgress = 200 * time.Millisecond

// Watcher watches everything from a revision on. When its stream breaks it goes on, on
// a new one, behind the last event that it has.
type Watcher struct {
	name string
	from int64

	mu       sync.Mutex
	events   []check.Event
	promised int64 // by a progress notification: nothing up to here is still to come
	faults   []string
	streams  int
	wake     chan struct{}

	cancel context.CancelFunc
	ended  chan struct{}
}

// Watch starts a watcher. It ends with the test at the latest.
func Watch(t testing.TB, c *Client, from int64) *Watcher {
	ctx, cancel := context.WithCancel(context.Background())
	w := &Watcher{
		name: fmt.Sprintf("the watch of %s from revision %d", c.Node, from), from: from,
		cancel: cancel, ended: make(chan struct{}), wake: make(chan struct{}),
	}
	go func() { // ends with Stop
		defer close(w.ended)
		for ctx.Err() == nil {
			w.fault(ctx, w.stream(ctx, c))
		}
	}()
	t.Cleanup(w.Stop)
	return w
}

// Stop ends the watch.
func (w *Watcher) Stop() {
	w.cancel()
	<-w.ended
}

// errBadWatch marks what no server may do, unlike a stream that breaks.
var errBadWatch = errors.New("watch")

func (w *Watcher) fault(ctx context.Context, err error) {
	if errors.Is(err, errBadWatch) && ctx.Err() == nil {
		w.mu.Lock()
		w.faults = append(w.faults, fmt.Sprintf("%s: %v", w.name, err))
		w.mu.Unlock()
	}
	rest(ctx, pace)
}

func (w *Watcher) stream(ctx context.Context, c *Client) error {
	ctx, cancel := context.WithCancel(ctx)
	var asking sync.WaitGroup
	defer asking.Wait()
	defer cancel()
	s, err := c.Watch.Watch(ctx)
	if err != nil {
		return err
	}
	from := w.from
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
	asking.Go(func() {
		for rest(ctx, askProgress); ctx.Err() == nil; rest(ctx, askProgress) {
			if s.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_ProgressRequest{ProgressRequest: &pb.WatchProgressRequest{}}}) != nil {
				return // Recv says why
			}
		}
	})
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

func (w *Watcher) take(r *pb.WatchResponse, from int64) error {
	if r.Canceled {
		return fmt.Errorf("%w from revision %d was cancelled: %s (compact revision %d)", errBadWatch, from, r.CancelReason, r.CompactRevision)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range r.Events {
		ev := check.EventOf(e)
		if n := len(w.events); ev.Rev < from || n > 0 && ev.Rev <= w.events[n-1].Rev {
			return fmt.Errorf("%w from revision %d: event of revision %d comes again or out of order", errBadWatch, from, ev.Rev)
		}
		if ev.Rev <= w.promised {
			return fmt.Errorf("%w: event of revision %d after progress to revision %d", errBadWatch, ev.Rev, w.promised)
		}
		if ev.Rev > r.Header.Revision {
			return fmt.Errorf("%w: event of revision %d under a header of revision %d", errBadWatch, ev.Rev, r.Header.Revision)
		}
		w.events = append(w.events, ev)
	}
	if !r.Created && len(r.Events) == 0 {
		w.promised = max(w.promised, r.Header.Revision)
	}
	close(w.wake)
	w.wake = make(chan struct{})
	return nil
}

// Through waits for the event of rev, a client's, and returns what was seen up to it.
func (w *Watcher) Through(t testing.TB, ctx context.Context, rev int64) check.Watch {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, eventTimeout)
	defer cancel()
	for {
		w.mu.Lock()
		n, wake, faults := len(w.events), w.wake, w.faults
		reached := n > 0 && w.events[n-1].Rev >= rev
		w.mu.Unlock()
		if len(faults) > 0 {
			t.Fatalf("%v", faults)
		}
		if reached {
			return w.Seen(rev)
		}
		select {
		case <-wake:
		case <-ctx.Done():
			t.Fatalf("%s has %d events and never gets that of revision %d", w.name, n, rev)
		}
	}
}

// Seen returns what was seen up to rev; 0: up to the last event that came.
func (w *Watcher) Seen(rev int64) check.Watch {
	w.mu.Lock()
	defer w.mu.Unlock()
	events := w.events
	if n := len(events); rev == 0 && n > 0 {
		rev = events[n-1].Rev
	}
	for len(events) > 0 && events[len(events)-1].Rev > rev {
		events = events[:len(events)-1]
	}
	return check.Watch{Name: w.name, Key: "\x00", End: "\x00", From: w.from, To: rev, Events: events}
}

// Faults returns what the server did wrong on the wire.
func (w *Watcher) Faults() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.faults
}

// Streams is how often the watch was begun and continued.
func (w *Watcher) Streams() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.streams
}
