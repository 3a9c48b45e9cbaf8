package simulation

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/netsy-io/netsy/pkg/identity"
	"github.com/netsy-io/netsy/test/internal/check"
)

// watcher watches a range of keys for as long as the world lasts, on one node after
// the other: whenever a watch breaks it goes on behind the last revision it has seen.
type watcher struct {
	w        *world
	name     string
	rng      *rand.Rand
	party    *party
	key, end string

	mu      sync.Mutex
	from    int64 // where the next watch begins; 0: now
	through int64 // everything up to here was shown, since the last time history was lost
	seen    []check.Watch
	changed chan struct{}
}

func (w *world) newWatcher(i int) *watcher {
	name := fmt.Sprintf("watcher-%d", i)
	x := &watcher{w: w, name: name, rng: w.rng(name), party: w.net.join(name, identity.RoleClient), key: keyPrefix, end: keyEnd, changed: make(chan struct{})}
	if i%3 == 2 {
		x.key, x.end = fmt.Sprintf("%s%d", keyPrefix, x.rng.IntN(w.swarm.Keys)), ""
	}
	return x
}

// run watches until ctx ends.
func (x *watcher) run(ctx context.Context) {
	for ctx.Err() == nil {
		node := x.w.anyNode(x.rng)
		life, cancel := ctx, context.CancelFunc(func() {})
		if !x.w.quiet.Load() { // clients leave, too
			life, cancel = context.WithTimeout(ctx, time.Duration(x.rng.Int64N(int64(40*time.Second))))
		}
		_ = x.watch(life, node) // however it ended, the next one goes on
		cancel()
		sleep(ctx, time.Duration(x.rng.Int64N(int64(time.Second))))
	}
}

var errCompacted = errors.New("compacted")

// watch is one watch, from its creation to its end. What it showed is kept.
func (x *watcher) watch(ctx context.Context, node string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := conn{x.party, node}.watch(ctx)
	if err != nil {
		return err
	}
	from := x.next()
	if err := stream.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: &pb.WatchCreateRequest{
		Key: []byte(x.key), RangeEnd: []byte(x.end), StartRevision: from, ProgressNotify: true,
	}}}); err != nil {
		return err
	}
	var asking sync.WaitGroup
	defer asking.Wait()
	defer cancel()
	asking.Go(func() { // for progress, now and then
		var silent time.Duration
		for sleep(ctx, time.Second) {
			if silent += time.Second; silent < x.w.swarm.Ask && !x.w.quiet.Load() {
				continue
			}
			silent = 0
			if stream.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_ProgressRequest{ProgressRequest: &pb.WatchProgressRequest{}}}) != nil {
				return
			}
		}
	})
	resp, err := stream.Recv()
	if err != nil {
		return err
	}
	if resp.Canceled {
		return x.cancelled(resp)
	}
	if !resp.Created {
		return x.w.fail("%s on %s: the first answer is %v", x.name, node, resp)
	}
	if from == 0 {
		from = resp.Header.Revision + 1
	}
	h := check.Watch{Name: fmt.Sprintf("%s on %s from revision %d at %v", x.name, node, from, x.w.tick()), Key: x.key, End: x.end, From: from, To: from - 1}
	x.moved(from - 1)
	for {
		resp, err := stream.Recv()
		if err != nil {
			x.keep(h)
			return err
		}
		if resp.Canceled {
			x.keep(h)
			return x.cancelled(resp)
		}
		for _, e := range resp.Events {
			h.Events = append(h.Events, check.EventOf(e))
		}
		switch n := len(resp.Events); {
		case n > 0:
			h.To = max(h.To, resp.Events[n-1].Kv.ModRevision)
		case resp.Header.Revision > h.To: // progress: everything up to here was shown
			h.To = resp.Header.Revision
			x.keep(h) // as it is now: a later event at or below it would be a fault
		}
		x.moved(h.To)
	}
}

// next is where the next watch begins: mostly behind what was seen, sometimes now, so
// that created notifications of a stream without a past are judged too.
func (x *watcher) next() int64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.w.quiet.Load() && x.rng.IntN(10) == 0 {
		x.from = 0
	}
	return x.from
}

func (x *watcher) moved(through int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.through, x.from = through, through+1
	close(x.changed)
	x.changed = make(chan struct{})
}

// keep takes a watch as it is into the evidence.
func (x *watcher) keep(h check.Watch) {
	h.Events = slices.Clip(h.Events) // later events don't come into this one
	x.mu.Lock()
	defer x.mu.Unlock()
	x.seen = append(x.seen, h)
}

// cancelled: the only good reason is that history was compacted.
func (x *watcher) cancelled(resp *pb.WatchResponse) error {
	if resp.CompactRevision == 0 {
		return nil // the node is stopping, or lags; the next watch goes on
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.from == 0 || resp.CompactRevision <= x.from-1 {
		x.w.fail("%s, from revision %d on, was cancelled as compacted at %d", x.name, x.from, resp.CompactRevision)
	}
	x.from = 0
	return errCompacted
}

// await waits until everything up to rev was shown.
func (x *watcher) await(ctx context.Context, rev int64) error {
	for {
		x.mu.Lock()
		through, changed := x.through, x.changed
		x.mu.Unlock()
		if through >= rev {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s has been shown everything up to revision %d, not up to %d", x.name, through, rev)
		case <-changed:
		}
	}
}
