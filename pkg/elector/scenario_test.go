package elector

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

const (
	replica  = peerpb.PrimaryState_PRIMARY_STATE_REPLICA
	active   = peerpb.PrimaryState_PRIMARY_STATE_ACTIVE
	draining = peerpb.PrimaryState_PRIMARY_STATE_DRAINING
)

// A Primary that restarts says itself that its reign is over: nothing to wait for.
func TestRestartedPrimary(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n := b.add("node-1")
		e := b.elector("e1")
		b.awaitPrimary(n)
		b.await("a lease", func() bool { return time.Now().Before(n.leaseEnd) })
		n.kill()
		begun := time.Now()
		n.start()
		b.awaitActiveAbove(1)
		if d := time.Since(begun); d >= defaultPrimaryPriorTimeout {
			t.Errorf("the new reign took %v: it waited for a lease that was over", d)
		}
		if c := b.cluster(); c.Epoch != 2 {
			t.Errorf("epoch %d, expected 2", c.Epoch)
		}
		e.stop(t)
	})
}

// A node that comes back without its disk is not the Primary that had the lease.
func TestWipedPrimary(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n := b.add("node-1")
		e := b.elector("e1")
		b.awaitPrimary(n)
		b.await("a lease", func() bool { return time.Now().Before(n.leaseEnd) })
		b.mu.Lock()
		granted := n.leaseEnd.Add(-testLease)
		b.mu.Unlock()
		n.kill()
		n.wipe()
		n.start()
		b.await("a new reign", func() bool { return n.served == 2 })
		if d := time.Since(granted); d < defaultPrimaryPriorTimeout {
			t.Errorf("new reign %v after the last lease was granted", d)
		}
		e.stop(t)
	})
}

// A Primary that is cut off keeps its lease; another is chosen only after it. Then it
// comes back and learns that it was deposed.
func TestUnreachablePrimary(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n1 := b.add("node-1")
		e := b.elector("e1")
		b.awaitPrimary(n1)
		n2 := b.add("node-2")
		b.await("a lease", func() bool { return time.Now().Before(n1.leaseEnd) })
		time.Sleep(time.Minute)
		n1.stop()
		b.awaitPrimary(n2) // the bed checks leases
		n1.set(func() { n1.up = true })
		b.await("node-1 deposed", func() bool { return n1.primary == replica })
		e.stop(t)
	})
}

func TestDrainingPrimary(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n1 := b.add("node-1")
		e := b.elector("e1")
		b.awaitPrimary(n1)
		n2 := b.add("node-2")
		n1.set(func() { n1.primary = draining })
		time.Sleep(10 * time.Minute)
		if c := b.cluster(); c.Epoch != 1 {
			t.Errorf("elected while the Primary drains: epoch %d", c.Epoch)
		}
		n1.set(func() { n1.up, n1.primary, n1.leaseEnd = false, replica, time.Time{} })
		b.awaitPrimary(n2)
		e.stop(t)
	})
}

func TestDegradedPrimary(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n1 := b.add("node-1")
		e := b.elector("e1")
		b.awaitPrimary(n1)
		n1.set(func() { n1.health = peerpb.Health_HEALTH_DEGRADED })
		time.Sleep(10 * time.Minute)
		if c := b.cluster(); c.Epoch != 1 {
			t.Errorf("began a reign that nobody can have: epoch %d", c.Epoch)
		}
		n2 := b.add("node-2")
		b.awaitPrimary(n2)
		e.stop(t)
	})
}

func TestLoadingNodeIsNotChosen(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n := b.add("node-1")
		n.set(func() { n.health = peerpb.Health_HEALTH_LOADING })
		e := b.elector("e1")
		time.Sleep(time.Minute)
		if c := b.cluster(); c.Epoch != 0 {
			t.Errorf("began a reign without a healthy node: epoch %d", c.Epoch)
		}
		n.set(func() { n.health = peerpb.Health_HEALTH_HEALTHY })
		if got := b.awaitPrimary(n); got != 1 {
			t.Errorf("epoch %d, expected 1", got)
		}
		e.stop(t)
	})
}

// The longest history wins, by the promises' tails.
func TestLongestHistory(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n1, n2, n3 := b.add("node-1"), b.add("node-2"), b.add("node-3")
		n1.set(func() { n1.tail = record.Pos{Epoch: 0, Revision: 90} })
		n2.set(func() { n2.tail = record.Pos{Epoch: 1, Revision: 10} })
		n3.set(func() { n3.tail = record.Pos{Epoch: 1, Revision: 9} })
		e := b.elector("e1")
		if got := b.awaitActiveAbove(0); got != n2 {
			t.Errorf("chose %s, expected node-2", got.id)
		}
		e.stop(t)
	})
}

// Quorum mode goes by the voters in cluster.json.
func TestQuorumMode(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n1, n2, n3 := b.add("node-1"), b.add("node-2"), b.add("node-3")
		n4 := b.add("node-4")
		n4.set(func() { n4.tail = record.Pos{Epoch: 1, Revision: 1} })
		b.quorum(n1, n2, n3)
		n2.stop()
		n3.stop()
		e := b.elector("e1")
		time.Sleep(10 * time.Minute)
		if c := b.cluster(); c.Epoch != 1 {
			t.Fatalf("one voter and a stranger made a reign: epoch %d", c.Epoch)
		}
		n2.set(func() { n2.up = true })
		b.awaitActiveAbove(1)
		if d := b.cluster().Durability; d.Mode != registry.ModeQuorum || len(d.Voters) != 3 {
			t.Errorf("durability not carried over: %+v", d)
		}
		e.stop(t)
	})
}

// quorum makes cluster.json that of a cluster in quorum mode after epoch 1.
func (b *bed) quorum(voters ...*modelNode) {
	b.t.Helper()
	ctx := context.Background()
	if _, err := b.reg.EnsureCluster(ctx, -1); err != nil {
		b.t.Fatal(err)
	}
	_, err := b.reg.UpdateCluster(ctx, func(c *registry.Cluster) error {
		c.Office, c.Epoch, c.Durability.Mode = 1, 1, registry.ModeQuorum
		for _, n := range voters {
			c.Durability.Voters = append(c.Durability.Voters, registry.NodeRef{NodeID: n.id, Incarnation: n.incarnation})
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// An elector that stops cleanly leaves no one waiting for the lock.
func TestHandOver(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n := b.add("node-1")
		e1 := b.elector("e1")
		b.awaitPrimary(n)
		e2 := b.elector("e2")
		time.Sleep(time.Minute)
		if !e1.InOffice() || e2.InOffice() {
			t.Fatal("two electors, and not the first one in office")
		}
		e1.stop(t)
		b.awaitOffice(e2)
		time.Sleep(time.Minute)
		if c := b.cluster(); c.Epoch != 1 || c.Office != 2 {
			t.Errorf("a new elector made epoch %d, office %d; expected 1 and 2", c.Epoch, c.Office)
		}
		e2.stop(t)
	})
}

func (b *bed) awaitOffice(e *process) {
	b.t.Helper()
	for range 3600 {
		if e.InOffice() {
			return
		}
		time.Sleep(time.Second)
	}
	b.t.Fatal("never in office")
}

// Chosen, but never told: the next elector tells it, and makes no new epoch.
func TestChosenAndNotTold(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n := b.add("node-1")
		n.set(func() { n.deaf = true })
		e1 := b.elector("e1")
		for b.cluster().Primary.IsZero() {
			time.Sleep(100 * time.Millisecond)
		}
		e1.stop(t)
		n.set(func() { n.deaf = false })
		e2 := b.elector("e2")
		if got := b.awaitPrimary(n); got != 1 {
			t.Errorf("active in epoch %d, expected 1", got)
		}
		e2.stop(t)
	})
}

// Chosen, told, and it doesn't begin: after a while another epoch is tried.
func TestChosenAndIdle(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n := b.add("node-1")
		n.set(func() { n.deaf = true })
		e := b.elector("e1")
		for b.cluster().Epoch < 2 {
			time.Sleep(100 * time.Millisecond)
		}
		n.set(func() { n.deaf = false })
		b.awaitPrimary(n)
		e.stop(t)
	})
}

// A cluster.json put back from an older copy: the nodes know better, nothing is done.
func TestClusterRestoredFromOldCopy(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n := b.add("node-1")
		n.set(func() { n.promised, n.served = 7, 7 })
		e := b.elector("e1")
		time.Sleep(10 * time.Minute)
		if c := b.cluster(); c.Epoch != 0 {
			t.Errorf("epoch %d: began a reign below what the node promised", c.Epoch)
		}
		e.stop(t)
	})
}

func TestDamage(t *testing.T) {
	put := func(b *bed, key, body string) {
		if _, err := b.store.Put(context.Background(), key, []byte(body), objectstore.Always()); err != nil {
			b.t.Fatal(err)
		}
	}
	t.Run("a node's registration hides nobody else", func(t *testing.T) {
		inBubble(t, func(t *testing.T, b *bed) {
			put(b, "nodes/node-0.json", "{")
			put(b, "nodes/readme", "hello")
			e := b.elector("e1")
			b.awaitPrimary(b.add("node-1"))
			e.stop(t)
		})
	})
	t.Run("cluster.json is waited for until it is mended", func(t *testing.T) {
		inBubble(t, func(t *testing.T, b *bed) {
			n := b.add("node-1")
			e := b.elector("e1")
			epoch := b.awaitPrimary(n)
			whole, _, err := objectstore.ReadAll(t.Context(), b.store, registry.ClusterKey, 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			put(b, registry.ClusterKey, "{}")
			time.Sleep(time.Minute)
			var damaged *registry.DamagedError
			if err := e.Held(); !errors.As(err, &damaged) {
				t.Errorf("held up by %v", err)
			}
			n.kill()
			n.start()
			time.Sleep(time.Minute)
			if n.servedNow() != epoch {
				t.Error("elected by a document that can't be understood")
			}
			put(b, registry.ClusterKey, string(whole))
			b.awaitActiveAbove(epoch)
			e.stop(t)
		})
	})
	t.Run("another cluster's bucket", func(t *testing.T) {
		inBubble(t, func(t *testing.T, b *bed) {
			if _, err := registry.New(b.store, "other").EnsureCluster(context.Background(), -1); err != nil {
				t.Fatal(err)
			}
			var mismatch *registry.ClusterMismatchError
			if err := <-b.elector("e1").done; !errors.As(err, &mismatch) {
				t.Errorf("ended with %v", err)
			}
		})
	})
}

// Idle, three nodes with an elector each stay within the budget of requests.
func TestIdleRequests(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		b.add("node-1")
		b.add("node-2")
		b.add("node-3")
		f := &faulty{Store: b.store}
		var es []*process
		for _, id := range []string{"e1", "e2", "e3"} {
			es = append(es, b.elector(id, func(o *Options) { o.Store = f }))
		}
		b.awaitActiveAbove(0)
		time.Sleep(5 * time.Minute)
		f.mu.Lock()
		f.trace = nil
		f.mu.Unlock()
		time.Sleep(10 * time.Minute)
		f.mu.Lock()
		if got := len(f.trace); got > 375 {
			t.Errorf("%d requests in ten idle minutes, expected at most 375: %v", got, f.trace[:40])
		} else {
			t.Logf("%d requests in ten idle minutes", got)
		}
		f.mu.Unlock()
		for _, e := range es {
			e.stop(t)
		}
	})
}

// Nodes that start together are all found within seconds, though one of them reigns
// before the others have registered, and one that comes after another is, too.
func TestNodesThatStartTogether(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n := b.add("node-1")
		e := b.elector("e1")
		b.awaitPrimary(n)
		time.Sleep(time.Minute)
		b.add("node-2")
		time.Sleep(defaultDiscoverEvery)
		for i, id := range []string{"node-3", "node-4", "node-5"} {
			b.add(id)
			time.Sleep(3 * time.Second)
			if i > 0 && len(members(t, e)) != i+3 {
				t.Errorf("%s isn't found 3 s after it registered", id)
			}
			if i == 0 {
				time.Sleep(defaultDiscoverEvery - 3*time.Second)
				for len(members(t, e)) != 3 {
					time.Sleep(100 * time.Millisecond)
				}
			}
		}
		e.stop(t)
	})
}
