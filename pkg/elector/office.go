package elector

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/netsy-io/netsy/pkg/logevent"
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
	looked    time.Time     // last successful look at nodes/ and cluster.json
	lookEvery time.Duration // until the next one while a Primary reigns
	conflicts int           // in a row
	unsettled bool          // a write to cluster.json has an unknown outcome
	told      tidings
	trouble   string // last failure logged, so that a lasting one is logged once

	mu      sync.Mutex
	cluster registry.Cluster
	members registry.Members
	nodes   map[string]*conn     // by node id
	state   *peerpb.ClusterState // what every node should know; replaced, never changed
	leases  leaseBook
	lookNow bool // something asks for a look that needn't wait
	asking  bool // a Primary is being asked to remove a voter
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
		leases: leaseBook{own: e.opt.PrimaryPriorTimeout, earlier: c.LeaseTimeout, office: now},
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
		epoch := o.cluster.Epoch // only this goroutine changes it
		err := o.tick(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil && !transient(err) {
			return err
		}
		if o.again(err, o.cluster.Epoch != epoch) {
			continue
		}
		o.report(err)
		if err := o.rest(ctx, err != nil, o.cluster.Epoch != epoch); err != nil {
			return err
		}
	}
}

// maxConflicts bounds the attempts that follow each other without a pause. A Primary
// writes cluster.json now and then, which must not cost an election half a second;
// more conflicts in a row are something else.
const maxConflicts = 3

// again says whether to try again at once: the Primary was first to write
// cluster.json, and no epoch was used up.
func (o *office) again(err error, epochUsed bool) bool {
	if epochUsed || !errors.Is(err, registry.ErrConflict) {
		o.conflicts = 0
		return false
	}
	o.conflicts++
	return o.conflicts <= maxConflicts
}

// tick does whatever is due.
func (o *office) tick(ctx context.Context) error {
	o.countNodes()
	if reigning := o.reigning(); !reigning || o.lookDue() {
		if err := o.look(ctx, reigning); err != nil {
			return err
		}
	}
	if o.reigning() && !o.unsettled {
		return nil
	}
	return o.elect(ctx)
}

// look looks at nodes/ and cluster.json, and sees to those who are gone.
func (o *office) look(ctx context.Context, reigning bool) error {
	o.mu.Lock()
	o.lookNow = false
	before := o.cluster
	o.mu.Unlock()
	found, err := o.discover(ctx)
	if err != nil {
		return err
	}
	if err := o.readCluster(ctx); err != nil {
		return err
	}
	o.looked = time.Now()
	// Where something changed, more may be about to: nodes that start together are
	// found within seconds, and a cluster at peace costs little.
	if o.lookEvery = min(2*o.lookEvery, o.e.opt.DiscoverEvery); found.changed || !reigning {
		o.lookEvery = o.e.opt.RetryEvery
	}
	if found.damaged || o.unsettled {
		return nil
	}
	return o.deregister(ctx, &before)
}

func (o *office) lookDue() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return time.Since(o.looked) >= o.lookEvery || o.lookNow
}

// rest waits for the next tick: until one is due or something changes. Only an
// attempt that used up an epoch is followed by the full pause, whatever happens: a node
// that flaps must not make epochs fly by.
func (o *office) rest(ctx context.Context, failed, epochUsed bool) error {
	if epochUsed {
		return pause(ctx, o.e.opt.RetryEvery)
	}
	if !failed && o.reigning() {
		return o.awaitChange(ctx, o.lookEvery-time.Since(o.looked))
	}
	if err := pause(ctx, changePause); err != nil {
		return err
	}
	return o.awaitChange(ctx, o.e.opt.RetryEvery-changePause)
}

// changePause bounds how often changes alone can make an elector without a Primary
// look at everything again.
const changePause = 50 * time.Millisecond

// awaitChange waits for d, or less if something changes.
func (o *office) awaitChange(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(max(d, 0))
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
		o.e.opt.Logger.Warn("elector is held up, trying again", "event", logevent.ElectorHeldUp, "error", err)
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

// countNodes shows how the registered nodes are.
func (o *office) countNodes() {
	o.mu.Lock()
	defer o.mu.Unlock()
	count := map[string]int{}
	for _, n := range o.nodes {
		count[condition(n.state)]++
	}
	for _, c := range conditions {
		o.e.opt.Metrics.nodes.WithLabelValues(c).Set(float64(count[c]))
	}
}

// conditions of a node, as the metrics have them.
var conditions = [...]string{"healthy", "degraded", "loading", "unreachable"}

// condition of a node whose last heartbeat was s; nil if it isn't heard.
func condition(s *peerpb.NodeState) string {
	switch {
	case s == nil:
		return "unreachable"
	case s.Health == peerpb.Health_HEALTH_HEALTHY:
		return "healthy"
	case s.Health == peerpb.Health_HEALTH_LOADING:
		return "loading"
	default:
		return "degraded"
	}
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
