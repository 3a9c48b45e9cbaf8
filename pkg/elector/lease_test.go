package elector

import (
	"testing"
	"time"
)

// Whatever order office, grants and looks come in, leases are never said to be over
// while one may be valid, nor a second longer than that.
func TestLeaseBookExhaustively(t *testing.T) {
	const own = 3 // seconds; a lease lasts 2 from when it was granted at the latest
	base := time.Unix(1000, 0)
	at := func(s int) time.Time { return base.Add(time.Duration(s) * time.Second) }
	for _, earlier := range []int{own, 5, 9} {
		for grants := uint(0); grants < 1<<8; grants++ { // granted in second i, for each set of seconds
			b := leaseBook{own: own * time.Second, earlier: time.Duration(earlier) * time.Second, office: at(0)}
			end := earlier - 1 // an earlier elector's lease, granted just before this one took office
			for s := range 16 {
				if s < 8 && grants>>s&1 != 0 {
					b.granted(at(s))
					end = max(end, s+2)
				}
				over := b.over(at(s))
				if over && s < end {
					t.Fatalf("earlier %d, grants %b: over at %d, a lease is valid until %d", earlier, grants, s, end)
				}
				if !over && s >= end+1 {
					t.Fatalf("earlier %d, grants %b: not over at %d, the last lease ended at %d", earlier, grants, s, end)
				}
			}
		}
	}
	b := leaseBook{own: own, earlier: time.Minute, office: base, lastGrant: base}
	if b.clear(); !b.over(base) {
		t.Error("found to be over, and not over")
	}
	if b.granted(base); b.left(base) != own {
		t.Errorf("%v left of a lease just granted after the others were over, expected %v", b.left(base), time.Duration(own))
	}
}

// world is what the rules of leases are about: cluster.json's record, the elector in
// office, and the lease that ends last. Times are in seconds.
type world struct {
	now, end int // end: from here on no lease is valid
	recorded time.Duration
	inOffice bool
	book     leaseBook
	done     string // what was done, for messages
}

func (w world) time() time.Time { return time.Unix(int64(1000+w.now), 0) }

// Electors with timeouts of their own take office from each other, at any moment,
// grant and look, in every order: none finds leases over while one is valid,
// and what is recorded is always enough for whoever comes next.
func TestLeaseTimeoutExhaustively(t *testing.T) {
	takes := func(own int) func(world) (world, bool) {
		return func(w world) (world, bool) {
			d := time.Duration(own) * time.Second
			w.recorded = leaseTimeout(w.recorded, d, false)
			w.book, w.inOffice = leaseBook{own: d, earlier: w.recorded, office: w.time()}, true
			return w, true
		}
	}
	reign := func(lands bool) func(world) (world, bool) {
		return func(w world) (world, bool) {
			if !w.inOffice || !w.book.over(w.time()) {
				return w, false
			}
			w.book.clear()
			if lands {
				w.recorded = leaseTimeout(w.recorded, w.book.own, w.book.over(w.time()))
			}
			return w, true
		}
	}
	acts := map[string]func(world) (world, bool){
		"1": takes(1), "2": takes(2), "4": takes(4), // office, with this timeout
		"g": func(w world) (world, bool) { // grants
			w.book.granted(w.time())
			w.end = max(w.end, w.now+int(w.book.own/time.Second))
			return w, w.inOffice
		},
		".": func(w world) (world, bool) { w.now++; return w, true }, // a second passes
		"w": func(w world) (world, bool) { // the Primary says itself that it stepped down
			w.book.clear()
			w.end = w.now
			return w, w.inOffice
		},
		"r": reign(true), "x": reign(false), // a reign begins, or its write never lands
	}
	states := 0
	var explore func(w world, depth int)
	explore = func(w world, depth int) {
		states++
		if w.inOffice && w.book.over(w.time()) && w.now < w.end {
			t.Fatalf("%s: leases are said to be over, one is valid for %d s", w.done, w.end-w.now)
		}
		if left := time.Duration(w.end-w.now) * time.Second; left > w.recorded {
			t.Fatalf("%s: a lease is valid for %v, recorded are %v", w.done, left, w.recorded)
		}
		if w.inOffice && w.recorded < w.book.own {
			t.Fatalf("%s: recorded are %v, leases of the one in office may last %v", w.done, w.recorded, w.book.own)
		}
		if depth == 0 {
			return
		}
		for name, act := range acts {
			if next, ok := act(w); ok {
				next.done += name
				explore(next, depth-1)
			}
		}
	}
	explore(world{}, 8)
	if states < 1_000_000 {
		t.Errorf("only %d states", states)
	}
}

// What was recorded for a longer timeout is forgotten with the first reign, and not
// before.
func TestLeaseTimeout(t *testing.T) {
	for _, c := range []struct {
		recorded, own time.Duration
		over          bool
		want          time.Duration
	}{
		{0, 2, false, 2}, {0, 2, true, 2}, // a document that doesn't say
		{30, 2, false, 30}, {30, 2, true, 2},
		{2, 30, false, 30}, {2, 30, true, 30},
		{2, 2, false, 2}, {2, 2, true, 2},
	} {
		if got := leaseTimeout(c.recorded, c.own, c.over); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}
