package elector

import (
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/record"
)

// Every pair of resignations, every epoch and every reign begun: the newest that is recent
// enough holds, until somebody reigns in a later epoch.
func TestWishForExhaustively(t *testing.T) {
	said := func(id string, epoch int64) *peerpb.NodeState {
		s := &peerpb.NodeState{NodeId: id}
		if epoch > 0 {
			s.Resigned = &peerpb.Resignation{Epoch: epoch, Successor: "to-" + id}
		}
		return s
	}
	for a := range int64(8) {
		for b := range int64(8) {
			for i := range int64(100) {
				next, served := i%10, i/10
				var want Wish
				for _, x := range []*peerpb.NodeState{said("n1", a), said("n2", b)} {
					e := x.GetResigned().GetEpoch()
					if e > int64(want.Epoch) && e+1 <= next && next <= e+wishedElections {
						want = Wish{Epoch: record.Epoch(e), Resigned: x.NodeId, Successor: "to-" + x.NodeId}
					}
				}
				if served > int64(want.Epoch) {
					want = Wish{}
				}
				reign := &peerpb.NodeState{NodeId: "n3", ServedEpoch: served}
				heard := &peerpb.NodeState{NodeId: "n4", Tail: &peerpb.Pos{Epoch: served}} // followed it, and it is gone
				for _, states := range [][]*peerpb.NodeState{{nil, said("n1", a), said("n2", b), reign}, {heard, said("n2", b), nil, said("n1", a)}} {
					if got := WishFor(states, record.Epoch(next)); got != want && a != b {
						t.Errorf("resigned %d and %d, reigned in %d, election of %d: %+v, want %+v", a, b, served, next, got, want)
					}
				}
			}
		}
	}
	if w := WishFor(nil, 1); w != (Wish{}) || !w.met(nil) {
		t.Error(w)
	}
}

func TestWishMet(t *testing.T) {
	of := func(ids ...string) (ss []*peerpb.NodeState) {
		for _, id := range ids {
			ss = append(ss, &peerpb.NodeState{NodeId: id})
		}
		return ss
	}
	any, one := Wish{Epoch: 1, Resigned: "n1"}, Wish{Epoch: 1, Resigned: "n1", Successor: "n2"}
	for _, c := range []struct {
		w    Wish
		of   []*peerpb.NodeState
		want bool
	}{
		{Wish{}, nil, true}, {any, nil, false}, {any, of("n1"), false}, {any, of("n1", "n3"), true},
		{one, of("n1"), false}, {one, of("n3"), false}, {one, of("n3", "n1", "n2"), true},
	} {
		if got := c.w.met(c.of); got != c.want {
			t.Errorf("%+v, %v: %t", c.w, c.of, got)
		}
	}
}

// resign makes n step down as a Primary does that was asked to, with everybody at its tail.
func (n *modelNode) resign(to string) {
	n.set(func() {
		n.resigned = &peerpb.Resignation{Epoch: n.served, Successor: to}
		n.primary, n.leaseEnd = replica, time.Time{}
		for _, other := range n.b.nodes {
			other.tail = n.tail
		}
	})
}

// Whoever is wished for is chosen; without a name, anybody but the one who resigned, though
// it would win the tie otherwise. All of it takes no time: no lease is waited for.
func TestResignedPrimary(t *testing.T) {
	for _, to := range []string{"", "node-2", "node-3"} {
		inBubble(t, func(t *testing.T, b *bed) {
			n1, _, _ := b.three()
			e := b.elector("e1")
			b.awaitPrimary(n1)
			time.Sleep(time.Minute)
			n1.set(func() { n1.startTime = time.Now().UnixNano() }) // the latest
			began := time.Now()
			n1.resign(to)
			got := b.awaitActiveAbove(2)
			if got == n1 || to != "" && got.id != to {
				t.Errorf("wished for %q: chose %s", to, got.id)
			}
			if d := time.Since(began); d > time.Second {
				t.Errorf("it took %v", d)
			}
			time.Sleep(time.Minute)
			if c := b.cluster(); c.Primary.NodeID != got.id {
				t.Errorf("then chose %v", c.Primary)
			}
			// A wish is over with the reign that follows: this one dies, its history known to all.
			b.mu.Lock()
			for _, n := range b.nodes {
				n.tail = got.tail
			}
			b.mu.Unlock()
			got.kill()
			if next := b.awaitActiveAbove(3); next != n1 {
				t.Errorf("chose %s, not the one that started last", next.id)
			}
			e.stop(t)
		})
	}
}

// inStorageMode is a cluster without voters, as after a hand-over: any promise is enough.
func (b *bed) inStorageMode() (n1, n2, n3 *modelNode, e *process) {
	n1 = b.add("node-1")
	e = b.elector("e1")
	b.awaitPrimary(n1)
	n2, n3 = b.add("node-2"), b.add("node-3")
	time.Sleep(time.Minute)
	return n1, n2, n3, e
}

// Those who might take over are slow to answer, and are waited for; the one who resigned is
// quick, and its answer would do.
func TestWishedIsSlow(t *testing.T) {
	for _, to := range []string{"", "node-2"} {
		for _, call := range []string{"state", "promise"} {
			inBubble(t, func(t *testing.T, b *bed) {
				n1 := b.add("node-1")
				e := b.elector("e1", func(o *Options) {
					o.Dialer = &dialer{b: b, fault: func(c string) error {
						if c == call+" node-2" || c == call+" node-3" && to == "" {
							time.Sleep(3 * lateGrace)
						}
						return nil
					}}
				})
				b.awaitPrimary(n1)
				b.add("node-2")
				b.add("node-3")
				time.Sleep(time.Minute)
				n1.resign(to)
				if got := b.awaitActiveAbove(1); got == n1 || to != "" && got.id != to {
					t.Errorf("wished for %q, slow to %s: chose %s", to, call, got.id)
				}
				e.stop(t)
			})
		}
	}
}

// A wish for somebody who lacks something is none.
func TestWishForOneBehind(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n1, n2, n3, e := b.inStorageMode()
		n1.resign("node-2")
		n2.set(func() { n2.tail.Revision-- })
		if got := b.awaitActiveAbove(1); got != n3 {
			t.Errorf("chose %s", got.id)
		}
		e.stop(t)
	})
}

// One who is alone is Primary again at once, whatever it wished.
func TestResignedAndAlone(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n1, n2, n3, e := b.inStorageMode()
		n2.kill()
		n3.kill()
		time.Sleep(5 * time.Second)
		n1.resign("node-2")
		began := time.Now()
		if got := b.awaitActiveAbove(1); got != n1 {
			t.Errorf("chose %s", got.id)
		}
		if d := time.Since(began); d > time.Second {
			t.Errorf("nobody reigned for %v", d)
		}
		e.stop(t)
	})
}

// One who is wished for, promises and never begins is chosen no more than so many times.
func TestWishedNeverBegins(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n1, n2, n3, e := b.inStorageMode()
		n2.set(func() { n2.deaf = true })
		n1.set(func() { n1.startTime = time.Now().UnixNano() })
		epoch := int64(b.cluster().Epoch)
		n1.resign("node-2")
		if got := b.awaitActiveAbove(epoch); got == n2 || int64(b.cluster().Epoch) > epoch+wishedElections+1 {
			t.Errorf("chose %s in epoch %d, resigned in %d", got.id, b.cluster().Epoch, epoch)
		}
		_ = n3
		e.stop(t)
	})
}
