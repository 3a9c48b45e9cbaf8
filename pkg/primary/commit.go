package primary

import (
	"context"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// Bounds of what is under way.
const (
	// maxInFlight bounds the batches that wait for receipts at once. Each is at most
	// one fsync's worth of writes: beyond a few, more only wait longer.
	maxInFlight = 32
	// maxInFlightBytes bounds what they hold.
	maxInFlightBytes = 16 << 20
	// maxQuestions bounds the batches without writes that wait for proof of reign.
	maxQuestions = 8
)

// committer makes batches durable, publishes what is committed, in order, and answers
// its proposals. One goroutine owns all of it. Work that takes time is done by jobs,
// at most one of each kind, whose results come back as functions for that goroutine.
type committer struct {
	r    *Reign
	feed replicas
	log  *objectlog.Writer

	ledger    ledger
	inFlight  []*batch // taken and not released, in order
	bytes     int      // of inFlight
	unstored  []*batch // of inFlight, not durable here yet
	unlogged  []*batch // not in the object log yet; may be released already
	unloggedB int      // bytes of unlogged
	chunk     objectlog.ChunkInfo
	loggedAt  time.Time // when the object log last took something

	durability
	storing, logging bool
	questions        int
	results          chan func() error // with room for every job
	timer            *time.Timer
}

func newCommitter(r *Reign, log *objectlog.Writer, feed replicas, d registry.Durability) *committer {
	at := log.Next() - 1
	return &committer{
		r: r, feed: feed, log: log,
		ledger: ledger{
			self: r.cfg.Self, assigned: at, stored: at, logged: at, acknowledged: at,
			receipts: map[registry.NodeRef]record.Revision{},
		},
		durability: newDurability(d),
		results:    make(chan func() error, 3+maxQuestions),
		timer:      time.NewTimer(time.Hour),
	}
}

// run is the committer's goroutine. It returns why the reign must end. A batch that
// can't be committed is never undone and tried again in the same epoch: no (epoch,
// revision) is assigned twice.
func (c *committer) run(ctx context.Context) error {
	defer c.timer.Stop()
	err := c.loop(ctx)
	for _, b := range c.inFlight {
		b.fail(lostTo(b, err))
	}
	c.failRequests(err)
	return err
}

// lostTo is what the proposals of a batch hear whose reign ended for err.
func lostTo(b *batch, err error) error {
	if len(b.records) == 0 {
		return fmt.Errorf("%w: %w", ErrNotPrimary, err)
	}
	return fmt.Errorf("%w: %w", ErrUnknownOutcome, err)
}

func (c *committer) loop(ctx context.Context) error {
	for {
		if err := c.advance(ctx); err != nil {
			return err
		}
		var ready chan struct{}
		if c.canTake() {
			ready = c.r.ready
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case ready <- struct{}{}:
			c.take(<-c.r.batches)
		case apply := <-c.results:
			if err := apply(); err != nil {
				return err
			}
		case q := <-c.r.requests:
			c.request(q)
		case <-c.feed.Changed():
			c.hearFollowers()
		case <-c.timer.C:
			c.hearFollowers() // silence is news too
		}
	}
}

// canTake says whether the sequencer may hand over its batch, if that is worth it. On the
// object-storage path one batch is under way at a time, and the next gathers meanwhile. With
// receipts, batches follow one another as fast as the local disk takes them.
func (c *committer) canTake() bool {
	if c.questions >= maxQuestions {
		return false
	}
	if c.eager() {
		return len(c.inFlight) == 0
	}
	return !c.storing && len(c.unstored) == 0 && len(c.inFlight) < maxInFlight && c.bytes < maxInFlightBytes
}

// take begins the commit of b: to the followers at once, to the local disk and
// (if it is due) the object log as soon as they are free.
func (c *committer) take(b *batch) {
	b.taken = time.Now()
	c.inFlight = append(c.inFlight, b)
	c.bytes += b.bytes
	if len(b.records) == 0 {
		b.last = c.ledger.assigned
		return
	}
	b.last = b.records[len(b.records)-1].Revision
	c.ledger.assigned = b.last
	c.feed.Send(b.records)
	c.unstored = append(c.unstored, b)
	c.unlogged = append(c.unlogged, b)
	c.unloggedB += b.bytes
	c.r.full.Store(c.unloggedB >= c.r.cfg.MaxUnlogged)
	c.meterUnlogged()
}

// advance does whatever can be done now, and sets the timer for what is due later.
func (c *committer) advance(ctx context.Context) error {
	if err := c.release(ctx); err != nil {
		return err
	}
	c.storeNext(ctx)
	now := time.Now()
	c.decide(ctx, now)
	c.logNext(ctx, now)
	if err := c.storageAway(now); err != nil {
		return err
	}
	c.noteUnflushed()
	if err := c.finishLeaving(); err != nil {
		return err
	}
	c.timer.Reset(time.Until(c.nextDue(now)))
	return nil
}

// release publishes and answers everything that is committed.
func (c *committer) release(ctx context.Context) error {
	committed := c.ledger.commit()
	n, last := 0, (*batch)(nil)
	var events []*mvccpb.Event
	for n < len(c.inFlight) && c.inFlight[n].last <= committed {
		b := c.inFlight[n]
		if len(b.records) > 0 {
			last = b
			events = append(events, b.events...)
		}
		n++
	}
	if last != nil {
		if err := c.publish(last, events); err != nil {
			return err
		}
	}
	for _, b := range c.inFlight[:n] {
		c.bytes -= b.bytes
		c.r.underWay.Add(-int64(len(b.proposals)))
		if len(b.records) == 0 {
			c.answerObservations(ctx, b)
			continue
		}
		b.release()
		c.r.cfg.Metrics.observeBatch(b, time.Since(b.opened), b.last <= c.ledger.logged)
	}
	if n > 0 {
		c.inFlight = c.inFlight[n:]
		select {
		case c.r.eased <- struct{}{}:
		default:
		}
	}
	return nil
}

func (c *committer) publish(b *batch, events []*mvccpb.Event) error {
	if err := c.r.cfg.Store.Publish(b.snapshot); err != nil {
		return err
	}
	c.r.cfg.Hub.Publish(b.last, events)
	c.r.leases.Observe(events)
	c.feed.Committed(b.last, c.r.cfg.Store.CompactRevision())
	return nil
}

// answerObservations answers a batch that changes nothing: failed compares, reads.
// All that they saw is committed by now, but like any read they need proof that the
// reign goes on.
func (c *committer) answerObservations(ctx context.Context, b *batch) {
	if c.r.lease.holds(c.r.cfg.Epoch, time.Now()) {
		b.release()
		return
	}
	c.questions++
	c.r.goFunc(func(context.Context) {
		if err := c.r.Confirm(ctx); err != nil {
			b.fail(fmt.Errorf("%w: %w", ErrNotPrimary, err))
		} else {
			b.release()
		}
		c.results <- func() error { c.questions--; return nil }
	})
}

// storeNext puts the batches that the local disk hasn't got into SQLite, in one transaction.
func (c *committer) storeNext(ctx context.Context) {
	if c.storing || len(c.unstored) == 0 {
		return
	}
	recs := recordsOf(c.unstored)
	c.unstored, c.storing = nil, true
	c.r.goFunc(func(context.Context) {
		err := c.r.cfg.Store.Append(ctx, recs)
		c.results <- func() error { return c.stored(recs, err) }
	})
}

func (c *committer) stored(recs []record.Record, err error) error {
	c.storing = false
	last := recs[len(recs)-1].Revision
	if err != nil {
		return fmt.Errorf("primary: storing revisions %d to %d: %w", recs[0].Revision, last, err)
	}
	c.ledger.stored = last
	c.feed.Stored(last)
	c.noteLogged()
	return nil
}

// hearFollowers takes in their receipts.
func (c *committer) hearFollowers() {
	c.followers = c.feed.Followers()
	for _, f := range c.followers {
		c.ledger.receipts[f.Ref] = f.Receipt
		switch {
		case !f.Connected || !f.Healthy:
			delete(c.caught, f.Ref)
		case f.Receipt >= c.ledger.logged:
			// For good, until it is late or gone: under load a follower is always a
			// batch behind at some moments.
			c.caught[f.Ref] = true
		}
	}
}

func recordsOf(bs []*batch) []record.Record {
	if len(bs) == 1 {
		return bs[0].records
	}
	var recs []record.Record
	for _, b := range bs {
		recs = append(recs, b.records...)
	}
	return recs
}
