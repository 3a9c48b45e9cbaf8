package primary

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/netsy-io/netsy/pkg/logevent"
	"github.com/netsy-io/netsy/pkg/registry"
)

// durability is the part of the committer that chooses the commit path and keeps
// cluster.json's word on it true.
//
//	                    swapped to quorum
//	object storage  ------------------------>  receipts count
//	      ^                                         |
//	      |  swapping to object-storage             |  too few voters, a deadline missed,
//	      |  begins: receipts count no more         v  voters to change, leaving
//	      +-------------------------------------  falling back
//
// While falling back everything goes to the object log, and receipts still count: a Primary
// that was to hand over and stays takes it back.
type durability struct {
	recorded  registry.Durability // last known to be in cluster.json
	known     bool                // recorded is there; false after an unknown outcome
	falling   bool
	swapping  bool
	pause     time.Time // not before this is a swap tried, or the quorum path gone back to
	followers []Follower
	caught    map[registry.NodeRef]bool // followers that held all that the object log did; see hearFollowers

	candidate registry.Durability // what was wanted when last looked at
	since     time.Time           // since when

	removed []registry.NodeRef
	asked   []request // removals whose answer is due
	leaving *request
}

func newDurability(d registry.Durability) durability {
	return durability{recorded: d, known: true, caught: map[registry.NodeRef]bool{}}
}

// request is what the committer is asked for from outside.
type request struct {
	kind   requestKind
	remove registry.NodeRef // of removeVoter
	heir   string           // of askHeir, handOver and withdraw: node id; empty: any
	done   chan error       // of capacity 1; buffered by whoever makes it
}

type requestKind int

const (
	leave       requestKind = iota // end the reign once everything is in the object log; the node is no voter then
	removeVoter                    // answered once cluster.json says so
	askHeir                        // could somebody take over now?
	handOver                       // leave, but as a voter, and only once an heir holds everything
	withdraw                       // forget handOver, if it was asked for; answered with what it waited for, never nil
)

// settle is how long a new set of voters must have been the same before it is
// recorded: nodes that start together become voters together.
const settle = time.Second

// swapRetry is the pause after a swap that failed.
const swapRetry = 500 * time.Millisecond

// eager: everything goes to the object log at once.
func (c *committer) eager() bool { return c.ledger.rule == nil || c.falling }

// decide compares what cluster.json says with what it should say, and takes the next
// step towards that.
func (c *committer) decide(ctx context.Context, now time.Time) {
	w := c.wanted()
	if !w.Equal(c.candidate) {
		c.candidate, c.since = w, now
	}
	if c.ledger.rule != nil && !c.falling {
		if why := c.mustFallBack(w, now); why != "" {
			c.fallBack(why)
		}
	}
	if c.swapping || now.Before(c.pause) && !c.urgent() {
		return
	}
	switch {
	case c.ledger.rule != nil && c.falling:
		if c.ledger.mayLeaveQuorum() {
			c.swap(ctx, registry.Durability{Mode: registry.ModeObjectStorage, Quorum: w.Quorum, Voters: w.Voters})
		}
	case c.ledger.rule != nil: // as it should be
	case w.Mode == registry.ModeQuorum:
		if c.settled(w, now) {
			c.swap(ctx, w)
		}
	case !c.known || c.recorded.Mode == registry.ModeQuorum || c.namesRemoved():
		c.swap(ctx, w)
	}
}

func (c *committer) wanted() registry.Durability {
	s := c.standing()
	return s.wanted()
}

// fallbackReason is why receipts can't go on acknowledging.
type fallbackReason string

const (
	leaving      fallbackReason = "the Primary is leaving"
	tooFew       fallbackReason = "too few voters are healthy"
	votersChange fallbackReason = "the voters change"
	receiptsLate fallbackReason = "receipts are late"
)

// fallbacks are all of them.
var fallbacks = []fallbackReason{leaving, tooFew, votersChange, receiptsLate}

// reason is w as metrics have it.
func (w fallbackReason) reason() string {
	switch w {
	case leaving:
		return "leaving"
	case tooFew:
		return "too_few_voters"
	case votersChange:
		return "voters_change"
	default:
		return "receipts_late"
	}
}

func (c *committer) standing() standing {
	return standing{
		self: c.r.cfg.Self, quorum: c.r.cfg.Quorum, voters: c.recorded.Voters, followers: c.followers,
		caught: c.caught, removed: c.removed,
		leaving: c.leaving != nil && c.leaving.kind == leave, handingOver: c.leaving != nil && c.leaving.kind == handOver,
	}
}

// mustFallBack says why receipts can't go on acknowledging, or nothing.
func (c *committer) mustFallBack(w registry.Durability, now time.Time) fallbackReason {
	switch {
	case c.leaving != nil:
		return leaving
	case w.Mode != registry.ModeQuorum:
		c.pause = now.Add(2 * c.r.cfg.QuorumTimeout) // one that comes and goes must not swap cluster.json each time
		return tooFew
	case !w.Equal(*c.ledger.rule):
		if c.settled(w, now) {
			return votersChange
		}
	}
	if at, ok := c.receiptsDue(); ok && !now.Before(at) {
		c.pause = now.Add(2 * c.r.cfg.QuorumTimeout) // who was late will be late again
		clear(c.caught)
		return receiptsLate
	}
	return ""
}

// settled: w has been wanted long enough, or adds nobody.
func (c *committer) settled(w registry.Durability, now time.Time) bool {
	adds := slices.ContainsFunc(w.Voters, func(v registry.NodeRef) bool { return !slices.Contains(c.recorded.Voters, v) })
	return !adds || now.Sub(c.since) >= settle
}

// receiptsDue is when the oldest batch under way will have waited too long for receipts.
func (c *committer) receiptsDue() (time.Time, bool) {
	if c.ledger.rule == nil || c.falling {
		return time.Time{}, false
	}
	for _, b := range c.inFlight {
		if len(b.records) > 0 {
			return b.taken.Add(c.r.cfg.QuorumTimeout), true
		}
	}
	return time.Time{}, false
}

// fallBack begins the way back to the object-storage path.
func (c *committer) fallBack(w fallbackReason) {
	c.falling = true
	c.r.cfg.Metrics.switches.WithLabelValues(pathStorage).Inc()
	c.r.cfg.Metrics.fallbacks.WithLabelValues(w.reason()).Inc()
	c.r.cfg.Logger.Warn("falling back to object storage", "event", logevent.PathSwitch, "path", pathStorage, "reason", string(w),
		"unlogged_bytes", c.unloggedB, "in_flight", len(c.inFlight))
}

// stay takes the fall-back back, if it has only begun: cluster.json's rule stands, and
// receipts have counted all along, see swap. decide falls back again if there is another
// reason to.
func (c *committer) stay() {
	if c.falling {
		c.falling = false
		c.r.cfg.Metrics.switches.WithLabelValues(pathQuorum).Inc()
	}
}

// urgent: going to object-storage mode waits for no pause, except after a failure.
func (c *committer) urgent() bool { return c.ledger.rule != nil && c.falling }

func (c *committer) namesRemoved() bool {
	return slices.ContainsFunc(c.recorded.Voters, func(v registry.NodeRef) bool { return slices.Contains(c.removed, v) })
}

// swap records d in cluster.json. From the moment that object-storage mode is sent
// receipts acknowledge nothing, and prove nothing, until a later swap to quorum is
// known to have succeeded.
func (c *committer) swap(ctx context.Context, d registry.Durability) {
	c.swapping = true
	if d.Mode != registry.ModeQuorum {
		c.ledger.ignoreReceipts()
		c.r.rule.Store(nil)
		c.falling = false
	}
	c.r.goFunc(func(context.Context) {
		err := c.r.cfg.Office.SetDurability(ctx, d)
		c.results <- func() error { return c.swapped(d, err) }
	})
}

func (c *committer) swapped(d registry.Durability, err error) error {
	c.swapping = false
	now := time.Now()
	switch {
	case errors.Is(err, ErrDeposed):
		return err
	case err != nil:
		c.known = c.known && !errors.Is(err, registry.ErrUnknownOutcome)
		c.pause = now.Add(swapRetry)
		c.r.cfg.Logger.Warn("the durability rule could not be recorded, trying again", "event", logevent.DurabilityRetry, "mode", d.Mode, "error", err)
		return nil
	}
	c.recorded, c.known = d, true
	c.r.cfg.Logger.Info("durability rule recorded", "event", logevent.Durability, "mode", d.Mode, "quorum", d.Quorum, "voters", refStrings(d.Voters))
	if d.Mode == registry.ModeQuorum {
		c.ledger.countReceipts(d)
		c.r.rule.Store(&d)
		c.r.cfg.Metrics.switches.WithLabelValues(pathQuorum).Inc()
	}
	c.r.cfg.Metrics.quorum.Set(boolGauge(d.Mode == registry.ModeQuorum))
	c.r.cfg.Metrics.voters.Set(float64(votersOf(d)))
	c.answerRemovals()
	return nil
}

// request takes a wish from outside.
func (c *committer) request(q request) {
	switch q.kind {
	case leave, handOver:
		c.leaving = &q
		return
	case askHeir:
		c.hearFollowers() // who has just gone is no heir
		q.done <- c.noHeir(q.heir)
		return
	case withdraw:
		q.done <- c.withdrawHandOver(q.heir)
		return
	case removeVoter: // below
	}
	if !slices.Contains(c.removed, q.remove) {
		c.removed = append(c.removed, q.remove)
	}
	c.asked = append(c.asked, q)
	c.answerRemovals()
}

// answerRemovals answers those who asked for removals that cluster.json now shows.
func (c *committer) answerRemovals() {
	c.asked = slices.DeleteFunc(c.asked, func(q request) bool {
		if !c.known || slices.Contains(c.recorded.Voters, q.remove) {
			return false
		}
		q.done <- nil
		return true
	})
	// Done with: should the same node come back, it may become a voter again.
	if c.known {
		c.removed = slices.DeleteFunc(c.removed, func(v registry.NodeRef) bool { return !slices.Contains(c.recorded.Voters, v) })
	}
}

// failRequests answers those who still wait when the reign ends for err.
func (c *committer) failRequests(err error) {
	for _, q := range c.asked {
		q.done <- ErrNotPrimary
	}
	switch {
	case c.leaving == nil:
	case errors.Is(err, ErrStopped):
		c.leaving.done <- nil
	default:
		c.leaving.done <- err
	}
}

// finishLeaving ends the reign of a Primary that leaves, once everything is in the
// object log and cluster.json says so.
func (c *committer) finishLeaving() error {
	if c.leaving == nil || len(c.inFlight) > 0 || len(c.unlogged) > 0 || c.logging || c.swapping || c.ledger.rule != nil ||
		!c.known || c.recorded.Mode != registry.ModeObjectStorage {
		return nil
	}
	if c.leaving.kind == handOver && !c.inherited(c.leaving.heir) {
		return nil
	}
	return ErrStopped
}

// nextDue is when the timer should fire: the next deadline, or a look around in any case.
func (c *committer) nextDue(now time.Time) time.Time {
	due := now.Add(settle)
	for _, f := range []func() (time.Time, bool){c.receiptsDue, c.flushedAt} {
		if at, ok := f(); ok && at.Before(due) {
			due = at
		}
	}
	for _, at := range []time.Time{c.pause, c.since.Add(settle)} {
		if at.After(now) && at.Before(due) {
			due = at
		}
	}
	return due
}

func refStrings(refs []registry.NodeRef) []string {
	out := make([]string, len(refs))
	for i, r := range refs {
		out[i] = r.String()
	}
	return out
}
