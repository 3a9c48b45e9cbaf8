package leaderlock

import (
	"fmt"
	"testing"
	"time"
)

var epoch0 = time.Unix(1_000_000, 0)

func at(ms int) time.Time { return epoch0.Add(time.Duration(ms) * time.Millisecond) }

// A holder and an observer, with clocks of every rate from 95% to 105% and any
// offset, a renewal sent at every time and seen at every later time: the observer never
// finds the lock stale while the holder may act on that renewal.
func TestNeverTwo(t *testing.T) {
	const timeout = 10_000 // ms
	d := timeout * time.Millisecond
	for _, holderRate := range []int{95, 98, 100, 102, 105} {
		for _, observerRate := range []int{95, 98, 100, 102, 105} {
			for seenAfter := 0; seenAfter <= 9000; seenAfter += 1500 {
				for now := seenAfter; now <= 3*timeout; now += 50 {
					may := mayAct(at(now*holderRate/100), at(0), limitOf(d))
					taken := stale(at(500_000+now*observerRate/100), at(500_000+seenAfter*observerRate/100), d)
					if may && taken {
						t.Fatalf("rates %d%%, %d%%, seen after %d ms: at %d ms both act", holderRate, observerRate, seenAfter, now)
					}
				}
			}
		}
	}
}

func TestMayActEdges(t *testing.T) {
	limit := 9 * time.Second
	for _, c := range []struct {
		now, sent time.Time
		want      bool
	}{
		{at(0), time.Time{}, false}, // never renewed
		{at(0), at(0), true},
		{at(8999), at(0), true},
		{at(9000), at(0), false},
		{at(-5000), at(0), true}, // the clock was set back
		{at(900_000), at(0), false},
	} {
		if got := mayAct(c.now, c.sent, limit); got != c.want {
			t.Errorf("mayAct(%v, %v) = %v", c.now, c.sent, got)
		}
	}
	if stale(at(900_000), time.Time{}, time.Second) {
		t.Error("a lock never seen is stale")
	}
}

// The wall clock alone going on (a machine that was suspended) ends the right to act.
func TestElapsedTakesTheLargerOfTwoClocks(t *testing.T) {
	sent := time.Now()
	now := time.Now() // the monotonic clock has hardly moved
	if elapsed(sent, now) > time.Hour {
		t.Fatal("an hour passed?")
	}
	suspended := now.Round(0).Add(time.Hour) // no monotonic reading
	if mayAct(suspended, sent, 9*time.Second) {
		t.Error("may act an hour later by the wall clock")
	}
	for _, c := range [][3]time.Duration{{1, 2, 2}, {2, 1, 2}, {-1, -2, 0}, {-1, 3, 3}, {3, -1, 3}} {
		if got := longer(c[0], c[1]); got != c[2] {
			t.Errorf("longer(%d, %d) = %d", c[0], c[1], got)
		}
	}
	if got := elapsed(now, sent.Round(0).Add(-time.Hour)); got != 0 {
		t.Errorf("backwards: %v", got)
	}
}

// judge over everything that can be found.
func TestJudgeExhaustively(t *testing.T) {
	for mask := range 1 << 3 { // which of three writes are pending
		pending := map[string]time.Time{}
		for i := range 3 {
			if mask>>i&1 != 0 {
				pending[fmt.Sprint("w", i)] = at(i)
			}
		}
		held := seen{body: body{WriteID: "held", LeaderID: "me"}, version: "v1"}
		for _, id := range []string{"held", "w0", "w1", "w2", "other"} {
			for _, version := range []string{"", "v1", "v2"} {
				now := seen{body: body{WriteID: id}}
				now.version = "v2"
				if version != "" {
					now.version = "v1"
				}
				if version == "" {
					now = seen{}
				}
				if version == "v2" {
					now.version = "v2"
				}
				_, mine := pending[now.WriteID]
				want := lost
				switch {
				case now.version == "":
				case mine:
					want = ours
				case now.version == "v1":
					want = unchanged
				}
				if got := judge(now, held, pending); got != want {
					t.Errorf("pending %b, found %q at %q: %d, expected %d", mask, id, now.version, got, want)
				}
			}
		}
	}
}
