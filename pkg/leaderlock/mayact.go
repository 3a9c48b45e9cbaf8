package leaderlock

import "time"

// mayAct is the rule by which a holder goes on: it may act while less than limit
// has passed since it sent the renewal that is the last one known to have
// succeeded. From sending, not from the reply: an observer may have seen the
// renewal, and begun to count, any time after it was sent.
//
// limit is shorter than the timeout that observers wait, see limitOf. A renewal
// never sent (zero time) gives nothing.
func mayAct(now, lastSent time.Time, limit time.Duration) bool {
	return !lastSent.IsZero() && elapsed(lastSent, now) < limit
}

// elapsed is how long ago t was, as the more cautious of two clocks says. The
// monotonic clock stands still while a machine is suspended; the wall clock may
// be set back. Each can only end the right to act too soon, never too late,
// as long as the other one is right. Going back gives zero.
func elapsed(t, now time.Time) time.Duration {
	return longer(now.Sub(t), now.Round(0).Sub(t.Round(0))) // Round(0) takes the monotonic reading away
}

func longer(monotonic, wall time.Duration) time.Duration { return max(monotonic, wall, 0) }

// limitOf keeps a tenth of the timeout back, so that clocks that differ in rate by
// several per cent, and the time between deciding and acting, can't make
// a holder act after an observer took over.
func limitOf(timeout time.Duration) time.Duration { return timeout - timeout/10 }

// requestTimeout bounds one request: of what a holder has left when a renewal is due,
// half, so that one that hangs leaves time for another.
func (o *Options) requestTimeout() time.Duration {
	return min(o.RenewEvery, (limitOf(o.Timeout)-o.RenewEvery)/2)
}

// stale is the rule by which an observer takes over: the lock has had the same
// version for at least timeout since the observer first held that version in its
// hands, by the observer's own monotonic clock.
func stale(now, firstSeen time.Time, timeout time.Duration) bool {
	return !firstSeen.IsZero() && now.Sub(firstSeen) >= timeout
}
