package primary

import (
	"sync/atomic"
	"time"

	"github.com/netsy-io/netsy/pkg/record"
)

// ReadLease lets the Primary of Epoch answer linearizable reads without asking
// anyone. It runs from when the heartbeat that earned it was *sent*, by this
// process's monotonic clock, so that delays only shorten it.
type ReadLease struct {
	Epoch    record.Epoch
	Sent     time.Time
	Duration time.Duration
}

// leaseHolds is the rule: the lease names this epoch, and less than its duration
// has passed since the heartbeat was sent. The first instant after it is too late.
//
// Both clocks must say so: the monotonic one stands still while a machine is suspended,
// the wall clock may be set back. Each can only end the lease too soon.
func leaseHolds(l ReadLease, epoch record.Epoch, monotonic, wall time.Duration) bool {
	return l.Epoch == epoch && l.Duration > 0 && monotonic >= 0 && max(monotonic, wall) < l.Duration
}

// ages is how long ago sent was, by either clock.
func ages(sent, now time.Time) (monotonic, wall time.Duration) {
	return now.Sub(sent), now.Round(0).Sub(sent.Round(0)) // Round(0) takes the monotonic reading away
}

// leaseSlot holds the newest lease. Renewals come from one heartbeat stream, reads
// from everywhere.
type leaseSlot struct{ p atomic.Pointer[ReadLease] }

func (s *leaseSlot) renew(l ReadLease) {
	for {
		old := s.p.Load()
		if old != nil && !l.Sent.After(old.Sent) {
			return // a late reply must not shorten a newer lease
		}
		if s.p.CompareAndSwap(old, &l) {
			return
		}
	}
}

func (s *leaseSlot) holds(epoch record.Epoch, now time.Time) bool {
	l := s.p.Load()
	if l == nil {
		return false
	}
	monotonic, wall := ages(l.Sent, now)
	return leaseHolds(*l, epoch, monotonic, wall)
}

func (s *leaseSlot) drop() { s.p.Store(nil) }
