package elector

import (
	"fmt"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/registry"
)

const longTimeout = 30 * time.Second

// patient has a long primary_prior_timeout, as all electors had before it was lowered.
func patient(o *Options) {
	o.PrimaryPriorTimeout, o.LeaseDuration = longTimeout, longTimeout*9/10
}

// longLease makes node-1 Primary with a lease by an elector with a long timeout, cuts
// it off and stops the elector. It returns when the lease ends.
func (b *bed) longLease() (cutOff, other *modelNode, end time.Time) {
	b.t.Helper()
	n1 := b.add("node-1")
	e := b.elector("long", patient)
	b.awaitPrimary(n1)
	n2 := b.add("node-2")
	time.Sleep(time.Minute)
	n1.stop()
	e.stop(b.t)
	b.mu.Lock()
	defer b.mu.Unlock()
	if end = n1.leaseEnd; time.Until(end) < longTimeout/2 {
		b.t.Fatalf("the case doesn't apply: the lease has %v left", time.Until(end))
	}
	return n1, n2, end
}

// lowered checks that cluster.json has forgotten the long timeout.
func (b *bed) lowered() {
	b.t.Helper()
	if c := b.cluster(); c.LeaseTimeout != defaultPrimaryPriorTimeout {
		b.t.Errorf("cluster.json says that leases may last %v, expected %v: those of earlier electors are over", c.LeaseTimeout, defaultPrimaryPriorTimeout)
	}
}

// primary_prior_timeout is lowered and the electors restarted one at a time: leases by
// the longer timeout are waited out, also by the elector after the next.
func TestTimeoutLowered(t *testing.T) {
	for offices := 1; offices <= 3; offices++ {
		t.Run(fmt.Sprintf("%d offices", offices), func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bed) {
				n1, n2, end := b.longLease()
				for i := 1; i < offices; i++ {
					e := b.elector(fmt.Sprintf("e%d", i))
					for !e.InOffice() {
						time.Sleep(100 * time.Millisecond)
					}
					e.stop(t)
				}
				e := b.elector("last")
				b.awaitPrimary(n2) // the bed checks leases
				if time.Now().Before(end) {
					t.Errorf("a Primary %v before the lease of another ended", time.Until(end))
				}
				b.lowered()

				// Once they are over, the shorter timeout is all that is waited for.
				n1.set(func() { n1.up = true })
				b.await("node-1 deposed", func() bool { return n1.primary == replica })
				time.Sleep(time.Minute)
				n2.stop()
				cut := time.Now()
				b.awaitPrimary(n1)
				if d := time.Since(cut); d > 2*defaultPrimaryPriorTimeout {
					t.Errorf("%v without a Primary: waited for leases that were long over", d)
				}
				e.stop(t)
			})
		})
	}
}

// A Primary that says itself that it stepped down ends its lease, however long
// it was, and with it the wait for those of earlier electors.
func TestTimeoutLoweredAndPrimaryRestarted(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n1, n2, _ := b.longLease()
		n2.stop()
		e := b.elector("short")
		for !e.InOffice() {
			time.Sleep(100 * time.Millisecond)
		}
		n1.kill()
		n1.start()
		b.await("the next reign", func() bool { return n1.primary == active && n1.served == 2 })
		b.lowered()
		n2.set(func() { n2.up = true })
		time.Sleep(2 * time.Second)
		n1.stop()
		cut := time.Now()
		b.awaitPrimary(n2) // the bed checks leases
		if d := time.Since(cut); d > 2*defaultPrimaryPriorTimeout {
			t.Errorf("%v without a Primary: waited for leases that were over", d)
		}
		e.stop(t)
	})
}

// An elector with a longer timeout says so before it grants: the one after it, with a
// shorter one, waits.
func TestTimeoutRaisedAndLowered(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n1 := b.add("node-1")
		short := b.elector("short")
		b.awaitPrimary(n1)
		n2 := b.add("node-2")
		time.Sleep(time.Minute)
		b.lowered()
		short.stop(t)
		long := b.elector("long", patient) // no election: only office says so
		b.await("a long lease", func() bool { return time.Until(n1.leaseEnd) > longTimeout/2 })
		if c := b.cluster(); c.LeaseTimeout != longTimeout || c.Epoch != 1 {
			t.Errorf("a lease of up to %v in epoch %d, cluster.json says %v", longTimeout, c.Epoch, c.LeaseTimeout)
		}
		n1.stop()
		long.stop(t)
		short = b.elector("short")
		b.awaitPrimary(n2) // the bed checks leases
		b.lowered()
		short.stop(t)
	})
}

// What the Primary writes meanwhile keeps what is recorded.
func TestTimeoutLoweredWhileThePrimaryWrites(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		_, n2, _ := b.longLease()
		if _, err := b.reg.UpdateAsPrimary(t.Context(), 1, b.cluster().Primary, func(c *registry.Cluster) error { c.CompactionRevision = 7; return nil }); err != nil {
			t.Fatal(err)
		}
		e := b.elector("short")
		b.awaitPrimary(n2) // the bed checks leases
		b.lowered()
		e.stop(t)
	})
}

// An elector with the shorter timeout is killed between any two of its steps while a
// lease by the longer one is valid, right after it took office and as it begins a
// reign among them; another with the shorter timeout takes over.
func TestTimeoutLoweredAndElectorKilledAnywhere(t *testing.T) {
	for _, after := range []bool{false, true} {
		for at, survived := 1, false; !survived; at++ {
			t.Run(fmt.Sprintf("step %d after %v", at, after), func(t *testing.T) {
				inBubble(t, func(t *testing.T, b *bed) { survived = killShorterAt(t, b, at, after) })
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

func killShorterAt(t *testing.T, b *bed, at int, after bool) (survived bool) {
	_, n2, end := b.longLease()
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
	b.awaitPrimary(n2) // the bed checks leases
	if time.Now().Before(end) {
		t.Errorf("a Primary %v before the lease of another ended", time.Until(end))
	}
	killed := s.end()
	<-killer
	<-first.done
	b.lowered()
	second.stop(t)
	return !killed
}
