package elector

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/registry"
)

// An elector cut off from object storage grants leases as long as it may; its
// successor, which can't reach the Primary, waits for them all.
func TestSuccessorWaitsForLeasesOfItsPredecessor(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n1 := b.add("node-1")
		f := &faulty{Store: b.store}
		e1 := b.elector("e1", func(o *Options) { o.Store, o.LeaseDuration = f, defaultPrimaryPriorTimeout-100*time.Millisecond })
		b.awaitPrimary(n1)
		n2 := b.add("node-2")
		e2 := b.elector("e2", func(o *Options) {
			o.Dialer = &dialer{b: b, fault: func(call string) error {
				if strings.HasSuffix(call, "node-1") {
					return errUnreachable
				}
				return nil
			}}
		})
		time.Sleep(time.Minute)
		f.mu.Lock()
		f.plan = func(string, string) fate { return unavailable }
		f.mu.Unlock()
		b.awaitPrimary(n2) // the bed checks leases
		e1.stop(t)
		e2.stop(t)
	})
}

// While an election goes on, whatever heartbeat arrives is answered without a lease.
func TestNoLeaseDuringAnElection(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n1 := b.add("node-1")
		var (
			elector atomic.Pointer[process] // its first calls may come before it is known here
			asked   atomic.Int64
		)
		e := b.elector("e1", func(o *Options) {
			o.Dialer = &dialer{b: b, fault: func(call string) error {
				e := elector.Load()
				if e == nil {
					return nil
				}
				office := e.office.Load()
				if !strings.HasPrefix(call, "state") || office == nil || office.clusterNow().Primary.IsZero() {
					return nil
				}
				asked.Add(1)
				c := office.node("node-1")
				b.mu.Lock()
				s := n1.stateLocked()
				b.mu.Unlock()
				s.PrimaryState = active
				office.mu.Lock()
				before := c.state
				office.mu.Unlock()
				if lease, _, err := c.hear(s); lease != nil || err != nil {
					t.Errorf("%s: granted %v (%v)", call, lease, err)
				}
				office.mu.Lock()
				c.state = before
				office.mu.Unlock()
				return nil
			}}
		})
		elector.Store(e)
		b.awaitPrimary(n1)
		n2 := b.add("node-2")
		time.Sleep(time.Minute)
		n1.stop()
		b.awaitPrimary(n2)
		if asked.Load() == 0 {
			t.Error("nothing was tried")
		}
		e.stop(t)
	})
}

// A reign whose beginning has an unknown outcome, while the Primary comes back: no
// leases until a later write has settled it, and then leases again.
func TestUnknownReignIsSettled(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		b.add("node-1")
		b.add("node-2")
		f := &faulty{Store: b.store}
		var old *modelNode
		back := make(chan struct{})
		e := b.elector("e1", func(o *Options) {
			o.Store = f
			o.Dialer = &dialer{b: b, fault: func(call string) error {
				b.mu.Lock()
				survey := old != nil && !old.up && strings.HasPrefix(call, "state") && !strings.HasSuffix(call, old.id)
				b.mu.Unlock()
				if survey { // leases are over: the reign is about to begin
					old.set(func() { old.up = true })
					time.Sleep(1500 * time.Millisecond) // it is heard again
					close(back)
				}
				return nil
			}}
		})
		first := b.awaitActiveAbove(0)
		time.Sleep(time.Minute)
		office, puts := e.office.Load(), 0
		f.mu.Lock()
		f.plan = func(op, key string) fate {
			if op != "put" || key != registry.ClusterKey {
				return pass
			}
			if puts++; puts == 1 {
				return late
			}
			office.mu.Lock()
			defer office.mu.Unlock()
			if !office.leases.closed {
				t.Error("leases are open while a new reign may still begin")
			}
			return pass
		}
		f.mu.Unlock()
		first.set(func() { old, first.up = first, false })
		<-back
		time.Sleep(10 * time.Second)
		f.land() // refused: its version is gone
		if c := b.cluster(); c.Epoch != 1 || puts != 2 {
			t.Fatalf("the case doesn't apply: epoch %d, %d writes", c.Epoch, puts)
		}
		b.await("a lease again", func() bool { return time.Now().Before(first.leaseEnd) })
		e.stop(t)
	})
}

// Between an elector's reign and its choice another one takes office and begins a
// reign of its own: the choice must not land in it, and the first one leaves office.
func TestSupersededBeforeTheChoice(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n := b.add("node-1")
		f := &faulty{Store: b.store}
		puts := 0
		f.plan = func(op, key string) fate {
			if op != "put" || key != registry.ClusterKey {
				return pass
			}
			if puts++; puts == 4 { // created, office, reign, choice
				_, err := b.reg.UpdateCluster(context.Background(), func(c *registry.Cluster) error {
					c.Office, c.Epoch, c.Primary = c.Office+1, c.Epoch+1, registry.NodeRef{}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
			return pass
		}
		e := b.elector("e1", func(o *Options) { o.Store = f })
		if got := b.awaitPrimary(n); got != 3 {
			t.Errorf("active in epoch %d, expected 3: epochs 1 and 2 were given up", got)
		}
		if c := b.cluster(); c.Office != 3 {
			t.Errorf("office %d, expected 3: the elector took office again", c.Office)
		}
		e.stop(t)
	})
}

// Voters that answer, but don't promise, make no Primary.
func TestPromisesAreCounted(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n1, n2, n3 := b.add("node-1"), b.add("node-2"), b.add("node-3")
		b.quorum(n1, n2, n3)
		n3.stop()
		mute := true
		e := b.elector("e1", func(o *Options) {
			o.Dialer = &dialer{b: b, fault: func(call string) error {
				b.mu.Lock()
				defer b.mu.Unlock()
				if mute && call == "promise node-2" {
					return errUnreachable
				}
				return nil
			}}
		})
		time.Sleep(time.Minute)
		if c := b.cluster(); !c.Primary.IsZero() || c.Epoch < 2 {
			t.Errorf("one promise of two needed: %+v", c)
		}
		n2.set(func() { mute = false })
		b.awaitActiveAbove(1)
		e.stop(t)
	})
}

// The service answers in office only, and else says whom to ask.
func TestListMembersOutOfOffice(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		b.add("node-1")
		e1 := b.elector("e1")
		b.awaitActiveAbove(0)
		e2 := b.elector("e2")
		time.Sleep(time.Minute)
		_, err := (&electionService{e: e2.Elector}).ListMembers(t.Context(), &peerpb.ListMembersRequest{})
		if err == nil || !strings.Contains(err.Error(), `e1 at "e1:8443"`) {
			t.Errorf("%v", err)
		}
		e1.stop(t)
		e2.stop(t)
	})
}
