package lease

import (
	"testing"
	"time"
)

// A lease is followed through reigns, each with its own clock: granted in one, then
// known to those after it only by its id. It must never end before grant + TTL of
// real time, and in the reign that granted it, it must end exactly then.
func TestNoChangeOfPrimaryShortensALease(t *testing.T) {
	const n = 6
	for granted := time.Duration(0); granted < n; granted++ {
		for ttl := time.Duration(1); ttl < n; ttl++ {
			for reign := time.Duration(0); reign < n; reign++ { // real time of its start
				here := reign <= granted
				at := granted - reign // on the reign's clock
				if !here {
					at = 0 // unknown
				}
				end := reign + endsAt(here, at, ttl) // real time
				if end < granted+ttl {
					t.Errorf("granted %d for %d, reign from %d: ends at %d", granted, ttl, reign, end)
				}
				if here && end != granted+ttl {
					t.Errorf("granted %d for %d in the reign from %d: ends at %d", granted, ttl, reign, end)
				}
				if !here && end != reign+ttl {
					t.Errorf("granted %d for %d before the reign from %d: ends at %d", granted, ttl, reign, end)
				}
			}
		}
	}
}

// What was granted here is forgotten when it is over and has no keys; the rule for
// unknown leases must then say that it is over.
func TestForgettingIsConsistent(t *testing.T) {
	for granted := time.Duration(0); granted < 6; granted++ {
		for ttl := time.Duration(1); ttl < 6; ttl++ {
			for now := time.Duration(0); now < 12; now++ {
				if over(endsAt(true, granted, ttl), now) && !over(endsAt(false, 0, ttl), now) {
					t.Errorf("granted %d for %d is over at %d, and comes to life when forgotten", granted, ttl, now)
				}
			}
		}
	}
}

func TestOver(t *testing.T) {
	for end := time.Duration(0); end < 4; end++ {
		for now := time.Duration(0); now < 4; now++ {
			if got := over(end, now); got == (now < end) {
				t.Errorf("over(%d, %d) = %v", end, now, got)
			}
		}
	}
}
