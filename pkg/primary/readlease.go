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
func leaseHolds(l ReadLease, epoch record.Epoch, now time.Time) bool {
	age := now.Sub(l.Sent)
	return l.Epoch == epoch && l.Duration > 0 && age >= 0 && age < l.Duration
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
	return l != nil && leaseHolds(*l, epoch, now)
}

func (s *leaseSlot) drop() { s.p.Store(nil) }
