package config

import (
	"testing"
	"time"
)

// Exhaustive over small nanosecond counts, where rounding shows, and over real ones.
func TestTimingOrder(t *testing.T) {
	for _, unit := range []time.Duration{1, time.Millisecond, time.Second} {
		for h := 1 * unit; h <= 60*unit; h += unit {
			for count := 1; count <= 10; count++ {
				checkOrder(t, h, count)
			}
		}
	}
}

func checkOrder(t *testing.T, h time.Duration, count int) {
	t.Helper()
	p := MinPrimaryPriorTimeout(h, count)
	need := h * time.Duration(count+1)
	if l := LeaseDuration(p); l < need {
		t.Fatalf("h=%v count=%d: lease %v of timeout %v doesn't outlive %v", h, count, l, p, need)
	}
	if l := LeaseDuration(p - 1); l >= need {
		t.Fatalf("h=%v count=%d: %v is not the shortest timeout", h, count, p)
	}
	for _, d := range []time.Duration{p, p + 1, 2 * p} {
		// A Primary's clock slower than the elector's by less than a tenth: the lease
		// ends, in the elector's time, at l * 10/9 at the latest.
		if l := LeaseDuration(d); l >= d || l*leaseMargin > d*(leaseMargin-1) {
			t.Fatalf("timeout %v: lease %v leaves no margin", d, l)
		}
	}
}

func TestLeaseDuration(t *testing.T) {
	for p, want := range map[time.Duration]time.Duration{
		5 * time.Second: 4500 * time.Millisecond, 10: 9, 1: 0, 0: 0, 11: 9,
	} {
		if got := LeaseDuration(p); got != want {
			t.Errorf("LeaseDuration(%d) = %d, want %d", p, got, want)
		}
	}
	if got := Defaults().LeaseDuration(); got != 1800*time.Millisecond {
		t.Errorf("default lease is %v", got)
	}
}
