package primary

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

func handOverWithin(t *testing.T, m *machine, heir string, d time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	return m.reign.HandOver(ctx, heir)
}

// The heir and the log hold everything, the mode lets anybody be chosen, and the Primary
// stays a voter.
func TestHandOver(t *testing.T) {
	for _, heir := range []string{"", ref(1).NodeID, ref(2).NodeID} {
		synctest.Test(t, func(t *testing.T) {
			w, m, a, b := inQuorum(t)
			rev := m.mustCreate("k", "v")
			if u := m.reign.Unflushed(); u.Revisions != 1 || u.Bytes <= 0 || u.Age <= 0 {
				t.Errorf("%+v", u)
			}
			time.Sleep(3 * time.Second)
			if u := m.reign.Unflushed(); u.Age < 3*time.Second || u.Age > 4*time.Second {
				t.Errorf("%+v", u)
			}
			if err := handOverWithin(t, m, heir, time.Second); err != nil {
				t.Fatal(err)
			}
			if log := w.logged(); log[len(log)-1].Revision != rev || !errors.Is(m.reign.Err(), ErrStopped) {
				t.Fatalf("the log ends at %d, acknowledged is %d; %v", log[len(log)-1].Revision, rev, m.reign.Err())
			}
			if heir == ref(1).NodeID && a.got != rev || heir == ref(2).NodeID && b.got != rev {
				t.Errorf("%s: they hold %d and %d, not %d", heir, a.got, b.got, rev)
			}
			if d := w.rule(); d.Mode != registry.ModeObjectStorage || !slices.Contains(d.Voters, m.reign.cfg.Self) || len(d.Voters) != 3 {
				t.Error(d)
			}
			if _, err := create(t.Context(), m.reign, "late", "v"); !errors.Is(err, ErrDraining) && !errors.Is(err, ErrNotPrimary) {
				t.Error(err)
			}
			if err := m.reign.HandOver(t.Context(), heir); !errors.Is(err, ErrNotPrimary) {
				t.Error(err)
			}
			if u := m.reign.Unflushed(); u != (Unflushed{}) {
				t.Errorf("%+v", u)
			}
		})
	}
}

// Without receipts there need not be voters: whoever follows and has caught up may inherit.
func TestHandOverWithoutQuorum(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		m := w.machine("p")
		m.mustStart()
		if err := handOverWithin(t, m, "", time.Second); !errors.Is(err, ErrNoHeir) {
			t.Error(err)
		}
		a := m.follow(ref(1))
		rev := m.mustCreate("k", "v")
		synctest.Wait()
		if err := handOverWithin(t, m, a.ref.NodeID, time.Second); err != nil || a.got != rev {
			t.Error(err, a.got, rev)
		}
	})
}

// An heir that lacks something isn't waited for beyond ctx; the reign goes on, and so do
// receipts.
func TestHandOverToOneBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, m, a, _ := inQuorum(t)
		a.mute(true)
		m.mustCreate("k", "v")
		if err := handOverWithin(t, m, a.ref.NodeID, time.Second); !errors.Is(err, ErrHeirBehind) || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		m.mustCreate("k2", "v")
		a.mute(false)
		w.awaitMode(registry.ModeQuorum)
		m.mustCreate("k3", "v")
		if err := handOverWithin(t, m, a.ref.NodeID, time.Second); err != nil {
			t.Fatal(err)
		}
		w.checkBridges()
	})
}

func TestHandOverRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, m, a, b := inQuorum(t)
		rule := m.w.rule()
		for _, heir := range []string{"nobody", m.id} {
			if err := handOverWithin(t, m, heir, time.Second); !errors.Is(err, ErrUnfitHeir) {
				t.Errorf("%s: %v", heir, err)
			}
		}
		// A follower that isn't a voter yet may lack what receipts acknowledged.
		c := m.follow(ref(3))
		synctest.Wait()
		if err := handOverWithin(t, m, c.ref.NodeID, time.Second); !errors.Is(err, ErrUnfitHeir) {
			t.Error(err)
		}
		a.gone()
		if err := handOverWithin(t, m, a.ref.NodeID, time.Second); !errors.Is(err, ErrUnfitHeir) {
			t.Error(err)
		}
		m.mustCreate("k", "v")
		c.gone() // before b: were it the last one left, it would become a voter
		b.gone()
		if err := handOverWithin(t, m, "", time.Second); !errors.Is(err, ErrNoHeir) {
			t.Error(err)
		}
		if now := m.w.rule(); !slices.Equal(rule.Voters, now.Voters) {
			t.Error(now)
		}
		m.mustCreate("k2", "v")
	})
}

// Object storage that takes nothing ends the attempt, not the reign.
func TestHandOverWithStorageAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, m, _, _ := inQuorum(t)
		m.mustCreate("k", "v")
		m.net.Inject(chunkPuts)
		if err := handOverWithin(t, m, "", time.Second); !errors.Is(err, ErrNotFlushed) {
			t.Fatal(err)
		}
		m.net.Heal()
		w.awaitMode(registry.ModeQuorum)
		m.mustCreate("k2", "v")
	})
}

// A write that waits for object storage keeps the hand-over from beginning: that is said,
// too, and the reign goes on.
func TestHandOverBehindAWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		m := w.machine("p")
		m.mustStart()
		m.follow(ref(1))
		synctest.Wait()
		m.net.Inject(chunkPuts)
		wrote := make(chan error, 1)
		go func() { _, err := create(t.Context(), m.reign, "k", "v"); wrote <- err }()
		synctest.Wait()
		err := handOverWithin(t, m, "", time.Second)
		if !errors.Is(err, ErrNotFlushed) || !errors.Is(err, context.DeadlineExceeded) || m.reign.Err() != nil {
			t.Fatal(err, m.reign.Err())
		}
		m.net.Heal()
		if err := <-wrote; err != nil {
			t.Error(err)
		}
		m.mustCreate("k2", "v")
	})
}

// A cluster.json that can't be written ends the attempt as well.
func TestHandOverWithoutClusterJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, m, _, _ := inQuorum(t)
		m.mustCreate("k", "v")
		w.set(func() { w.onSwap = func(registry.Durability) error { return objectstore.ErrUnavailable } })
		if err := handOverWithin(t, m, "", time.Second); !errors.Is(err, ErrNotFlushed) {
			t.Fatal(err)
		}
		w.set(func() { w.onSwap = nil })
		m.mustCreate("k2", "v")
	})
}

// A reign that nobody can confirm hands over what is all in the object log; one that is
// denied has nothing to hand over.
func TestHandOverUnconfirmed(t *testing.T) {
	for denial, want := range map[error]error{objectstore.ErrUnavailable: nil, ErrDeposed: ErrNotPrimary} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			m := w.machine("p")
			m.mustStart()
			m.follow(ref(1))
			m.mustCreate("k", "v")
			synctest.Wait()
			m.deny(denial)
			if err := handOverWithin(t, m, "", time.Second); !errors.Is(err, want) || m.reign.Err() == nil {
				t.Errorf("%v: %v; %v", denial, err, m.reign.Err())
			}
		})
	}
}

// A hand-over taken back leaves the reign as it was: receipts acknowledge, and one batch
// follows another without the log, even if object storage stays away.
func TestReceiptsGoOnAfterHandOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, m, a, b := inQuorum(t)
		rev := m.mustCreate("k", "v")
		m.net.Inject(chunkPuts)
		if err := handOverWithin(t, m, "", time.Second); !errors.Is(err, ErrNotFlushed) {
			t.Fatal(err)
		}
		a.mute(true)
		b.mute(true)
		done := make(chan error, 4)
		for i, sent := range []record.Revision{1, 2, 2, 4} { // a batch is as large as all before it under way
			go func() { _, err := create(t.Context(), m.reign, fmt.Sprint("k", i), "v"); done <- err }()
			synctest.Wait()
			if a.got != rev+sent {
				t.Errorf("write %d: revision %d was sent, not %d", i, a.got, rev+sent)
			}
		}
		a.mute(false)
		b.mute(false)
		for range 4 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		m.net.Heal()
		// What else asks for the way back is heard again.
		a.gone()
		b.gone()
		w.awaitMode(registry.ModeObjectStorage)
	})
}

// A reign that ends otherwise has handed nothing over.
func TestHandOverOfDeposed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, m, _, _ := inQuorum(t)
		m.mustCreate("k", "v")
		release := make(chan struct{})
		m.net.Inject(fault.Once(fault.Puts("chunks/"), fault.Hold(release)))
		done := make(chan error, 1)
		go func() { done <- m.reign.HandOver(within(t), "") }()
		synctest.Wait()
		if err := m.reign.HandOver(t.Context(), ""); !errors.Is(err, ErrBusy) {
			t.Error(err)
		}
		if _, err := create(t.Context(), m.reign, "late", "v"); !errors.Is(err, ErrDraining) {
			t.Error(err)
		}
		m.reign.End(ErrDeposed)
		close(release)
		if err := <-done; !errors.Is(err, ErrNotPrimary) || !errors.Is(err, ErrDeposed) {
			t.Error(err)
		}
	})
}

// A node that stops takes back a hand-over that hangs, and drains.
func TestDrainAfterHandOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, m, a, b := inQuorum(t)
		a.mute(true)
		b.mute(true)
		synctest.Wait()
		ctx, stop := context.WithCancel(t.Context())
		handed, drained := make(chan error, 1), make(chan error, 1)
		m.net.Inject(chunkPuts)
		go func() { _, _ = create(t.Context(), m.reign, "k", "v") }()
		synctest.Wait()
		go func() { handed <- m.reign.HandOver(ctx, "") }()
		synctest.Wait()
		go func() { drained <- m.reign.Drain(within(t)) }()
		synctest.Wait()
		stop()
		m.net.Heal()
		if err := <-handed; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if err := <-drained; err != nil || !errors.Is(m.reign.Err(), ErrStopped) {
			t.Error(err, m.reign.Err())
		}
		if d := w.rule(); d.Mode != registry.ModeObjectStorage {
			t.Error(d)
		}
	})
}

// Who may inherit: every follower, mode and place in or out of the voters.
func TestMayInheritExhaustively(t *testing.T) {
	bools := []bool{false, true}
	for _, mode := range []registry.Mode{registry.ModeQuorum, registry.ModeObjectStorage} {
		for _, voter := range bools {
			for _, caught := range bools {
				for _, connected := range bools {
					for _, healthy := range bools {
						f := Follower{Ref: ref(1), Connected: connected, Healthy: healthy}
						s := standing{self: ref(0), caught: map[registry.NodeRef]bool{ref(1): caught}}
						d := registry.Durability{Mode: mode, Voters: []registry.NodeRef{ref(0)}}
						if voter {
							d.Voters = append(d.Voters, ref(1))
						}
						want := caught && connected && healthy && (voter || mode == registry.ModeObjectStorage)
						if got := s.mayInherit(f, d); got != want {
							t.Errorf("mode %s, voter %t, caught up %t, connected %t, healthy %t: %t", mode, voter, caught, connected, healthy, got)
						}
					}
				}
			}
		}
	}
}
