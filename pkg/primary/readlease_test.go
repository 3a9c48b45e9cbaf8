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
		if got := leaseHolds(c.l, 3, c.now); got != c.want {
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
