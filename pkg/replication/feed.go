// Package replication is the follow stream: how replicas come by the history of the
// active Primary, and how the Primary learns what is durable on them. Feed is the
// Primary's side, Follow and Applier are the replica's. See DESIGN.md.
package replication

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/netsy-io/netsy/pkg/mvcc"
	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

const (
	// ringBytes bounds the batches kept in memory for followers that are behind: seconds of
	// heavy writing. One further behind is served from SQLite.
	ringBytes = 32 << 20

	// maxAppend bounds the records of one message, unless one revision is larger. Large
	// enough to spread the fixed costs, small enough that a notice or a round that
	// comes next doesn't wait long on a slow line.
	maxAppend = 1 << 20

	// minSilence is how long, at least, a follower may say nothing before its stream is
	// ended: an fsync on a busy disk can take seconds.
	minSilence = 10 * time.Second
)

// FeedConfig is what a Feed needs. Logger, Metrics and HigherEpoch may be absent.
type FeedConfig struct {
	Store *mvcc.Store
	Self  registry.NodeRef
	Epoch record.Epoch
	End   record.Pos // the seal: stored and committed

	// HeartbeatInterval is how often, at least, each side says something. A follower
	// not heard for DegradationCount intervals is not healthy.
	HeartbeatInterval time.Duration
	DegradationCount  int

	// HigherEpoch is told of an epoch above the feed's that a replica named. It must
	// not block.
	HigherEpoch func(record.Epoch)

	Logger  hclog.Logger
	Metrics *Metrics
}

func (c *FeedConfig) setDefaults() {
	if c.HigherEpoch == nil {
		c.HigherEpoch = func(record.Epoch) {}
	}
	if c.Logger == nil {
		c.Logger = hclog.NewNullLogger()
	}
	if c.Metrics == nil {
		c.Metrics = NewMetrics(nil, nil)
	}
}

// Feed streams one reign's history to its followers and gathers their receipts. All
// methods are safe for concurrent use, Send by one caller at a time. None of those
// that feed it waits for a follower.
type Feed struct {
	cfg    FeedConfig
	starts []record.Pos

	ctx     context.Context // ends with Close
	cancel  context.CancelCauseFunc
	wg      sync.WaitGroup
	changed chan struct{}

	mu         sync.Mutex
	closed     bool
	ring       ring
	last       record.Revision // assigned
	stored     record.Revision // of those, durable here
	committed  record.Revision
	compaction record.Revision
	logged     *peerpb.Logged // how far the object log has come; nil: not known
	round      uint64
	question   question                // the one that is open
	questions  uint64                  // how many there have been
	copies     map[string]*replicaCopy // by node id
	waiters    map[chan struct{}]struct{}
}

// replicaCopy is what is known of one node's copy: for as long as the feed lives, and
// the node has the same incarnation.
type replicaCopy struct {
	ref       registry.NodeRef
	stream    *stream // the newest one; nil when it has left
	receipt   record.Revision
	round     uint64 // the newest round it answered
	published record.Revision
	needed    record.Revision
}

// Follower is what the Primary knows of one replica.
type Follower struct {
	Ref       registry.NodeRef
	Connected bool // its stream is open and the copies have agreed
	Healthy   bool // connected, and heard of lately
	// Receipt: everything up to here is durable on it. It stays when the follower leaves.
	Receipt   record.Revision
	Published record.Revision // what its clients see
	Needed    record.Revision // the lowest revision its watches need of the history; 0: none
}

// NewFeed makes the feed of a reign whose seal is stored. ctx bounds the reading of
// the history's outline only.
func NewFeed(ctx context.Context, cfg FeedConfig) (*Feed, error) {
	cfg.setDefaults()
	starts, err := cfg.Store.EpochStarts(ctx)
	if err != nil {
		return nil, fmt.Errorf("replication: feed of epoch %d: %w", cfg.Epoch, err)
	}
	if len(starts) == 0 || starts[len(starts)-1] != cfg.End || cfg.End.Epoch != cfg.Epoch {
		return nil, fmt.Errorf("replication: feed of epoch %d: its seal %v is not the last epoch start stored: %v", cfg.Epoch, cfg.End, starts)
	}
	f := &Feed{
		cfg: cfg, starts: starts, changed: make(chan struct{}, 1), ring: ring{limit: ringBytes},
		last: cfg.End.Revision, stored: cfg.End.Revision, committed: cfg.End.Revision, compaction: cfg.Store.CompactRevision(),
		copies: map[string]*replicaCopy{}, waiters: map[chan struct{}]struct{}{},
	}
	f.ctx, f.cancel = context.WithCancelCause(context.Background())
	cfg.Metrics.feed.Store(f)
	return f, nil
}

// Send takes the next batch as soon as its revisions are assigned: whole revisions,
// right after those before. recs are shared from now on and must not change. A batch
// that doesn't follow is a bug of the caller, and panics: no copy could be trusted.
func (f *Feed) Send(recs []record.Record) {
	if len(recs) == 0 {
		return
	}
	b := newBatch(recs)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	if b.first != f.last+1 {
		panic(fmt.Sprintf("replication: revision %d was sent after %d", b.first, f.last))
	}
	f.last = b.last
	f.ring.add(b)
	f.trimLocked()
	f.wakeLocked()
}

// trimLocked forgets the batches that no follower who is here needs. One that comes back
// goes on from what it has, by its receipt or later; what it lacks is in the store, too.
func (f *Feed) trimLocked() {
	received := f.stored
	for _, c := range f.copies {
		if c.stream != nil {
			received = min(received, c.receipt)
		}
	}
	f.ring.trim(f.stored, received)
}

// Stored says that everything up to rev is durable on the Primary: memory may forget it.
func (f *Feed) Stored(rev record.Revision) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stored = max(f.stored, min(rev, f.last))
	f.trimLocked()
}

// Committed says that everything up to rev is committed, and history compacted up to
// compaction. Followers hear of it at once.
func (f *Feed) Committed(rev, compaction record.Revision) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if rev <= f.committed && compaction <= f.compaction {
		return
	}
	f.committed, f.compaction = max(f.committed, rev), max(f.compaction, compaction)
	f.wakeLocked()
}

// Logged says that everything up to pos is in the object log, the last of it in the
// chunk that begins at first. Followers hear of it with the next message.
func (f *Feed) Logged(first record.Revision, pos record.Pos) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.logged = &peerpb.Logged{First: int64(first), Pos: message(pos)}
}

// wakeLocked lets every follower's sender look for what is new.
func (f *Feed) wakeLocked() {
	for _, c := range f.copies {
		if c.stream != nil {
			notify(c.stream.wake)
		}
	}
}

// Changed is sent to (capacity 1) when a receipt came, or a follower came, went, or
// fell silent.
func (f *Feed) Changed() <-chan struct{} { return f.changed }

// notify fills a channel of capacity 1.
func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Followers lists what is known of every replica that has followed this reign, by id.
func (f *Feed) Followers() []Follower {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	out := make([]Follower, 0, len(f.copies))
	for _, c := range f.copies {
		out = append(out, Follower{
			Ref: c.ref, Connected: c.connected(), Healthy: f.healthyLocked(c, now),
			Receipt: c.receipt, Published: c.published, Needed: c.needed,
		})
	}
	slices.SortFunc(out, func(a, b Follower) int { return strings.Compare(a.Ref.NodeID, b.Ref.NodeID) })
	return out
}

func (c *replicaCopy) connected() bool { return c.stream != nil && c.stream.agreed }

func (f *Feed) healthyLocked(c *replicaCopy, now time.Time) bool {
	return c.connected() && now.Sub(c.stream.heard) <= time.Duration(f.cfg.DegradationCount)*f.cfg.HeartbeatInterval
}

// silence is how long a stream may be silent before it is ended.
func (f *Feed) silence() time.Duration { return max(minSilence, 5*f.cfg.HeartbeatInterval) }

// behind says whether a copy that agrees up to rev needs what may be gone here.
func (f *Feed) behind(rev record.Revision) bool {
	_, logged, ok := f.cfg.Store.Logged()
	return isBehind(rev, f.cfg.Store.CompactRevision(), logged.Revision, ok)
}

// goFunc runs fn in a goroutine that Close waits for; not after Close.
func (f *Feed) goFunc(fn func()) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return false
	}
	f.wg.Go(fn)
	return true
}

// Close ends all streams with cause and waits for them. What comes afterwards is ignored.
func (f *Feed) Close(cause error) {
	if cause == nil {
		cause = errors.New("replication: the feed was closed")
	}
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.cancel(cause)
	f.wg.Wait()
	f.cfg.Metrics.feed.CompareAndSwap(f, nil) // it must not outlive the reign
}
