package lease

import "time"

// All times here are on the monotonic clock of this process, counted from the
// start of the reign. No wall clock is ever compared with another.

// endsAt is when a lease ends: ttl after its grant if this process granted it in
// this reign. Of any other, only the TTL is known, and that it was granted before
// the reign began: counted from there it can't end too early. So a change of
// Primary may lengthen a lease, and never shortens it.
func endsAt(grantedHere bool, grantedAt, ttl time.Duration) time.Duration {
	if grantedHere {
		return grantedAt + ttl
	}
	return ttl
}

// over says whether a lease that ends at end has run out at now.
func over(end, now time.Duration) bool { return now >= end }
