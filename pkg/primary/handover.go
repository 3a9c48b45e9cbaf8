package primary

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/netsy-io/netsy/pkg/record"
)

// Why a Primary that was asked to hand over reigns on.
var (
	// ErrBusy: it hands over already.
	ErrBusy = errors.New("primary: handing over already")
	// ErrNoHeir: no other node could take over now.
	ErrNoHeir = errors.New("primary: no other node could take over")
	// ErrUnfitHeir: the node that is to take over can't now.
	ErrUnfitHeir = errors.New("primary: the node can't take over")
	// ErrHeirBehind: none that may take over came to hold everything in time.
	ErrHeirBehind = errors.New("primary: no node that may take over came to hold everything in time")
	// ErrNotFlushed: object storage did not take everything in time.
	ErrNotFlushed = errors.New("primary: object storage did not take everything in time")
)

// ErrMayEnd: the reign was to be handed over, and whether it goes on is not known: it may
// end, now or later.
var ErrMayEnd = errors.New("primary: handing over, with unknown outcome")

// HandOver is Drain for a Primary that stays: it keeps its place among the voters, and
// ends the reign only once the node named heir, or if heir is empty any that could take
// over, holds everything durably, so that it can be chosen rather than this one. If that
// can't be, or not before ctx ends, the reign goes on and takes writes again: those that
// came meanwhile were refused with ErrDraining. Any error but ErrNotPrimary and ErrMayEnd
// says so.
func (r *Reign) HandOver(ctx context.Context, heir string) error {
	select {
	case r.handing <- struct{}{}:
		defer func() { <-r.handing }()
	default:
		return ErrBusy
	}
	if over, err := r.request(ctx, request{kind: askHeir, heir: heir}); over {
		return ErrNotPrimary
	} else if err != nil {
		return fmt.Errorf("primary: looking for who could take over: %w", err)
	}
	r.draining.Store(true)
	err := r.answerAll(ctx)
	if err == nil {
		_, err = r.request(ctx, request{kind: handOver, heir: heir})
	}
	if err == nil {
		r.Stop(ErrStopped)
		return r.handedOver()
	}
	return r.reignOn(heir, err)
}

// handedOver: the reign is over, which is a hand-over only if nothing else ended it.
func (r *Reign) handedOver() error {
	if err := r.Err(); !errors.Is(err, ErrStopped) {
		return fmt.Errorf("%w: %w", ErrNotPrimary, err)
	}
	return nil
}

// withdrawTimeout bounds a question to the committer, which never waits for anything.
const withdrawTimeout = 10 * time.Second

// reignOn takes the hand-over to heir back, which failed for cause, unless it has succeeded
// by now.
func (r *Reign) reignOn(heir string, cause error) error {
	ctx, cancel := context.WithTimeout(context.Background(), withdrawTimeout)
	defer cancel()
	over, why := r.request(ctx, request{kind: withdraw, heir: heir})
	if over {
		<-r.over
		return r.handedOver()
	}
	r.draining.Store(false)
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", ErrMayEnd, cause)
	}
	return fmt.Errorf("%w (%w)", why, cause)
}

// handing is the part of the committer that hands over.

// heirs lists the followers that could take over now; only the one named, if one is. Where
// receipts may have acknowledged they are voters: others may lack what is acknowledged.
func (c *committer) heirs(named string) []Follower {
	s := c.standing()
	var out []Follower
	for _, f := range c.followers {
		if (named == "" || f.Ref.NodeID == named) && f.Ref != c.r.cfg.Self && s.mayInherit(f, c.recorded) {
			out = append(out, f)
		}
	}
	return out
}

// noHeir says why there is none, or nil.
func (c *committer) noHeir(named string) error {
	switch {
	case len(c.heirs(named)) > 0:
		return nil
	case named == "":
		return ErrNoHeir
	}
	for _, f := range c.followers {
		if f.Ref.NodeID != named || !f.Connected {
			continue
		}
		return fmt.Errorf("%w: %s follows; in time: %t, up to revision %d, the object log is at %d, voter: %t",
			ErrUnfitHeir, f.Ref, f.Healthy, f.Receipt, c.ledger.logged, votes(c.recorded, f.Ref))
	}
	return fmt.Errorf("%w: %s doesn't follow this Primary", ErrUnfitHeir, named)
}

// inherited: one that may take over holds everything that was assigned.
func (c *committer) inherited(named string) bool {
	for _, f := range c.heirs(named) {
		if f.Receipt >= c.ledger.assigned {
			return true
		}
	}
	return false
}

// withdrawHandOver forgets that this reign was to end, if it was told so far, and says what
// a hand-over to the one named waited for.
func (c *committer) withdrawHandOver(named string) error {
	if q := c.leaving; q != nil && q.kind == handOver {
		c.leaving = nil
		c.stay()
	}
	if flushed := len(c.inFlight)+len(c.unlogged) == 0 && !c.logging; flushed && !c.inherited(named) {
		return ErrHeirBehind
	}
	return fmt.Errorf("%w: it is at revision %d of %d", ErrNotFlushed, c.ledger.logged, c.ledger.assigned)
}

// Unflushed is what was taken and is not in the object log.
type Unflushed struct {
	Revisions int64
	Bytes     int64
	Age       time.Duration // of the oldest: since it was taken; 0: there is none
}

// unflushed is Unflushed as of a moment.
type unflushed struct {
	revisions, bytes int64
	since            time.Time
}

// Unflushed says what is not in the object log as of now.
func (r *Reign) Unflushed() Unflushed {
	u := r.unflushed.Load()
	if u == nil {
		return Unflushed{}
	}
	return Unflushed{u.revisions, u.bytes, max(time.Since(u.since), 1)}
}

// noteUnflushed keeps that for whoever asks.
func (c *committer) noteUnflushed() {
	if len(c.unlogged) == 0 {
		c.r.unflushed.Store(nil)
		return
	}
	first := c.unlogged[0]
	c.r.unflushed.Store(&unflushed{revisions(first, c.ledger.assigned), int64(c.unloggedB), first.taken})
}

// revisions from the first of b up to last.
func revisions(b *batch, last record.Revision) int64 {
	return int64(last - b.records[0].Revision + 1)
}
