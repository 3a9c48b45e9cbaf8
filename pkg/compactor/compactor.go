// Package compactor turns the object log into snapshots and frees what they supersede.
// Any number of compactors may work at once without harm: DESIGN.md says why. The rules
// are in threshold.go, sound.go, reign.go and free.go; they are pure.
package compactor

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/netsy-io/netsy/pkg/logevent"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
	"github.com/netsy-io/netsy/pkg/snapshot"
)

// DefaultInterval between passes. A pass with nothing to do is about ten requests.
const DefaultInterval = time.Minute

// Options of a Compactor. Store, ClusterID, ID, Retention and Keep are required.
type Options struct {
	Store      objectstore.Store
	ClusterID  string
	ID         string // names this process to people; a random part is added
	Thresholds Thresholds
	Retention  time.Duration // how old, by the store's clock, what is freed must be
	Keep       int           // snapshots kept, at least 2

	Dir    string       // for the local file of the snapshot in the making; "" = os.TempDir()
	Logger hclog.Logger // nil = none

	Metrics         *Metrics // nil = not registered; so the others
	SnapshotMetrics *snapshot.Metrics
	LogMetrics      *objectlog.Metrics
}

// Compactor makes passes over one cluster's bucket. Once, Plan and Run may be called from
// any goroutine; passes of one Compactor never overlap.
type Compactor struct {
	o         Options
	leaderID  string
	logger    hclog.Logger
	metrics   *Metrics
	bucket    bucket
	registry  *registry.Registry
	log       *objectlog.Log
	snapshots *snapshot.Store

	pass sync.Mutex // one at a time; over everything below
	// known is what was learnt of snapshots by reading them. A snapshot that isn't listed
	// any more is forgotten.
	known map[record.Revision]knowledge
	// tombs are the tombstones met so far, so that they aren't read in each pass. There
	// is at most one for each reign, 40 bytes each.
	tombs map[record.Revision]objectstore.Version

	mu   sync.Mutex
	last *Result // of the last pass; nil: there was none
}

// knowledge of one version of a snapshot.
type knowledge struct {
	version objectstore.Version
	state   state
	err     error // why it is corrupt
}

// Result is what came of a pass.
type Result struct {
	Report Report
	Err    error
	At     time.Time // by the local clock
}

// New makes a Compactor. Unusable options show at its first pass.
func New(o Options) *Compactor {
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
	return &Compactor{
		o: o, leaderID: o.ID + "-" + randomSuffix(), logger: o.Logger, metrics: o.Metrics, bucket: bucket{o.Store},
		registry:  registry.New(o.Store, o.ClusterID),
		log:       objectlog.New(o.Store, objectlog.Options{Logger: o.Logger.Named("log"), Metrics: o.LogMetrics}),
		snapshots: snapshot.New(o.Store, snapshot.Options{Logger: o.Logger.Named("snapshot"), Metrics: o.SnapshotMetrics, Dir: o.Dir}),
		known:     map[record.Revision]knowledge{}, tombs: map[record.Revision]objectstore.Version{},
	}
}

func (o *Options) check() error {
	switch {
	case o.Store == nil || o.ClusterID == "" || o.ID == "":
		return errors.New("compactor: Store, ClusterID and ID are required")
	case o.Retention <= 0:
		return fmt.Errorf("compactor: Retention is %v: what writers and readers still use would be freed", o.Retention)
	case o.Keep < 2:
		return fmt.Errorf("compactor: Keep is %d: the two newest snapshots are never deleted", o.Keep)
	}
	return nil
}

// Last returns what came of the last pass; nil if there was none yet. It doesn't wait
// for a pass under way.
func (c *Compactor) Last() *Result {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

// Run makes a pass at once and then one each interval, until ctx ends; then it returns nil.
// A pass that fails is reported and followed by the next. What time can't mend (another
// cluster's bucket, unusable options) is returned.
func (c *Compactor) Run(ctx context.Context, interval time.Duration) error {
	if interval <= 0 {
		return fmt.Errorf("compactor: interval is %v, it must be above 0", interval)
	}
	for ctx.Err() == nil {
		if _, err := c.Once(ctx); hopeless(err) {
			return err
		}
		t := time.NewTimer(interval - rand.N(interval/10+1)) // so that several don't stay in step
		select {
		case <-ctx.Done():
		case <-t.C:
		}
		t.Stop()
	}
	return nil
}

// hopeless reports errors that trying again can't mend.
func hopeless(err error) bool {
	var other *registry.ClusterMismatchError
	return errors.As(err, &other) || errors.Is(err, errOptions)
}

var errOptions = errors.New("unusable options")

// Once takes the lock, makes one pass and gives the lock back. That another compactor has
// the lock, or takes it meanwhile, is no error: Report.Outcome says so. An error may come
// with a report of what was done nevertheless. Corrupt snapshots are *CorruptError.
func (c *Compactor) Once(ctx context.Context) (Report, error) {
	c.pass.Lock()
	defer c.pass.Unlock()
	if err := c.o.check(); err != nil {
		return Report{}, fmt.Errorf("%w: %w", errOptions, err)
	}
	began := time.Now()
	p := &pass{Compactor: c, report: Report{Outcome: Done}}
	err := c.begin(ctx, p)
	if ctx.Err() == nil || err == nil { // a pass that was told to stop did not fail
		c.note(p.report, err, time.Since(began))
	}
	return p.report, err
}

// begin makes the pass if there is a cluster, and it is the right one: in another's bucket
// not even a lock is written.
func (c *Compactor) begin(ctx context.Context, p *pass) error {
	cluster, err := c.registry.Cluster(ctx)
	if errors.Is(err, registry.ErrNotFound) {
		p.report.Outcome = NoCluster
		return nil
	}
	if err != nil {
		return err
	}
	p.compaction = cluster.CompactionRevision
	return c.locked(ctx, p)
}

func (c *Compactor) note(r Report, err error, took time.Duration) {
	args := append([]any{"event", logevent.CompactorPass, "outcome", r.Outcome, "seconds", took.Seconds()}, r.args()...)
	switch {
	case err != nil:
		c.logger.Error("the pass failed", append(args, "error", err)...)
	case r.quiet():
		c.logger.Debug("nothing to do", args...)
	default:
		c.logger.Info("pass made", args...)
	}
	c.metrics.passes.WithLabelValues(resultOf(r, err)).Inc()
	if err == nil {
		c.metrics.duration.Observe(took.Seconds())
		c.metrics.succeeded.SetToCurrentTime()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = &Result{Report: r, Err: err, At: time.Now()}
}
