package elector

import (
	"time"

	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// leaseBook knows when no read lease can be valid any more. The owner guards it
// with a mutex; it reads no clock itself.
type leaseBook struct {
	timeout   time.Duration // primary_prior_timeout: longer than any lease
	office    time.Time     // when this elector knew that it had taken office
	lastGrant time.Time     // zero: none in this office
	cleared   bool          // an election's first step found all leases over, and none was granted since
	closed    bool          // an election is under way: none may be granted
}

// over says whether every lease has run out: those of earlier electors, who
// granted none after this one took office, and this one's own. A lease runs from
// when its heartbeat was sent, so it is over timeout after it was granted.
func (b *leaseBook) over(now time.Time) bool { return b.left(now) == 0 }

// left is how long it takes until over.
func (b *leaseBook) left(now time.Time) time.Duration {
	if b.cleared {
		return 0
	}
	last := b.office
	if b.lastGrant.After(last) {
		last = b.lastGrant
	}
	return max(b.timeout-now.Sub(last), 0)
}

func (b *leaseBook) granted(now time.Time) { b.lastGrant, b.cleared = now, false }

// mayGrant says whether the node that sent the heartbeat may have a read lease: it
// is the active Primary of the current epoch, by cluster.json as by its own word,
// and sound. lockHeld was found out after the heartbeat arrived.
func (b *leaseBook) mayGrant(lockHeld bool, c *registry.Cluster, hb *peerpb.NodeState) bool {
	return lockHeld && !b.closed &&
		c.Epoch > 0 && !c.Primary.IsZero() && refOf(hb) == c.Primary &&
		record.Epoch(hb.ServedEpoch) == c.Epoch && record.Epoch(hb.PromisedEpoch) <= c.Epoch &&
		hb.PrimaryState == peerpb.PrimaryState_PRIMARY_STATE_ACTIVE && hb.Health == peerpb.Health_HEALTH_HEALTHY
}
