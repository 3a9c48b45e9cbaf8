package elector

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// steps counts the operations of one elector (requests to object storage and to
// nodes), and kills it before, or right after, the one numbered at.
type steps struct {
	f     *faulty
	mu    sync.Mutex
	n, at int
	after bool
	dead  chan struct{} // closed when it was killed
}

var errDead = errors.New("the elector is dead")

func (s *steps) step() (kill, dead bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.dead:
		return false, true
	default:
	}
	s.n++
	if s.n != s.at {
		return false, false
	}
	close(s.dead)
	return true, false
}

// end lets nothing more happen; it reports whether the elector was killed before.
func (s *steps) end() (killed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.dead:
		return true
	default:
		close(s.dead)
		return false
	}
}

// store is the fate of each request; a killed process's write has happened or not.
func (s *steps) store(op, _ string) fate {
	kill, dead := s.step()
	switch {
	case kill && s.after && (op == "put" || op == "delete"):
		return lost
	case kill || dead:
		return unavailable
	}
	return pass
}

func (s *steps) call(string) error {
	if kill, dead := s.step(); kill || dead {
		return errDead
	}
	return nil
}

// An elector killed between any two of its steps, and another that takes over, from
// an empty bucket to a Primary that was itself restarted once.
func TestElectorKilledAnywhere(t *testing.T) {
	for _, after := range []bool{false, true} {
		for at, survived := 1, false; !survived; at++ {
			t.Run(fmt.Sprintf("step %d after %v", at, after), func(t *testing.T) {
				inBubble(t, func(t *testing.T, b *bed) { survived = killAt(t, b, 0, at, after) })
			})
			if t.Failed() {
				return
			}
			if at > 500 {
				t.Fatal("the elector never gets by with fewer than 500 steps")
			}
		}
	}
}

// killAt kills the first elector at its at-th step; it reports whether it got its
// work done before. origin is the epoch of the history that the cluster begins with.
func killAt(t *testing.T, b *bed, origin record.Epoch, at int, after bool) (survived bool) {
	n1, n2 := b.add("node-1"), b.add("node-2")
	f := &faulty{Store: b.store}
	s := &steps{f: f, at: at, after: after, dead: make(chan struct{})}
	f.plan = s.store
	first := b.elector("e1", func(o *Options) {
		o.Store = f
		o.Dialer = &dialer{b: b, fault: s.call}
	})
	killer := make(chan struct{})
	go func() {
		defer close(killer)
		<-s.dead
		f.die()
		first.cancel()
	}()
	time.Sleep(10 * time.Millisecond) // the first one is the one that begins
	second := b.elector("e2")
	old := b.awaitActiveAbove(int64(origin))
	old.kill()
	old.start()
	b.awaitActiveAbove(old.servedNow())
	time.Sleep(30 * time.Second)

	c := b.cluster()
	who := map[string]*modelNode{"node-1": n1, "node-2": n2}[c.Primary.NodeID]
	b.await("peace", func() bool { return who != nil && who.primary == active && who.served == int64(c.Epoch) })
	if c.Epoch > origin+6 {
		t.Errorf("epoch %d: one death should not waste so many", c.Epoch)
	}
	killed := s.end()
	<-killer
	if err := <-first.done; err != nil {
		t.Error(err)
	}
	second.stop(t)
	return !killed
}

func (n *modelNode) servedNow() int64 {
	n.b.mu.Lock()
	defer n.b.mu.Unlock()
	return n.served
}

// Each write of an election, with each fate; late ones land while a reign is on.
func TestUnknownOutcomes(t *testing.T) {
	for _, what := range fates {
		for at := 1; at <= 6; at++ {
			t.Run(fmt.Sprintf("write %d %v", at, what), func(t *testing.T) {
				inBubble(t, func(t *testing.T, b *bed) {
					n := b.add("node-1")
					f := &faulty{Store: b.store}
					count := 0
					f.plan = func(op, key string) fate {
						if !documents(op, key) {
							return pass
						}
						if count++; count == at {
							return what
						}
						return pass
					}
					e := b.elector("e1", func(o *Options) { o.Store = f })
					b.awaitPrimary(n)
					f.land()
					n.kill()
					n.start()
					b.awaitActiveAbove(n.servedNow() - 1)
					f.land()
					time.Sleep(time.Minute)
					b.await("peace", func() bool { return n.primary == active && int64(b.cluster().Epoch) == n.served })
					e.stop(t)
				})
			})
		}
	}
}

// An elector that is paused (its requests and the heartbeats it has received wait)
// and wakes after another took office changes nothing and grants nothing.
func TestPausedElectorWakes(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		b.add("node-1")
		b.add("node-2")
		f := &faulty{Store: b.store}
		e1 := b.elector("e1", func(o *Options) { o.Store = f })
		old := b.awaitActiveAbove(0)
		time.Sleep(time.Minute)
		thaw := make(chan struct{})
		f.mu.Lock()
		f.frost = thaw
		f.mu.Unlock()
		stale := e1.office.Load() // what a goroutine of e1 that was paused holds in its hands
		conn := stale.node(old.id)

		e2 := b.elector("e2")
		b.awaitOffice(e2)
		before := b.cluster()
		b.mu.Lock()
		s := old.stateLocked()
		b.mu.Unlock()
		if lease, _, err := conn.hear(s); lease != nil || err != nil {
			t.Errorf("a paused elector granted %v (%v)", lease, err)
		}
		swapped := make(chan error, 1)
		go func() {
			_, err := stale.e.reg.SwapCluster(t.Context(), stale.clusterNow(), func(c *registry.Cluster) error {
				c.Epoch++
				c.Primary = registry.NodeRef{}
				return nil
			})
			swapped <- err
		}()
		close(thaw)
		if err := <-swapped; !errors.Is(err, registry.ErrConflict) {
			t.Errorf("a paused elector's reign: %v", err)
		}
		time.Sleep(time.Minute)
		if after := b.cluster(); after.Seq != before.Seq || after.Epoch != 1 {
			t.Errorf("cluster.json went from %+v to %+v", before, after)
		}
		e1.stop(t)
		e2.stop(t)
	})
}

// Everything at random: nodes die, are cut off and wiped; electors' requests fail in
// every way; three electors compete. The bed checks the rules; when the storm is over a Primary
// is found.
func TestStorm(t *testing.T) {
	seeds := 40
	if testing.Short() {
		seeds = 8
	}
	for seed := range seeds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bed) { storm(t, b, uint64(seed)) })
		})
	}
}

func storm(t *testing.T, b *bed, seed uint64) {
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(seed, 1))
	chance := func(percent int) bool {
		mu.Lock()
		defer mu.Unlock()
		return rng.IntN(100) < percent
	}
	pick := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return rng.IntN(n)
	}
	raging := true
	nodes := []*modelNode{b.add("node-1"), b.add("node-2"), b.add("node-3")}
	var electors []*process
	var stores []*faulty
	for i := range 3 {
		f := &faulty{Store: b.store}
		f.plan = func(op, _ string) fate {
			mu.Lock()
			calm := !raging
			mu.Unlock()
			if calm || !chance(15) {
				return pass
			}
			if op != "put" {
				return unavailable
			}
			return fates[pick(len(fates))]
		}
		d := &dialer{b: b, fault: func(string) error {
			mu.Lock()
			calm := !raging
			mu.Unlock()
			if !calm && chance(10) {
				return errUnreachable
			}
			return nil
		}}
		stores = append(stores, f)
		electors = append(electors, b.elector(fmt.Sprint("e", i), func(o *Options) { o.Store, o.Dialer = f, d }))
	}
	for range 150 {
		time.Sleep(time.Duration(pick(3000)) * time.Millisecond)
		n := nodes[pick(len(nodes))]
		switch pick(6) {
		case 0:
			n.stop()
		case 1, 2:
			n.set(func() { n.up = true })
		case 3:
			n.kill()
			n.start()
		case 4:
			if chance(20) {
				n.kill()
				n.wipe()
				n.start()
			}
		case 5:
			stores[pick(len(stores))].land()
		}
	}
	mu.Lock()
	raging = false
	mu.Unlock()
	for _, n := range nodes {
		n.set(func() { n.up = true })
	}
	time.Sleep(10 * time.Minute)
	for _, f := range stores {
		f.land()
	}
	time.Sleep(10 * time.Minute)
	c := b.cluster()
	b.await("peace", func() bool {
		for _, n := range nodes {
			if n.id == c.Primary.NodeID {
				return n.primary == active && n.served == int64(c.Epoch)
			}
		}
		return false
	})
	for _, e := range electors {
		e.stop(t)
	}
	if _, err := b.store.Stat(t.Context(), registry.MembersKey); errors.Is(err, objectstore.ErrNotFound) {
		t.Error("no member ids")
	}
}
