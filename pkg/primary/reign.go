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

	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/netsy-io/netsy/pkg/lease"
	"github.com/netsy-io/netsy/pkg/mvcc"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/watch"
)

// Office is what a reign asks of and writes to cluster.json.
type Office interface {
	// StillPrimary reads cluster.json anew and returns nil if it names this node,
	// this incarnation and this epoch; an error wrapping ErrDeposed if it doesn't.
	StillPrimary(ctx context.Context) error
	// SetCompaction records rev as the compaction revision, on the same condition.
	SetCompaction(ctx context.Context, rev record.Revision) error
}

// Config is what a reign needs. All fields are required.
type Config struct {
	Store  *mvcc.Store
	Log    *objectlog.Log
	Hub    *watch.Hub
	Office Office

	Epoch  record.Epoch
	NodeID string

	// CompactionInterval is how often, and CompactionWindow how far behind the
	// present, history is compacted by itself; an interval of 0 means never.
	CompactionInterval, CompactionWindow time.Duration

	Logger  hclog.Logger
	Metrics *Metrics
}

// Reign is one epoch of an active Primary. It is made by Start and ends once, by
// Stop or by itself, and never resumes. Its methods are safe for concurrent use.
type Reign struct {
	cfg    Config
	leases *lease.Expirer
	lease  leaseSlot
	proof  *confirmer

	queue         chan *proposal
	ready         chan struct{} // the committer is free: hand over a batch
	batches       chan *batch   // of capacity 1: handing over never waits
	sequencerGone chan struct{}
	draining      atomic.Bool
	compacting    sync.Mutex

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
	p := preflight{cfg: cfg, log: cfg.Logger.Named("preflight")}
	writer, err := p.run(ctx)
	if err != nil {
		return nil, fmt.Errorf("primary: starting epoch %d: %w", cfg.Epoch, err)
	}
	working, err := cfg.Store.NewWorking(ctx)
	if err != nil {
		return nil, fmt.Errorf("primary: starting epoch %d: reading the local copy: %w", cfg.Epoch, err)
	}
	r := &Reign{
		cfg:           cfg,
		queue:         make(chan *proposal, queueSize),
		ready:         make(chan struct{}),
		batches:       make(chan *batch, 1),
		sequencerGone: make(chan struct{}),
		over:          make(chan struct{}),
	}
	r.proof = newConfirmer(r.askOffice)
	r.ctx, r.cancel = context.WithCancelCause(context.Background())
	r.leases = lease.NewExpirer(time.Now(), r.expire, lease.WithLogger(cfg.Logger.Named("lease")), lease.WithMetrics(cfg.Metrics.leases))
	if err := r.open(working); err != nil {
		return nil, fmt.Errorf("primary: starting epoch %d: %w", cfg.Epoch, err)
	}
	r.run(working, writer)
	return r, nil
}

// open publishes what the preflight found to be committed: everything, up to the
// seal. Watches, which may have seen less before, read the rest from history.
func (r *Reign) open(w *mvcc.Working) error {
	sn := w.Snapshot()
	if err := r.cfg.Store.Publish(sn); err != nil {
		return err
	}
	r.cfg.Hub.SkipTo(sn.Revision())
	sn.Ascend(nil, func(kv *mvccpb.KeyValue) bool {
		if kv.Lease != 0 {
			r.leases.Attach(kv)
		}
		return true
	})
	return nil
}

// run starts the reign's goroutines and the one that waits for them all.
func (r *Reign) run(working *mvcc.Working, writer *objectlog.Writer) {
	r.goFunc(func(ctx context.Context) {
		defer close(r.sequencerGone)
		r.sequence(ctx, working)
	})
	r.goFunc(func(ctx context.Context) { r.cancel(r.commit(ctx, writer)) })
	r.goFunc(r.proof.run)
	r.goFunc(func(ctx context.Context) { r.leases.Run(ctx) })
	if r.cfg.CompactionInterval > 0 {
		r.goFunc(r.compactByItself)
	}
	go func() { // ends when the others have: the last act of the reign
		<-r.ctx.Done()
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

// Over is closed when the reign has ended and nothing of it runs any more.
func (r *Reign) Over() <-chan struct{} { return r.over }

// Err says why the reign ended; nil while it goes on.
func (r *Reign) Err() error { return context.Cause(r.ctx) }

// Stop ends the reign at once and waits for its goroutines. Proposals that are
// being committed get ErrUnknownOutcome. cause is what Err will say.
func (r *Reign) Stop(cause error) {
	r.lease.drop()
	r.cancel(cause)
	<-r.over
}

// Drain takes no more proposals, waits until all that were taken are answered, and
// stops. If ctx ends first it stops at once.
func (r *Reign) Drain(ctx context.Context) error {
	r.draining.Store(true)
	// An empty proposal is answered after everything before it.
	p := &proposal{ctx: ctx, done: make(chan outcome, 1), eval: func(*mvcc.Working, mvcc.Stamp) (any, *mvcc.Change, error) { return nil, nil, nil }}
	var err error
	select {
	case r.queue <- p:
		select {
		case o := <-p.done:
			err = o.err
		case <-ctx.Done():
			err = ctx.Err()
		case <-r.over:
		}
	case <-ctx.Done():
		err = ctx.Err()
	case <-r.over:
	}
	r.Stop(ErrStopped)
	return err
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
	return r.proof.confirm(ctx, r.over)
}

// askOffice reads cluster.json anew. A denial ends the reign; not reaching object
// storage doesn't: it proves nothing either way.
func (r *Reign) askOffice(ctx context.Context) error {
	err := r.cfg.Office.StillPrimary(ctx)
	if errors.Is(err, ErrDeposed) {
		r.cancel(err)
	}
	return err
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
