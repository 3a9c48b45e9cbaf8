// Package primary is the Primary's work during one reign: taking over the object
// log (preflight and seal), sequencing writes, committing them, proving that
// reads are current, compacting. DESIGN.md explains why it is shaped like this.
package primary

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"golang.org/x/sync/errgroup"

	"github.com/netsy-io/netsy/pkg/ask"
	"github.com/netsy-io/netsy/pkg/lease"
	"github.com/netsy-io/netsy/pkg/loading"
	"github.com/netsy-io/netsy/pkg/mvcc"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
	"github.com/netsy-io/netsy/pkg/replication"
	"github.com/netsy-io/netsy/pkg/snapshot"
	"github.com/netsy-io/netsy/pkg/watch"
)

// Office is what a reign asks of and writes to cluster.json.
type Office interface {
	// StillPrimary reads cluster.json anew and returns nil if it names this node,
	// this incarnation and this epoch; an error wrapping ErrDeposed if it doesn't.
	StillPrimary(ctx context.Context) error
	// SetCompaction records rev as the compaction revision, on the same condition.
	SetCompaction(ctx context.Context, rev record.Revision) error
	// Terms reads on what terms the reign begins, on the same condition.
	Terms(ctx context.Context) (Terms, error)
	// SetDurability records d, on the same condition. An error wrapping
	// registry.ErrUnknownOutcome says that it may be recorded, now or later.
	SetDurability(ctx context.Context, d registry.Durability) error
}

// Terms are what a reign takes over from cluster.json.
type Terms struct {
	Durability registry.Durability
	Compaction record.Revision // the compaction revision
	Origin     record.Revision // of the snapshot that the cluster began with; 0: none
}

// Config is what a reign needs. Fields with a default have it in complete.
type Config struct {
	Store     *mvcc.Store
	Log       *objectlog.Log
	Snapshots *snapshot.Store
	Hub       *watch.Hub
	Office    Office

	Epoch record.Epoch
	Self  registry.NodeRef

	// Quorum is how many receipts a commit needs beside the Primary's own copy; -1: a
	// majority of the voters; 0: none ever, all commits go through object storage.
	Quorum        int
	QuorumTimeout time.Duration // how long a batch waits for receipts before it goes to the object log

	// Committed records go to the object log once they have FlushBytes, or are
	// FlushAge old. Once MaxUnlogged bytes wait for it, writes are refused.
	FlushBytes  int
	FlushAge    time.Duration
	MaxUnlogged int

	// SlotTimeout is how long a write, or the start, waits for an object log that takes
	// nothing before the reign ends with ErrStorageAway: another node may do better.
	SlotTimeout time.Duration
	// Alone says whether no other node could take over; then the reign goes on. nil: never.
	Alone func() bool

	// Followers are expected to be heard every HeartbeatInterval, and count as
	// unhealthy when DegradationCount are missed.
	HeartbeatInterval time.Duration
	DegradationCount  int

	// CompactionInterval is how often, and CompactionWindow how far behind the
	// present, history is compacted by itself; an interval of 0 means never.
	CompactionInterval, CompactionWindow time.Duration

	Logger      hclog.Logger
	Metrics     *Metrics
	FeedMetrics *replication.Metrics
	LoadMetrics *loading.Metrics
}

// Defaults of Config, those of the cluster file.
const (
	defaultQuorumTimeout     = time.Second
	defaultSlotTimeout       = 10 * time.Second // as long as clients wait
	defaultFlushBytes        = 4 << 20
	defaultFlushAge          = time.Minute
	defaultHeartbeatInterval = time.Second
	defaultDegradationCount  = 2
	// defaultMaxUnlogged is some minutes' worth of a busy cluster's writes, and small
	// beside the memory that the keys themselves take.
	defaultMaxUnlogged = 64 << 20
)

func (c *Config) complete() {
	setDefault(&c.QuorumTimeout, defaultQuorumTimeout)
	setDefault(&c.SlotTimeout, defaultSlotTimeout)
	setDefault(&c.FlushBytes, defaultFlushBytes)
	setDefault(&c.FlushAge, defaultFlushAge)
	setDefault(&c.MaxUnlogged, defaultMaxUnlogged)
	setDefault(&c.HeartbeatInterval, defaultHeartbeatInterval)
	setDefault(&c.DegradationCount, defaultDegradationCount)
}

func setDefault[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}

// Reign is one epoch of an active Primary. It is made by Start and ends once, by
// Stop or by itself, and never resumes. Its methods are safe for concurrent use.
type Reign struct {
	cfg    Config
	leases *lease.Expirer
	lease  leaseSlot
	proof  *ask.Shared[struct{}]

	feed *replication.Feed

	queue      chan *proposal
	ready      chan struct{} // the committer is free: hand over a batch
	batches    chan *batch   // of capacity 1: handing over never waits
	underWay   atomic.Int64  // proposals that were handed over and not released
	eased      chan struct{} // of capacity 1: there are fewer
	requests   chan request
	draining   atomic.Bool
	full       atomic.Bool                         // too much is not in the object log yet
	rule       atomic.Pointer[registry.Durability] // under which receipts prove the reign; nil while they don't
	compacting sync.Mutex
	handing    chan struct{} // of capacity 1: full while Drain or HandOver is at work
	unflushed  atomic.Pointer[unflushed]

	ctx    context.Context
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup
	over   chan struct{} // closed when every goroutine has ended
}

// Start takes office for cfg.Epoch: it durably notes the epoch as served, brings
// the local copy and the object log into agreement, seals the log against every
// older Primary, and only then returns an active reign. ctx bounds the start
// only. A failed start leaves nothing running, and the epoch is used up.
func Start(ctx context.Context, cfg Config) (*Reign, error) {
	cfg.complete()
	begun := time.Now()
	r, err := start(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("primary: starting epoch %d: %w", cfg.Epoch, err)
	}
	cfg.Metrics.startSeconds.Set(time.Since(begun).Seconds())
	return r, nil
}

func start(ctx context.Context, cfg Config) (*Reign, error) {
	var (
		writer *objectlog.Writer
		terms  Terms
	)
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		p := preflight{cfg: cfg, log: cfg.Logger.Named("preflight")}
		writer, err = p.run(gctx)
		return err
	})
	g.Go(func() (err error) {
		terms, err = readTerms(gctx, cfg)
		return err
	})
	if err := g.Wait(); err != nil {
		return nil, err
	}
	working, err := cfg.Store.NewWorking(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the local copy: %w", err)
	}
	r := &Reign{
		cfg:      cfg,
		queue:    make(chan *proposal, queueSize),
		ready:    make(chan struct{}),
		batches:  make(chan *batch, 1),
		eased:    make(chan struct{}, 1),
		requests: make(chan request),
		handing:  make(chan struct{}, 1),
		over:     make(chan struct{}),
	}
	r.proof = ask.New(func(ctx context.Context) (struct{}, error) { return struct{}{}, r.askOffice(ctx) })
	r.ctx, r.cancel = context.WithCancelCause(context.Background())
	r.leases = lease.NewExpirer(time.Now(), r.expire, lease.WithLogger(cfg.Logger.Named("lease")), lease.WithMetrics(cfg.Metrics.leases))
	if r.feed, err = replication.NewFeed(ctx, replication.FeedConfig{
		Store: cfg.Store, Self: cfg.Self, Epoch: cfg.Epoch, End: cfg.Store.Tail(),
		HeartbeatInterval: cfg.HeartbeatInterval, DegradationCount: cfg.DegradationCount,
		HigherEpoch: func(e record.Epoch) {
			r.cancel(&HigherEpochError{Own: cfg.Epoch, Seen: e, Where: "a replica's word"})
		},
		Logger: cfg.Logger.Named("feed"), Metrics: cfg.FeedMetrics,
	}); err != nil {
		return nil, err
	}
	if err := r.open(ctx, working, terms.Compaction); err != nil {
		r.feed.Close(err)
		return nil, err
	}
	cfg.Metrics.begin(cfg.Epoch, terms.Durability)
	r.run(working, newCommitter(r, writer, r.feed, terms.Durability))
	return r, nil
}

// open publishes what the preflight found to be committed: everything, up to the
// seal. Watches, which may have seen less before, read the rest from history. What
// cluster.json says is compacted is so here too, before anybody reads.
func (r *Reign) open(ctx context.Context, w *mvcc.Working, compacted record.Revision) error {
	sn, st := w.Snapshot(), r.cfg.Store
	if err := st.Publish(sn); err != nil {
		return err
	}
	r.cfg.Hub.SkipTo(sn.Revision())
	if compacted = min(compacted, sn.Revision()); compacted > st.CompactRevision() {
		if err := st.Compact(ctx, compacted); err != nil {
			return err
		}
	}
	r.cfg.Hub.Compacted(st.CompactRevision())
	r.feed.Committed(sn.Revision(), r.cfg.Store.CompactRevision())
	if first, pos, ok := r.cfg.Store.Logged(); ok {
		r.feed.Logged(first, pos)
	}
	sn.EachLeased(r.leases.Attach)
	return nil
}

// run starts the reign's goroutines and the one that waits for them all.
func (r *Reign) run(working *mvcc.Working, c *committer) {
	r.goFunc(func(ctx context.Context) { r.sequence(ctx, working) })
	r.goFunc(func(ctx context.Context) { r.cancel(c.run(ctx)) })
	r.goFunc(r.proof.Run)
	r.goFunc(func(ctx context.Context) { r.leases.Run(ctx) })
	if r.cfg.CompactionInterval > 0 {
		r.goFunc(r.compactByItself)
	}
	go func() { // ends when the others have: the last act of the reign
		<-r.ctx.Done()
		r.feed.Close(ErrNotPrimary)
		r.wg.Wait()
		close(r.over)
	}()
}

// goFunc runs f in a goroutine that the reign waits for.
func (r *Reign) goFunc(f func(context.Context)) {
	r.wg.Add(1)
	go func() {
		defer r.wg.Done()
		f(r.ctx)
	}()
}

// Epoch returns the reign's epoch.
func (r *Reign) Epoch() record.Epoch { return r.cfg.Epoch }

// Standing says how commits are made durable, who the voters are while receipts may
// acknowledge, and whether the read lease holds.
func (r *Reign) Standing() (mode registry.Mode, voters []registry.NodeRef, lease bool) {
	lease = r.lease.holds(r.cfg.Epoch, time.Now())
	if d := r.rule.Load(); d != nil {
		return d.Mode, d.Voters, lease
	}
	return registry.ModeObjectStorage, nil, lease
}

// Over is closed when the reign has ended and nothing of it runs any more.
func (r *Reign) Over() <-chan struct{} { return r.over }

// Err says why the reign ended; nil while it goes on.
func (r *Reign) Err() error { return context.Cause(r.ctx) }

// Stop ends the reign at once and waits for its goroutines. Proposals that are
// being committed get ErrUnknownOutcome. cause is what Err will say.
func (r *Reign) Stop(cause error) {
	r.End(cause)
	<-r.over
}

// End is Stop without waiting.
func (r *Reign) End(cause error) {
	r.lease.drop()
	r.cancel(cause)
}

// Drain hands over: it takes no more proposals, waits until all that were taken are
// answered, brings everything into the object log, records that it is all there, so that
// any node may be the next Primary, and stops. If ctx ends first it stops at once.
func (r *Reign) Drain(ctx context.Context) error {
	select {
	case r.handing <- struct{}{}: // what hands over ends that first, one way or the other
		defer func() { <-r.handing }()
	case <-r.over:
		return nil
	case <-ctx.Done(): // then it can't be answered either
	}
	r.draining.Store(true)
	err := r.answerAll(ctx)
	if err == nil {
		_, err = r.request(ctx, request{kind: leave})
	}
	r.Stop(ErrStopped)
	return err
}

// RemoveVoter sees to it that ref is no voter, and returns once cluster.json says so.
func (r *Reign) RemoveVoter(ctx context.Context, ref registry.NodeRef) error {
	if ref.IsZero() || ref == r.cfg.Self {
		return fmt.Errorf("primary: %v can't be removed from the voters here", ref)
	}
	over, err := r.request(ctx, request{kind: removeVoter, remove: ref})
	if over {
		return ErrNotPrimary
	}
	return err
}

// request hands the committer a request and waits for its answer. over: the reign ended first.
func (r *Reign) request(ctx context.Context, q request) (over bool, err error) {
	q.done = make(chan error, 1)
	select {
	case r.requests <- q:
	case <-r.over:
		return true, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
	select {
	case err := <-q.done:
		return false, err
	case <-r.over:
		return true, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// Feed is where replicas follow the reign.
func (r *Reign) Feed() *replication.Feed { return r.feed }

// answerAll waits until every proposal that was taken is answered.
func (r *Reign) answerAll(ctx context.Context) error {
	// An empty proposal is answered after everything before it.
	p := &proposal{ctx: ctx, done: make(chan outcome, 1), eval: func(*mvcc.Working, mvcc.Stamp) (any, *mvcc.Change, error) { return nil, nil, nil }}
	select {
	case r.queue <- p:
		select {
		case <-p.done: // with whatever result: nothing was asked
			return ctx.Err() // it isn't kept waiting when ctx has ended
		case <-ctx.Done():
			return ctx.Err()
		case <-r.over:
			return nil
		}
	case <-ctx.Done():
		return ctx.Err()
	case <-r.over:
		return nil
	}
}

// RenewLease takes a read lease from the elector.
func (r *Reign) RenewLease(l ReadLease) {
	if l.Epoch == r.cfg.Epoch && r.ctx.Err() == nil {
		r.lease.renew(l)
	}
}

// Confirm proves that the reign goes on, as of some moment after the call: by the
// lease, or by a fresh read of cluster.json. Everything published before that
// moment is current. A denial ends the reign.
func (r *Reign) Confirm(ctx context.Context) error {
	if r.ctx.Err() == nil && r.lease.holds(r.cfg.Epoch, time.Now()) {
		return nil
	}
	if r.ctx.Err() != nil {
		return ErrNotPrimary
	}
	_, err := r.proof.Answer(ctx, r.over, ErrNotPrimary)
	return err
}

// askOffice proves the reign by a round of the voters while receipts may acknowledge,
// else by reading cluster.json anew. A denial ends the reign; not reaching object
// storage doesn't: it proves nothing either way.
func (r *Reign) askOffice(ctx context.Context) error {
	if r.provenByVoters(ctx) {
		return nil
	}
	err := r.cfg.Office.StillPrimary(ctx)
	if errors.Is(err, ErrDeposed) {
		r.cancel(err)
	}
	return err
}

// provenByVoters asks the voters, who must not have promised a later epoch. The rule
// must have been in force before the question and after the answers.
func (r *Reign) provenByVoters(ctx context.Context) bool {
	d := r.rule.Load()
	if d == nil || r.cfg.Store.ElectionState().Promised != r.cfg.Epoch {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, r.cfg.QuorumTimeout)
	defer cancel()
	err := r.feed.Round(ctx, func(answered []registry.NodeRef) bool { return provenByRound(*d, r.cfg.Self, answered) })
	return err == nil && r.rule.Load() == d
}

// Snapshot returns a committed state that is current as of some moment after the call.
func (r *Reign) Snapshot(ctx context.Context) (*mvcc.Snapshot, error) {
	// Loaded before the lease is looked at: a lease that still holds afterwards
	// means that nobody else had acknowledged anything until then.
	sn := r.cfg.Store.Snapshot()
	if r.ctx.Err() == nil && r.lease.holds(r.cfg.Epoch, time.Now()) {
		return sn, nil
	}
	if err := r.Confirm(ctx); err != nil {
		return nil, err
	}
	return r.cfg.Store.Snapshot(), nil
}
