package simulation

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/netsy-io/netsy/pkg/mvcc"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
	"github.com/netsy-io/netsy/pkg/verify/verifytest"
	"github.com/netsy-io/netsy/test/internal/check"
)

// world is one simulated cluster with all that belongs to it. It lives in a synctest
// bubble: time passes when nothing else can happen.
type world struct {
	clock
	swarm    swarm
	dir      string // of the nodes' disks
	log      hclog.Logger
	net      *network
	bucket   *bucket
	nodes    []*machine // members and those that may become one
	electors []*machine
	janitors []*machine // compactors
	clients  []*client
	watchers []*watcher
	history  *check.History

	quiet atomic.Bool // faults are over: watchers stay, so that they can be waited for

	state []check.Event // all keys at the end, by a linearizable read

	mu     sync.Mutex
	faults []string
}

// result is what a world comes to: pure data, to be judged outside of the bubble.
type result struct {
	evidence check.Evidence
	clusters []clusterDoc
	faults   []string // found on the way
	freed    int      // chunks that compactors removed
	snapshot int64    // revision of the newest snapshot
	lived    time.Duration
}

func newWorld(s swarm, dir string, log hclog.Logger) *world {
	w := &world{clock: clock{began: time.Now()}, swarm: s, dir: dir, log: log, history: check.NewHistory()}
	w.net = newNetwork(w.rng("network"), s.Network)
	w.bucket = newBucket(w.rng("bucket"), s.Store)
	w.bucket.setRates(s.Rates)
	for i := range s.Nodes + s.Spare {
		m := w.newNode(fmt.Sprintf("node-%d", i+1))
		m.member.Store(i < s.Nodes)
		w.nodes = append(w.nodes, m)
	}
	for i := range s.Electors {
		m := w.newElector(fmt.Sprintf("elector-%d", i+1))
		m.member.Store(true)
		w.electors = append(w.electors, m)
	}
	for i := range s.Snapshots.Compactors {
		m := w.newCompactor(fmt.Sprintf("compactor-%d", i+1))
		m.member.Store(true)
		w.janitors = append(w.janitors, m)
	}
	for i := range s.Clients {
		w.clients = append(w.clients, w.newClient(i))
	}
	for i := range s.Watchers {
		w.watchers = append(w.watchers, w.newWatcher(i))
	}
	return w
}

// rng makes the random numbers of one part of the world.
func (w *world) rng(part string) *rand.Rand { return newRand(w.swarm.Seed, part) }

// note writes into the log what the world does.
func (w *world) note(format string, args ...any) {
	w.log.Named("world").Info(fmt.Sprintf(format, args...))
}

// fail notes a fault that shows before the judge sees the evidence.
func (w *world) fail(format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	w.log.Named("world").Error("FAULT", "error", err)
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.faults) < 20 {
		w.faults = append(w.faults, fmt.Sprintf("at %v: %v", w.tick(), err))
	}
	return err
}

// endedByItself: a process may end when it finds its object store away as it starts,
// not for what it found there or on its disk, which nobody has damaged.
func (w *world) endedByItself(name string, err error) {
	if err == nil || errors.Is(err, mvcc.ErrCorrupt) || errors.Is(err, mvcc.ErrPoisoned) || registry.Permanent(err) {
		_ = w.fail("%s ended by itself: %v", name, err)
	}
}

func (w *world) machines() []*machine {
	return slices.Concat(w.nodes, w.electors, w.janitors)
}

// anyNode is the name of a member, mostly: of a node that has left, if that is drawn
// three times.
func (w *world) anyNode(rng *rand.Rand) string {
	m := w.nodes[rng.IntN(len(w.nodes))]
	for i := 0; i < 3 && !m.member.Load(); i++ {
		m = w.nodes[rng.IntN(len(w.nodes))]
	}
	return m.name
}

// intact says whether what a voter holds is still there.
func (w *world) intact(v registry.NodeRef) bool {
	for _, m := range w.nodes {
		if m.name == v.NodeID {
			return m.member.Load() && !m.lost[v.Incarnation]
		}
	}
	return false
}

// members counts the nodes that are to be up.
func (w *world) members() (n int) {
	for _, m := range w.nodes {
		if m.member.Load() {
			n++
		}
	}
	return n
}

// primary is the machine that cluster.json names.
func (w *world) primary() *machine {
	c, err := registry.New(w.bucket.mem, clusterID).Cluster(context.Background())
	if err != nil {
		return nil
	}
	for _, m := range w.nodes {
		if m.name == c.Primary.NodeID {
			return m
		}
	}
	return nil
}

// live is a world's life, from its first process to the evidence.
func (w *world) live() result {
	for _, m := range w.machines() {
		if m.member.Load() {
			m.start()
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	var users, watching sync.WaitGroup
	for _, c := range w.clients {
		users.Go(func() { c.run(ctx) })
	}
	watchCtx, stopWatching := context.WithCancel(context.Background())
	for _, x := range w.watchers {
		watching.Go(func() { x.run(watchCtx) })
	}
	storm, calm := context.WithTimeout(ctx, w.swarm.Duration)
	n := &nemesis{w: w, rng: w.rng("nemesis")}
	n.rage(storm)
	calm()

	w.heal()
	end, published := w.recover(stop, &users)
	stopWatching()
	watching.Wait()
	r := w.collect(end, published)
	w.bucket.close()
	w.net.calls.Wait()
	synctest.Wait()
	return r
}

// heal ends all faults. What was sent late may still land.
func (w *world) heal() {
	w.note("all faults end")
	w.quiet.Store(true)
	w.net.mend()
	w.bucket.mend()
	for _, m := range w.machines() {
		if m.member.Load() {
			m.start()
		}
	}
}

// recoverWithin bounds each step back to health, in virtual time. What has to pass are
// timeouts of seconds, the longest a request to the store of 5 s and a flush's age of a
// minute; late writes may start one or the other anew for a minute.
const recoverWithin = 3 * time.Minute

// settled is longer than anything that a client gave up can still be under way.
const settled = 20 * time.Second

// recover sees the cluster become whole: every node takes a write, everything
// acknowledged comes to every node, into the object log and to every watch. It
// returns the last revision, and up to where each node has shown to have come.
func (w *world) recover(stop context.CancelFunc, users *sync.WaitGroup) (end int64, published map[string]int64) {
	published = map[string]int64{}
	c := w.newClient(len(w.clients))
	step := func(what string, f func(context.Context) error) {
		ctx, cancel := context.WithTimeout(context.Background(), recoverWithin)
		defer cancel()
		if err := f(ctx); err != nil {
			_ = w.fail("%v after all faults had ended, %s: %v", recoverWithin, what, err)
		}
	}
	write := func(m *machine) {
		step("a node takes no write", func(ctx context.Context) error {
			rev, err := c.until(ctx, m.name, keyPrefix+"end-"+m.name)
			end = max(end, rev)
			return err
		})
	}
	w.eachMember(write)
	stop() // the clients, which had to go on meanwhile
	users.Wait()
	sleep(context.Background(), settled)
	w.eachMember(write) // after everything that clients did
	w.eachMember(func(m *machine) {
		step("a node lags", func(ctx context.Context) (err error) {
			published[m.name], err = c.reaches(ctx, m.name, end)
			return err
		})
	})
	w.eachMember(func(m *machine) {
		step("a node answers no read", func(ctx context.Context) (err error) {
			w.state, err = c.all(ctx, m.name)
			return err
		})
	})
	step("the object log lags", func(ctx context.Context) error { return w.logged(ctx, end) })
	for _, x := range w.watchers {
		step("a watch lags", func(ctx context.Context) error { return x.await(ctx, end) })
	}
	return end, published
}

func (w *world) eachMember(f func(*machine)) {
	for _, m := range w.nodes {
		if m.member.Load() {
			f(m)
		}
	}
}

// reaches waits until a node shows rev in a local read, and returns what it shows.
func (c *client) reaches(ctx context.Context, node string, rev int64) (int64, error) {
	for {
		o := c.do(ctx, check.Op{Client: c.name, Node: node, Kind: check.Read, Key: keyPrefix, End: keyEnd, Serializable: true})
		if o.Rev >= rev {
			return o.Rev, nil
		}
		if !sleep(ctx, 100*time.Millisecond) {
			return o.Rev, fmt.Errorf("%s shows revision %d, not %d; last: %v", node, o.Rev, rev, o.Err)
		}
	}
}

// all reads everything.
func (c *client) all(ctx context.Context, node string) ([]check.Event, error) {
	for {
		o := c.do(ctx, check.Op{Client: c.name, Node: node, Kind: check.Read, Key: keyPrefix, End: keyEnd})
		if o.Err == nil {
			return o.Saw, nil
		}
		if !sleep(ctx, 100*time.Millisecond) {
			return nil, fmt.Errorf("%s: %w", node, o.Err)
		}
	}
}

// logged waits until the object log has rev.
func (w *world) logged(ctx context.Context, rev int64) error {
	for {
		end, err := w.logEnd()
		if err != nil || int64(end) >= rev {
			return err
		}
		if !sleep(ctx, time.Second) {
			return fmt.Errorf("it ends at %d, not %d", end, rev)
		}
	}
}

// logEnd reads the object log as a node does that knows nothing.
func (w *world) logEnd() (record.Revision, error) {
	from, err := w.bucket.newest()
	if err != nil {
		return 0, err
	}
	end, err := objectlog.New(w.bucket.mem, objectlog.Options{}).Read(context.Background(), from, func(objectlog.Chunk) error { return nil })
	if errors.Is(err, objectlog.ErrGap) || errors.Is(err, objectlog.ErrSuperseded) {
		return 0, nil // a compactor was at work meanwhile
	}
	return end.Last.Revision, err
}

// collect stops everything and gathers the evidence.
func (w *world) collect(end int64, published map[string]int64) result {
	for _, m := range slices.Concat(w.janitors, w.electors, w.nodes) { // no election while nodes stop
		m.halt()
	}
	for _, p := range w.net.parties {
		p.cancel()
	}
	r := result{lived: w.tick(), clusters: w.bucket.clusters}
	r.evidence = check.Evidence{Ops: w.history.Ops(), End: end, State: w.state}
	if _, err := w.logEnd(); err != nil {
		_ = w.fail("the object log: %v", err)
	}
	var err error
	if r.evidence.Chunks, err = w.bucket.archive.log(w.bucket.mem); err != nil {
		_ = w.fail("the object log: %v", err)
	}
	w.checkSnapshots(r.evidence.Chunks)
	for _, fault := range verifytest.Faults(w.bucket.mem) {
		_ = w.fail("%s", fault)
	}
	r.freed = len(w.bucket.archive.chunks)
	if newest, err := w.bucket.newest(); err == nil {
		r.snapshot = int64(newest)
	}
	for _, x := range w.watchers {
		r.evidence.Watches = append(r.evidence.Watches, x.seen...)
	}
	w.eachMember(func(m *machine) {
		c, err := m.read(published[m.name])
		if err != nil {
			_ = w.fail("the copy of %s: %v", m.name, err)
		}
		r.evidence.Copies = append(r.evidence.Copies, c)
	})
	r.faults = w.faults
	return r
}

// read reads what is on the disk of a machine that is off.
func (m *machine) read(published int64) (c check.Copy, err error) {
	st, err := mvcc.Open(context.Background(), mvcc.Options{Dir: m.dir, ClusterID: clusterID, NodeID: m.name})
	if err != nil {
		return c, err
	}
	c = check.Copy{Name: m.name, Through: record.Revision(published), Compacted: st.CompactRevision()}
	err = st.Records(context.Background(), 1, st.Tail().Revision, func(r *record.Record) error {
		c.Records = append(c.Records, *r)
		return nil
	})
	return c, errors.Join(err, st.Close())
}
