package elector

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// logs collects what an elector says.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *logs) logger(o *Options) { o.Logger = hclog.New(&hclog.LoggerOptions{Output: l}) }

// One voter of three is gone: the others elect, and the one with the longest history.
func TestOneVoterDown(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n1, n2, n3 := b.three()
		e := b.elector("e1")
		b.awaitPrimary(n1)
		n2.set(func() { n2.tail = n1.tail })
		n3.set(func() { n3.tail = record.Pos{Epoch: n1.tail.Epoch - 1, Revision: n1.tail.Revision + 5} })
		time.Sleep(time.Minute)
		n1.kill()
		if got := b.awaitActiveAbove(2); got != n2 {
			t.Errorf("chose %s", got.id)
		}
		e.stop(t)
	})
}

// Two of three are gone: nothing changes, and the log names whom an election needs.
func TestTwoVotersDown(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n1, n2, n3 := b.three()
		var l logs
		e := b.elector("e1", l.logger)
		b.awaitPrimary(n1)
		time.Sleep(time.Minute)
		n1.kill()
		n2.stop()
		time.Sleep(time.Hour)
		if c := b.cluster(); c.Epoch != 2 || c.Primary != n1.ref() {
			t.Errorf("%+v", c)
		}
		for _, want := range []string{"1 answer and are healthy, 2 needed of the 3 voters", "missing: [" + n1.ref().String() + " " + n2.ref().String() + "]"} {
			if !strings.Contains(l.String(), want) {
				t.Errorf("the log doesn't say %q:\n%s", want, l.String())
			}
		}
		n2.set(func() { n2.up = true })
		b.awaitActiveAbove(2)
		_ = n3
		e.stop(t)
	})
}

// A voter that lost its disk, and is back, is not the voter any more.
func TestWipedVoterDoesntCount(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n1, n2, n3 := b.three()
		e := b.elector("e1")
		b.awaitPrimary(n1)
		time.Sleep(time.Minute)
		n1.stop()
		n2.kill()
		n2.wipe()
		n2.start()
		time.Sleep(time.Hour)
		if c := b.cluster(); c.Epoch != 2 {
			t.Errorf("epoch %d by %s and a wiped voter", c.Epoch, n3.id)
		}
		n1.kill()
		n1.start()
		b.awaitActiveAbove(2)
		e.stop(t)
	})
}

// A Primary that is paused answers nothing: its lease is waited for (the bed checks
// that), and it learns of its successor when it wakes.
func TestPausedPrimary(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n1, n2, n3 := b.three()
		e := b.elector("e1")
		b.awaitPrimary(n1)
		time.Sleep(time.Minute)
		b.mu.Lock()
		granted := n1.leaseEnd.Add(-testLease)
		b.mu.Unlock()
		n1.set(func() { n1.stuck = true })
		b.await("the next reign", func() bool { return n2.served > 2 || n3.served > 2 })
		if d := time.Since(granted); d < defaultPrimaryPriorTimeout {
			t.Errorf("a new reign %v after the last lease was granted", d)
		}
		n1.set(func() { n1.stuck = false })
		b.await("node-1 deposed", func() bool { return n1.primary == replica })
		e.stop(t)
	})
}

// Healthy when asked, and not when it promises: the promise neither counts nor makes
// it a candidate.
func TestUnhealthyPromiseDoesntCount(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n1, n2, n3 := b.three()
		ill := true
		e := b.elector("e1", func(o *Options) {
			o.Dialer = &dialer{b: b, fault: func(call string) error {
				if call == "promise node-2" {
					n2.set(func() {
						if ill && n1.served > 0 {
							n2.health = peerpb.Health_HEALTH_DEGRADED
						}
					})
				}
				return nil
			}}
		})
		b.awaitPrimary(n1)
		n2.set(func() { n2.tail = n1.tail })
		time.Sleep(time.Minute)
		n1.kill()
		time.Sleep(time.Minute)
		if c := b.cluster(); !c.Primary.IsZero() || c.Epoch != 3 {
			t.Errorf("%+v", c)
		}
		n2.set(func() { n2.health, ill = peerpb.Health_HEALTH_HEALTHY, false })
		if got := b.awaitActiveAbove(2); got != n2 {
			t.Errorf("chose %s", got.id)
		}
		_ = n3
		e.stop(t)
	})
}

// One that is stopping on purpose is not chosen, though its history is the longest.
func TestLeavingNodeIsNotChosen(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n1, n2, n3 := b.three()
		e := b.elector("e1")
		b.awaitPrimary(n1)
		time.Sleep(time.Minute)
		n1.set(func() { n1.leaving, n1.primary, n1.leaseEnd = true, replica, time.Time{} })
		if got := b.awaitActiveAbove(2); got == n1 {
			t.Error("chose the one that leaves")
		}
		_, _ = n2, n3
		e.stop(t)
	})
}

// The node that is to be chosen dies after it promised, just before the choice is
// written: it is named, doesn't begin, and another reign does.
func TestCandidateDiesAfterItsPromise(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n1, n2, n3 := b.three()
		f := &faulty{Store: b.store}
		armed := false
		f.plan = func(op, key string) fate {
			if !armed || op != "put" || key != registry.ClusterKey {
				return pass
			}
			b.mu.Lock()
			promised := n2.promised
			b.mu.Unlock()
			if promised == 3 {
				armed = false
				n2.kill()
			}
			return pass
		}
		e := b.elector("e1", func(o *Options) { o.Store = f })
		b.awaitPrimary(n1)
		n2.set(func() { n2.tail = n1.tail })
		time.Sleep(time.Minute)
		f.mu.Lock()
		armed = true
		f.mu.Unlock()
		n1.kill()
		for b.cluster().Primary != n2.ref() {
			time.Sleep(10 * time.Millisecond)
		}
		n1.start() // with n3 a majority
		got := b.awaitActiveAbove(2)
		if c := b.cluster(); got == n2 || c.Epoch < 4 {
			t.Errorf("%s in epoch %d", got.id, c.Epoch)
		}
		_ = n3
		e.stop(t)
	})
}

// A voter that has promised a higher epoch than cluster.json knows stops the election
// before it changes anything, and one that refuses the promise counts for nothing.
func TestRefusedPromise(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n1, n2, n3 := b.three()
		armed := false
		e := b.elector("e1", func(o *Options) {
			o.Dialer = &dialer{b: b, fault: func(call string) error {
				b.mu.Lock()
				defer b.mu.Unlock()
				if armed && call == "promise node-2" {
					n2.promised, armed = 9, false
				}
				return nil
			}}
		})
		b.awaitPrimary(n1)
		time.Sleep(time.Minute)
		n1.set(func() { armed = true })
		n1.kill()
		time.Sleep(time.Hour)
		if c := b.cluster(); c.Epoch != 3 || !c.Primary.IsZero() {
			t.Errorf("%+v", c)
		}
		n1.start()
		if got := b.awaitActiveAbove(3); got == n2 {
			t.Error("chose the one that has promised epoch 9")
		}
		_ = n3
		e.stop(t)
	})
}

// Electors that start together on an empty bucket make one reign.
func TestElectorsStartTogether(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		b.add("node-1")
		b.add("node-2")
		var es []*process
		for _, id := range []string{"e1", "e2", "e3"} {
			es = append(es, b.elector(id))
		}
		b.awaitActiveAbove(0)
		time.Sleep(time.Minute)
		in := 0
		for _, e := range es {
			if e.InOffice() {
				in++
			}
		}
		if c := b.cluster(); in != 1 || c.Epoch != 1 || c.Office != 1 {
			t.Errorf("%d in office, %+v", in, c)
		}
		for _, e := range es {
			e.stop(t)
		}
	})
}

// Elections go by the rule in cluster.json, whatever this elector was configured
// with, and leave it as it is.
func TestRuleOfClusterDocument(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n1, n2, n3 := b.add("node-1"), b.add("node-2"), b.add("node-3")
		n4, n5 := b.add("node-4"), b.add("node-5")
		b.quorum(n1, n2, n3, n4, n5)
		if _, err := b.reg.UpdateCluster(t.Context(), func(c *registry.Cluster) error { c.Durability.Quorum = 1; return nil }); err != nil {
			t.Fatal(err)
		}
		armed := false
		e := b.elector("e1", func(o *Options) {
			o.Quorum = 4 // one promise would be enough
			o.Dialer = &dialer{b: b, fault: func(call string) error {
				b.mu.Lock()
				defer b.mu.Unlock()
				if armed && call == "promise node-4" {
					return errUnreachable
				}
				return nil
			}}
		})
		n5.stop()
		n4.stop()
		time.Sleep(time.Minute)
		if c := b.cluster(); c.Epoch != 1 {
			t.Errorf("three of five voters made a reign, but one receipt is enough to commit: epoch %d", c.Epoch)
		}
		n4.set(func() { n4.up, armed = true, true })
		time.Sleep(time.Minute)
		if c := b.cluster(); !c.Primary.IsZero() || c.Epoch < 2 {
			t.Errorf("three of five promises made a Primary: %+v", c)
		}
		n4.set(func() { armed = false })
		b.awaitActiveAbove(1)
		if d := b.cluster().Durability; d.Quorum != 1 || d.Mode != registry.ModeQuorum || len(d.Voters) != 5 {
			t.Errorf("the rule is now %+v", d)
		}
		e.stop(t)
	})
}

// An answer that comes a little after there are enough still improves the choice.
func TestLateAnswerImprovesTheChoice(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		b.add("node-1")
		b.add("node-2")
		n3 := b.add("node-3")
		n3.set(func() { n3.tail = record.Pos{Epoch: 1, Revision: 9} })
		e := b.elector("e1", func(o *Options) {
			o.Dialer = &dialer{b: b, fault: func(call string) error {
				if call == "state node-3" || call == "promise node-3" {
					time.Sleep(lateGrace / 2)
				}
				return nil
			}}
		})
		if got := b.awaitActiveAbove(0); got != n3 {
			t.Errorf("chose %s", got.id)
		}
		e.stop(t)
	})
}

// A promise counts only if it is of the epoch asked for: this one is of a node whose
// disk says something else than its answer.
func TestPromiseOfAnotherEpoch(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n := b.add("node-1")
		e := b.elector("e1")
		b.awaitPrimary(n)
		conn := e.office.Load().node("node-1")
		n.set(func() { n.forgets = true })
		if s, err := conn.askPromise(t.Context(), 7); err == nil {
			t.Errorf("taken for a promise of epoch 7: %v", s)
		}
		n.set(func() { n.forgets = false })
		if s, err := conn.askPromise(t.Context(), 7); err != nil || s.PromisedEpoch != 7 {
			t.Errorf("%v, %v", s, err)
		}
		e.stop(t)
	})
}
