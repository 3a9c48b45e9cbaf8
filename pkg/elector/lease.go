package elector

import (
	"time"

	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// leaseTimeout is what cluster.json must say, of how long read leases may last, in a
// write by an elector that grants leases shorter than own: nothing less than what is
// recorded there, for other electors' leases may be valid, unless all are over.
// What is recorded is so at all times longer than any valid lease lasts, since each
// elector writes before it grants, and writes with a condition on what it read.
func leaseTimeout(recorded, own time.Duration, over bool) time.Duration {
	if over {
		return own
	}
	return max(recorded, own)
}

// leaseBook knows when no read lease can be valid any more. The owner guards it
// with a mutex; it reads no clock itself.
type leaseBook struct {
	own       time.Duration // primary_prior_timeout: longer than any lease of this office
	earlier   time.Duration // cluster.json's LeaseTimeout: longer than any lease granted before it; 0: all are over
	office    time.Time     // when this elector knew that it had taken office
	lastGrant time.Time     // zero: none since all were over
	closed    bool          // an election is under way: none may be granted
}

// over says whether every lease has run out: those of earlier electors, who
// granted none after this one took office, and this one's own. A lease runs from
// when its heartbeat was sent, so it is over its elector's timeout after it was
// granted.
func (b *leaseBook) over(now time.Time) bool { return b.left(now) == 0 }

// left is how long it takes until over.
func (b *leaseBook) left(now time.Time) time.Duration {
	left := max(b.earlier-now.Sub(b.office), 0)
	if !b.lastGrant.IsZero() {
		left = max(left, b.own-now.Sub(b.lastGrant))
	}
	return left
}

func (b *leaseBook) granted(now time.Time) { b.lastGrant = now }

// clear notes that an election's first step found all leases over, by the clock or
// by the Primary's own word.
func (b *leaseBook) clear() { b.earlier, b.lastGrant = 0, time.Time{} }

// mayGrant says whether the node that sent the heartbeat may have a read lease: it
// is the active Primary of the current epoch, by cluster.json as by its own word,
// and sound. lockHeld was found out after the heartbeat arrived.
func (b *leaseBook) mayGrant(lockHeld bool, c *registry.Cluster, hb *peerpb.NodeState) bool {
	return lockHeld && !b.closed &&
		c.Epoch > 0 && !c.Primary.IsZero() && refOf(hb) == c.Primary &&
		record.Epoch(hb.ServedEpoch) == c.Epoch && record.Epoch(hb.PromisedEpoch) <= c.Epoch &&
		hb.PrimaryState == peerpb.PrimaryState_PRIMARY_STATE_ACTIVE && hb.Health == peerpb.Health_HEALTH_HEALTHY
}
