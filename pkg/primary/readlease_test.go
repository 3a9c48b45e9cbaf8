package primary

import (
	"testing"
	"time"
)

func TestLeaseHolds(t *testing.T) {
	sent := time.Unix(1000, 0)
	for _, c := range []struct {
		name string
		l    ReadLease
		now  time.Time
		want bool
	}{
		{"none", ReadLease{}, sent, false},
		{"at once", ReadLease{Epoch: 3, Sent: sent, Duration: time.Second}, sent, true},
		{"last instant", ReadLease{Epoch: 3, Sent: sent, Duration: time.Second}, sent.Add(time.Second - 1), true},
		{"over", ReadLease{Epoch: 3, Sent: sent, Duration: time.Second}, sent.Add(time.Second), false},
		{"other epoch", ReadLease{Epoch: 2, Sent: sent, Duration: time.Second}, sent, false},
		{"later epoch", ReadLease{Epoch: 4, Sent: sent, Duration: time.Second}, sent, false},
		{"from the future", ReadLease{Epoch: 3, Sent: sent.Add(1), Duration: time.Second}, sent, false},
		{"no duration", ReadLease{Epoch: 3, Sent: sent}, sent, false},
		{"negative", ReadLease{Epoch: 3, Sent: sent, Duration: -1}, sent, false},
	} {
		monotonic, wall := ages(c.l.Sent, c.now)
		if got := leaseHolds(c.l, 3, monotonic, wall); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestLeaseSlotKeepsTheNewest(t *testing.T) {
	var s leaseSlot
	t0 := time.Unix(1000, 0)
	s.renew(ReadLease{Epoch: 1, Sent: t0.Add(time.Second), Duration: time.Second})
	s.renew(ReadLease{Epoch: 1, Sent: t0, Duration: time.Minute}) // a reply that was long on its way
	if s.holds(1, t0.Add(3*time.Second)) {
		t.Error("an older heartbeat's lease replaced a newer one's")
	}
	if !s.holds(1, t0.Add(1500*time.Millisecond)) {
		t.Error("the newer lease is gone")
	}
	s.drop()
	if s.holds(1, t0.Add(1500*time.Millisecond)) {
		t.Error("a dropped lease holds")
	}
}

// While a machine is suspended only its wall clock goes on; a wall clock that is set
// back lengthens nothing.
func TestLeaseEndsByTheFirstClockThatSaysSo(t *testing.T) {
	l := ReadLease{Epoch: 1, Duration: time.Second}
	const before, after = time.Second - 1, time.Second
	for _, c := range []struct {
		monotonic, wall time.Duration
		want            bool
	}{
		{before, before, true}, {after, before, false}, {before, after, false}, {after, after, false},
		{before, -time.Hour, true}, {after, -time.Hour, false}, {0, time.Minute, false}, {-1, 0, false},
	} {
		if got := leaseHolds(l, 1, c.monotonic, c.wall); got != c.want {
			t.Errorf("%v and %v ago: %v", c.monotonic, c.wall, got)
		}
	}
}
