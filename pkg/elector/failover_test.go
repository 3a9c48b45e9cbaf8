package elector

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// three starts three nodes of which the first becomes Primary, in quorum mode, and
// lets a lease be granted.
func (b *bed) three() (n1, n2, n3 *modelNode) {
	n1, n2, n3 = b.add("node-1"), b.add("node-2"), b.add("node-3")
	b.quorum(n1, n2, n3)
	n1.set(func() { n1.tail = record.Pos{Epoch: 1, Revision: 9} })
	return n1, n2, n3
}

// The time from the death of a Primary to the next reign is that of the last lease,
// and the election adds nothing but requests, which take no time here.
func TestFailoverTime(t *testing.T) {
	const atOnce = 2 * changePause
	for _, c := range []struct {
		name string
		die  func(n *modelNode)
		most time.Duration
	}{
		{"killed", (*modelNode).kill, defaultPrimaryPriorTimeout + atOnce},
		{"gone with its host", func(n *modelNode) { n.set(func() { n.stuck = true }) }, defaultPrimaryPriorTimeout + lateGrace + atOnce},
		{"handed over, and gone", func(n *modelNode) {
			n.set(func() { n.primary = draining })
			time.Sleep(time.Second)
			n.set(func() { n.primary, n.leaving, n.leaseEnd = replica, true, time.Time{} })
			time.Sleep(time.Millisecond)
			n.stop()
		}, time.Second + atOnce},
		{"handed over, and deaf", func(n *modelNode) {
			n.set(func() { n.primary, n.leaving, n.leaseEnd = replica, true, time.Time{} })
			time.Sleep(time.Millisecond)
			n.set(func() { n.stuck = true })
		}, lateGrace + atOnce},
		{"killed, and back", func(n *modelNode) {
			n.kill()
			time.Sleep(700 * time.Millisecond)
			n.start()
		}, 700*time.Millisecond + defaultRetryEvery + atOnce}, // it is found at the next try to connect
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bed) {
				n1, n2, n3 := b.three()
				e := b.elector("e1")
				b.awaitPrimary(n1)
				for i := range 7 { // at different times since the last heartbeat
					time.Sleep(time.Minute + time.Duration(i)*77*time.Millisecond)
					b.mu.Lock()
					var p *modelNode
					for _, n := range []*modelNode{n1, n2, n3} {
						if n.primary == active {
							p = n
						}
					}
					b.mu.Unlock()
					epoch, begun := p.servedNow(), time.Now()
					c.die(p)
					b.await("the next reign", func() bool { return n1.served > epoch || n2.served > epoch || n3.served > epoch })
					if d := time.Since(begun); d > c.most {
						t.Errorf("the next reign began after %v, expected %v at most", d, c.most)
					}
					p.set(func() { p.stuck, p.leaving, p.leaseEnd = false, false, time.Time{}; p.primary = replica })
					p.kill()
					p.start()
				}
				e.stop(t)
			})
		})
	}
}

// A Primary that writes cluster.json while the next reign begins costs no pause.
func TestConflictCostsNoPause(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n1, n2, _ := b.three()
		f := &faulty{Store: b.store}
		conflicts := 0
		f.plan = func(op, key string) fate {
			if op == "put" && key == registry.ClusterKey && conflicts > 0 {
				conflicts--
				if _, err := b.reg.UpdateCluster(b.t.Context(), func(c *registry.Cluster) error { c.CompactionRevision++; return nil }); err != nil {
					b.t.Error(err)
				}
			}
			return pass
		}
		e := b.elector("e1", func(o *Options) { o.Store = f })
		b.awaitPrimary(n1)
		time.Sleep(time.Minute)
		f.mu.Lock()
		conflicts = 2
		f.mu.Unlock()
		begun := time.Now()
		n1.set(func() { n1.primary, n1.leaseEnd = replica, time.Time{} })
		b.await("the next reign", func() bool { return n1.served > 2 || n2.served > 2 })
		if d := time.Since(begun); d >= defaultRetryEvery || conflicts != 0 {
			t.Errorf("the next reign began after %v, %d conflicts left", d, conflicts)
		}
		if c := b.cluster(); c.Epoch != 3 || c.CompactionRevision != 2 {
			t.Errorf("%+v", c)
		}
		e.stop(t)
	})
}

// A cluster.json that always changes first doesn't make the elector spin.
func TestConflictsWithoutEnd(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n1, _, _ := b.three()
		f := &faulty{Store: b.store}
		storm, puts := false, 0
		f.plan = func(op, key string) fate {
			if storm && op == "put" && key == registry.ClusterKey {
				puts++
				if _, err := b.reg.UpdateCluster(b.t.Context(), func(c *registry.Cluster) error { c.CompactionRevision++; return nil }); err != nil {
					b.t.Error(err)
				}
			}
			return pass
		}
		e := b.elector("e1", func(o *Options) { o.Store = f })
		b.awaitPrimary(n1)
		f.mu.Lock()
		storm = true
		f.mu.Unlock()
		n1.kill()
		time.Sleep(time.Minute)
		f.mu.Lock()
		if most := int(time.Minute/defaultRetryEvery) * (maxConflicts + 2); puts > most || puts == 0 {
			t.Errorf("%d writes in a minute, expected at most %d", puts, most)
		}
		storm = false
		f.mu.Unlock()
		b.awaitActiveAbove(2)
		e.stop(t)
	})
}

// A Primary that steps down again and again, at once, makes no epochs fly.
func TestFlappingPrimary(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n := b.add("node-1")
		e := b.elector("e1")
		b.awaitPrimary(n)
		end := time.Now().Add(time.Minute)
		for time.Now().Before(end) {
			b.awaitPrimary(n)
			n.set(func() { n.primary, n.leaseEnd = replica, time.Time{} })
		}
		if c := b.cluster(); c.Epoch > record.Epoch(time.Minute/defaultRetryEvery)+2 {
			t.Errorf("epoch %d after a minute", c.Epoch)
		}
		e.stop(t)
	})
}

// A node that flaps while the leases of a dead Primary run out doesn't make the
// elector hammer object storage.
func TestFlappingNodeWhileWaiting(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n1, n2, n3 := b.three()
		f := &faulty{Store: b.store}
		e := b.elector("e1", func(o *Options) { o.Store = f })
		b.awaitPrimary(n1)
		time.Sleep(time.Minute)
		n2.stop()
		n1.kill() // one voter of three is left
		f.mu.Lock()
		f.trace = nil
		f.mu.Unlock()
		for range 10_000 {
			n3.set(func() { n3.health++; n3.health %= 3 })
			time.Sleep(time.Millisecond)
		}
		f.mu.Lock()
		if most := int(10*time.Second/changePause) * 3; len(f.trace) > most {
			t.Errorf("%d requests in 10 s, expected at most %d", len(f.trace), most)
		}
		f.mu.Unlock()
		e.stop(t)
	})
}

// A node that hangs between its answer and its promise is not waited for longer
// than for any other.
func TestHangsBeforeThePromise(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n1, n2, n3 := b.three()
		e := b.elector("e1", func(o *Options) {
			o.Dialer = &dialer{b: b, fault: func(call string) error {
				if call == "promise node-3" && n1.servedNow() > 0 {
					n3.set(func() { n3.stuck = true })
				}
				return nil
			}}
		})
		b.awaitPrimary(n1)
		time.Sleep(time.Minute)
		n1.set(func() { n1.primary, n1.leaseEnd = replica, time.Time{} })
		begun := time.Now()
		b.await("the next reign", func() bool { return n1.served > 2 || n2.served > 2 })
		if d := time.Since(begun); d > lateGrace+2*changePause {
			t.Errorf("the next reign began after %v", d)
		}
		n3.set(func() { n3.stuck = false })
		e.stop(t)
	})
}

// In quorum mode a node that is slow, and without which there are not enough, is
// waited for.
func TestSlowNodeThatIsNeeded(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n1, n2, n3 := b.three()
		slow := false
		e := b.elector("e1", func(o *Options) {
			o.Dialer = &dialer{b: b, fault: func(call string) error {
				b.mu.Lock()
				wait := slow && strings.HasSuffix(call, "node-3") && !strings.HasPrefix(call, "heart")
				b.mu.Unlock()
				if wait {
					time.Sleep(4 * lateGrace)
				}
				return nil
			}}
		})
		b.awaitPrimary(n1)
		time.Sleep(time.Minute)
		n3.set(func() { slow, n3.tail = true, n1.tail })
		n1.kill()
		got := b.awaitActiveAbove(2)
		if c := b.cluster(); c.Epoch != 3 || got == n1 {
			t.Errorf("epoch %d, %s", c.Epoch, got.id)
		}
		n3.set(func() { slow = false })
		_ = n2
		e.stop(t)
	})
}

// slow is object storage that takes its time.
type slow struct {
	objectstore.Store
	each time.Duration
}

func (s slow) Put(ctx context.Context, key string, body []byte, cond objectstore.Condition) (objectstore.Version, error) {
	time.Sleep(s.each)
	return s.Store.Put(ctx, key, body, cond)
}

func (s slow) Get(ctx context.Context, key string) (*objectstore.Object, error) {
	time.Sleep(s.each)
	return s.Store.Get(ctx, key)
}

func (s slow) List(ctx context.Context, prefix, after string, limit int) (objectstore.Page, error) {
	time.Sleep(s.each)
	return s.Store.List(ctx, prefix, after, limit)
}

// Once leases are over, an election costs two writes and nothing else of object storage.
func TestFailoverOnSlowStorage(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		const each = 100 * time.Millisecond
		n1, n2, n3 := b.three()
		e := b.elector("e1", func(o *Options) { o.Store = slow{b.store, each} })
		b.awaitPrimary(n1)
		for i := range 10 {
			// Never at the instant of a heartbeat: a lease on its way to a node that dies was
			// granted later than the last one the node knew of.
			time.Sleep(time.Minute + time.Duration(i)*53*time.Millisecond + 17*time.Microsecond)
			var p *modelNode
			b.mu.Lock()
			for _, n := range []*modelNode{n1, n2, n3} {
				if n.primary == active {
					p = n
				}
			}
			epoch, granted := p.served, p.leaseEnd.Add(-testLease)
			b.mu.Unlock()
			begun, most := granted, defaultPrimaryPriorTimeout+2*each+changePause
			if i%2 == 0 {
				p.kill()
			} else { // it says that it stepped down, and can't be asked any more
				begun, most = time.Now(), 5*each
				p.set(func() { p.primary, p.leaving, p.leaseEnd = replica, true, time.Time{} })
				time.Sleep(time.Millisecond)
				p.stop()
			}
			b.await("the next reign", func() bool { return n1.served > epoch || n2.served > epoch || n3.served > epoch })
			if d := time.Since(begun); d > most {
				t.Errorf("the next reign began after %v, expected %v at most", d, most)
			}
			p.set(func() { p.leaving = false })
			p.start()
		}
		e.stop(t)
	})
}
