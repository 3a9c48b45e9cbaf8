package elector

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/registry"
)

// office is one term of an elector in office. Its loop (run) is the only one that
// reads and writes object storage and elects; each node has a connection with
// goroutines of its own, which report here. mu guards what they share.
type office struct {
	e      *Elector
	number int64
	wake   chan struct{} // capacity 1: something changed, look now
	wg     sync.WaitGroup

	// Of the loop alone.
	list      *registry.NodeList
	looked    time.Time // last successful look at nodes/ and cluster.json
	unsettled bool      // a write to cluster.json has an unknown outcome
	told      tidings
	trouble   string // last failure logged, so that a lasting one is logged once

	mu      sync.Mutex
	cluster registry.Cluster
	members registry.Members
	nodes   map[string]*conn     // by node id
	state   *peerpb.ClusterState // what every node should know; replaced, never changed
	leases  leaseBook
}

// tidings remembers which Primary was told of its election, and when.
type tidings struct {
	seq int64 // of the cluster.json that names it; 0: none
	at  time.Time
}

func newOffice(e *Elector, c registry.Cluster, now time.Time) *office {
	o := &office{
		e: e, number: c.Office, wake: make(chan struct{}, 1),
		list: e.reg.NewNodeList(), cluster: c, nodes: map[string]*conn{},
		leases: leaseBook{timeout: e.opt.PrimaryPriorTimeout, office: now},
	}
	o.rebuild()
	return o
}

// run works until ctx ends or something permanent is wrong, and waits for
// everything it started.
func (o *office) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer o.wg.Wait()
	defer cancel()
	for {
		err := o.tick(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil && !transient(err) {
			return err
		}
		o.report(err)
		if err := o.rest(ctx, err != nil); err != nil {
			return err
		}
	}
}

// tick does whatever is due.
func (o *office) tick(ctx context.Context) error {
	reigning := o.reigning()
	if !reigning || time.Since(o.looked) >= o.e.opt.DiscoverEvery {
		if err := o.discover(ctx); err != nil {
			return err
		}
		if err := o.readCluster(ctx); err != nil {
			return err
		}
		o.looked = time.Now()
	}
	if o.reigning() && !o.unsettled {
		return nil
	}
	return o.elect(ctx)
}

// rest waits for the next tick. Between elections it waits the full interval, even
// if something changes: a node that flaps must not make epochs fly by.
func (o *office) rest(ctx context.Context, failed bool) error {
	if failed || !o.reigning() {
		select { // first: what came in during the tick was seen by it, or will be
		case <-o.wake:
		default:
		}
		return pause(ctx, o.e.opt.RetryEvery)
	}
	t := time.NewTimer(max(o.e.opt.DiscoverEvery-time.Since(o.looked), 0))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
	case <-o.wake:
	}
	return nil
}

func (o *office) nudge() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// report logs a failure when it is another than the last.
func (o *office) report(err error) {
	if err == nil {
		o.trouble = ""
		return
	}
	if s := err.Error(); s != o.trouble {
		o.trouble = s
		o.e.opt.Logger.Warn("elector is held up, trying again", "event", "elector_held_up", "error", err)
	}
}

// reigning reports whether cluster.json names a Primary whose heartbeats say that it
// is at work.
func (o *office) reigning() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := o.nodes[o.cluster.Primary.NodeID]
	return n != nil && reigns(n.state, &o.cluster)
}

// readCluster reads cluster.json again. errSuperseded if another elector took
// office: whatever this one has under way can't land any more.
func (o *office) readCluster(ctx context.Context) error {
	c, err := o.e.reg.Cluster(ctx)
	if err != nil {
		return err
	}
	if c.Office != o.number {
		return fmt.Errorf("%w: this one's office is %d, %s says %d", errSuperseded, o.number, registry.ClusterKey, c.Office)
	}
	o.setCluster(c)
	return nil
}

func (o *office) setCluster(c registry.Cluster) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.cluster = c
	o.e.opt.Metrics.epoch.Set(float64(c.Epoch))
	o.rebuild()
}

// swap makes one compare-and-swap on cluster.json from the version last known. When
// its outcome is unknown, no lease is granted and nothing else done until a later
// write has settled it.
func (o *office) swap(ctx context.Context, fn func(*registry.Cluster)) (registry.Cluster, error) {
	o.mu.Lock()
	from := o.cluster
	o.mu.Unlock()
	c, err := o.e.reg.SwapCluster(ctx, from, func(c *registry.Cluster) error {
		fn(c)
		return nil
	})
	switch {
	case err == nil, errors.Is(err, registry.ErrConflict):
		o.unsettled = false // from's version is gone: nothing conditional on it can land
	case errors.Is(err, registry.ErrUnknownOutcome):
		o.unsettled = true
	}
	return c, err
}

// rebuild makes the state that nodes should know, and has it pushed if it differs
// from the last. mu is held, or o not shared yet.
func (o *office) rebuild() {
	s := clusterState(o.e.opt.ClusterID, &o.cluster, &o.members, o.nodes)
	if o.state != nil && proto.Equal(o.state, s) {
		return
	}
	o.state = s
	for _, n := range o.nodes {
		n.nudge()
	}
}
