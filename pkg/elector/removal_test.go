package elector

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/registry"
)

// registered says whether a node's registration is there.
func (b *bed) registered(id string) bool {
	b.t.Helper()
	_, err := b.store.Stat(b.t.Context(), registry.NodeKey(id))
	if err != nil && !errors.Is(err, objectstore.ErrNotFound) {
		b.t.Fatal(err)
	}
	return err == nil
}

func (n *modelNode) ref() registry.NodeRef {
	n.b.mu.Lock()
	defer n.b.mu.Unlock()
	return registry.NodeRef{NodeID: n.id, Incarnation: n.incarnation}
}

func (b *bed) memberID(id string) uint64 {
	b.t.Helper()
	m, err := b.reg.Members(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return m.IDs[id]
}

// A replica that is gone is deregistered after the timeout, not before; when it is
// back it registers and is the member that it was.
func TestGoneNodeIsDeregistered(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n1 := b.add("node-1")
		e := b.elector("e1")
		b.awaitPrimary(n1)
		n2 := b.add("node-2")
		time.Sleep(time.Minute)
		member := b.memberID("node-2")
		n2.stop()
		time.Sleep(defaultDeregistrationTimeout - time.Second)
		if !b.registered("node-2") {
			t.Fatal("deregistered too soon")
		}
		time.Sleep(defaultDiscoverEvery + 2*time.Second)
		if b.registered("node-2") || b.memberID("node-2") != member || member == 0 {
			t.Errorf("registered %v, member id %d, was %d", b.registered("node-2"), b.memberID("node-2"), member)
		}
		if r := members(t, e); len(r) != 1 {
			t.Errorf("still a member: %v", r)
		}
		n2.start()
		time.Sleep(defaultDiscoverEvery)
		if r := members(t, e); len(r) != 2 || r[1].MemberId != member {
			t.Errorf("not a member again: %v", r)
		}
		if c := b.cluster(); c.Epoch != 1 {
			t.Errorf("epoch %d", c.Epoch)
		}
		e.stop(t)
	})
}

func members(t *testing.T, e *process) []*peerpb.Member {
	t.Helper()
	r, err := (&electionService{e: e.Elector}).ListMembers(t.Context(), &peerpb.ListMembersRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return r.Members
}

// orderly fails the test when a registration is deleted while the node is a voter.
func (b *bed) orderly(f *faulty) {
	f.plan = func(op, key string) fate {
		if op == "delete" {
			for _, v := range b.cluster().Durability.Voters {
				if registry.NodeKey(v.NodeID) == key {
					b.t.Errorf("%s deleted while %s is a voter", key, v)
				}
			}
		}
		return pass
	}
}

// A voter goes over the bridge first, one at a time, and only while a Primary reigns.
func TestGoneVoterGoesOverTheBridge(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n1, n2, n3, n4 := b.add("node-1"), b.add("node-2"), b.add("node-3"), b.add("node-4")
		b.quorum(n1, n2, n3, n4)
		n1.set(func() { n1.tail.Revision = 9 })
		f := &faulty{Store: b.store}
		b.orderly(f)
		e := b.elector("e1", func(o *Options) { o.Store = f })
		b.awaitPrimary(n1)
		gone := []registry.NodeRef{n3.ref(), n4.ref()}
		n3.stop()
		n4.kill()
		time.Sleep(defaultDeregistrationTimeout + defaultDiscoverEvery + 5*time.Second)
		if b.registered("node-3") || b.registered("node-4") {
			t.Error("not deregistered")
		}
		b.mu.Lock()
		// A look may fall between the removal and its answer: asking twice does no harm.
		if asked := slices.Compact(slices.Clone(n1.removed)); !slices.Equal(asked, gone) {
			t.Errorf("asked to remove %v, expected %v", asked, gone)
		}
		b.mu.Unlock()
		if d := b.cluster().Durability; !slices.Equal(d.Voters, []registry.NodeRef{n1.ref(), n2.ref()}) {
			t.Errorf("voters %v", d.Voters)
		}
		e.stop(t)
	})
}

// One that says that it leaves is seen off as soon as it has, and one that comes back
// before that stays.
func TestLeavingNode(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n1, n2, n3 := b.add("node-1"), b.add("node-2"), b.add("node-3")
		b.quorum(n1, n2, n3)
		n1.set(func() { n1.tail.Revision = 9 })
		f := &faulty{Store: b.store}
		b.orderly(f)
		e := b.elector("e1", func(o *Options) { o.Store = f })
		b.awaitPrimary(n1)
		time.Sleep(time.Minute)
		n3.set(func() { n3.leaving = true })
		time.Sleep(time.Hour)
		if !b.registered("node-3") {
			t.Error("deregistered while it is heard")
		}
		n3.stop()
		time.Sleep(time.Second)
		if b.registered("node-3") || slices.Contains(b.cluster().Durability.Voters, n3.ref()) {
			t.Error("gone, and still registered")
		}
		n3.set(func() { n3.leaving = false })
		n3.start()
		time.Sleep(time.Minute)
		if !b.registered("node-3") || len(members(t, e)) != 3 {
			t.Error("not back")
		}
		e.stop(t)
	})
}

// A node that registers again while its old registration is being deleted is kept.
func TestNodeThatIsBackIsKept(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n1 := b.add("node-1")
		f := &faulty{Store: b.store}
		var n2 *modelNode
		deletes := 0
		f.plan = func(op, _ string) fate {
			if op == "delete" {
				deletes++
				n2.start()
			}
			return pass
		}
		e := b.elector("e1", func(o *Options) { o.Store = f })
		b.awaitPrimary(n1)
		n2 = b.add("node-2")
		time.Sleep(time.Minute)
		n2.stop()
		time.Sleep(2 * defaultDeregistrationTimeout)
		if !b.registered("node-2") || deletes != 1 {
			t.Errorf("registered %v after %d deletions", b.registered("node-2"), deletes)
		}
		e.stop(t)
	})
}

// Deletions that go wrong in every way.
func TestDeletionsThatGoWrong(t *testing.T) {
	for _, what := range fates {
		t.Run(what.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *bed) {
				n1 := b.add("node-1")
				f := &faulty{Store: b.store}
				deletes := 0
				f.plan = func(op, _ string) fate {
					if op != "delete" {
						return pass
					}
					if deletes++; deletes > 1 {
						return pass
					}
					return what
				}
				e := b.elector("e1", func(o *Options) { o.Store = f })
				b.awaitPrimary(n1)
				n2 := b.add("node-2")
				time.Sleep(time.Minute)
				n2.stop()
				time.Sleep(2 * defaultDeregistrationTimeout)
				if b.registered("node-2") {
					t.Error("still registered")
				}
				n2.start()
				f.land()
				time.Sleep(time.Minute)
				if !b.registered("node-2") || !e.InOffice() || b.cluster().Epoch != 1 {
					t.Error("a late deletion took the new registration, or the office")
				}
				e.stop(t)
			})
		})
	}
}

// The Primary that cluster.json names, and whoever is registered alone, stay
// registered however long they are gone; and nothing happens without a Primary.
func TestWhoIsNeverDeregistered(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n1, n2, n3 := b.add("node-1"), b.add("node-2"), b.add("node-3")
		b.quorum(n1, n2, n3)
		e := b.elector("e1")
		p := b.awaitActiveAbove(1)
		for _, n := range []*modelNode{n1, n2, n3} {
			n.stop()
		}
		time.Sleep(time.Hour)
		for _, n := range []*modelNode{n1, n2, n3} {
			if !b.registered(n.id) {
				t.Errorf("%s is deregistered, without a Primary (it was %s)", n.id, p.id)
			}
		}
		e.stop(t)
	})
}

// A voter without its disk, or without a registration, is no voter any more as soon
// as a Primary reigns; a registration that can't be read proves nothing.
func TestVotersWithoutANode(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n1, n2, n3, n4 := b.add("node-1"), b.add("node-2"), b.add("node-3"), b.add("node-4")
		b.quorum(n1, n2, n3, n4)
		e := b.elector("e1")
		p := b.awaitActiveAbove(1)
		others := slices.DeleteFunc([]*modelNode{n1, n2, n3, n4}, func(n *modelNode) bool { return n == p })
		wiped, lost, damaged := others[0], others[1], others[2]
		old := wiped.ref()
		wiped.kill()
		wiped.wipe()
		wiped.start()
		time.Sleep(defaultDiscoverEvery + time.Second)
		if v := b.cluster().Durability.Voters; slices.Contains(v, old) || len(v) != 3 || !b.registered(wiped.id) {
			t.Errorf("voters %v after %s lost its disk", v, wiped.id)
		}
		if _, err := b.store.Put(t.Context(), registry.NodeKey(damaged.id), []byte("{"), objectstore.Always()); err != nil {
			t.Fatal(err)
		}
		if err := b.store.Delete(t.Context(), registry.NodeKey(lost.id), objectstore.Always()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if v := b.cluster().Durability.Voters; len(v) != 3 {
			t.Errorf("voters %v while a registration can't be read", v)
		}
		if err := b.store.Delete(t.Context(), registry.NodeKey(damaged.id), objectstore.Always()); err != nil {
			t.Fatal(err)
		}
		damaged.start()
		time.Sleep(time.Minute)
		if v := b.cluster().Durability.Voters; slices.Contains(v, lost.ref()) || !slices.Contains(v, damaged.ref()) || len(v) != 2 {
			t.Errorf("voters %v, expected %s and %s", v, p.id, damaged.id)
		}
		e.stop(t)
	})
}

// A Primary that refuses, is deaf, or dies while it is asked: the next look asks
// again, whoever is Primary then; elections don't wait for it.
func TestRemovalThatFails(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n1, n2, n3 := b.add("node-1"), b.add("node-2"), b.add("node-3")
		b.quorum(n1, n2, n3)
		n1.set(func() { n1.tail.Revision = 9 })
		asked := 0
		e := b.elector("e1", func(o *Options) {
			o.Dialer = &dialer{b: b, fault: func(call string) error {
				if !strings.HasPrefix(call, "remove") {
					return nil
				}
				b.mu.Lock()
				asked++
				first, second := asked == 1, asked == 2
				b.mu.Unlock()
				switch {
				case first:
					return errUnreachable
				case second:
					n1.kill()
				}
				return nil
			}}
		})
		b.awaitPrimary(n1)
		n3.stop()
		b.await("asked twice", func() bool { return asked >= 2 })
		if !b.registered("node-3") {
			t.Error("deregistered while a voter")
		}
		died := time.Now()
		n1.start()
		b.awaitActiveAbove(2)
		if d := time.Since(died); d > 2*defaultPrimaryPriorTimeout {
			t.Errorf("the next reign took %v", d)
		}
		time.Sleep(time.Minute)
		if b.registered("node-3") || slices.Contains(b.cluster().Durability.Voters, n3.ref()) {
			t.Error("not deregistered in the end")
		}
		e.stop(t)
	})
}

// A bridge that takes its time is asked for once, and an election doesn't wait for it.
func TestSlowRemoval(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n1, n2, n3 := b.three()
		asked, under := 0, 0
		e := b.elector("e1", func(o *Options) {
			o.Dialer = &dialer{b: b, fault: func(call string) error {
				if strings.HasPrefix(call, "remove") {
					b.mu.Lock()
					asked++
					if under++; under > 1 {
						t.Error("asked twice at once")
					}
					b.mu.Unlock()
					time.Sleep(removalTimeout - time.Second)
					b.mu.Lock()
					under--
					b.mu.Unlock()
				}
				return nil
			}}
		})
		b.awaitPrimary(n1)
		n2.set(func() { n2.tail = n1.tail })
		n3.set(func() { n3.leaving = true })
		time.Sleep(time.Minute)
		n3.stop()
		time.Sleep(time.Second)
		n2.kill() // a new registration, so looks come often
		n2.start()
		time.Sleep(removalTimeout / 2)
		b.mu.Lock()
		if asked != 1 {
			t.Errorf("asked %d times", asked)
		}
		b.mu.Unlock()
		begun := time.Now()
		n1.set(func() { n1.primary, n1.leaseEnd = replica, time.Time{} })
		b.await("the next reign", func() bool { return n1.served > 2 || n2.served > 2 })
		if d := time.Since(begun); d > lateGrace+2*changePause {
			t.Errorf("the next reign began after %v", d)
		}
		time.Sleep(2 * time.Minute)
		if b.registered("node-3") {
			t.Error("not deregistered in the end")
		}
		e.stop(t)
	})
}

// An elector that has lost its lock, and doesn't know it yet, deregisters nobody.
func TestPausedElectorDeregistersNobody(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		b.add("node-1")
		b.add("node-2")
		f := &faulty{Store: b.store}
		e := b.elector("e1", func(o *Options) { o.Store = f })
		b.awaitActiveAbove(0)
		stale := &office{e: &Elector{opt: e.opt, reg: b.reg, lock: e.lock}} // its request is on the way
		f.die()
		time.Sleep(time.Minute)
		n, err := b.reg.Node(t.Context(), "node-2")
		if err != nil {
			t.Fatal(err)
		}
		if err := stale.delete(t.Context(), n); err != nil || !b.registered("node-2") {
			t.Errorf("deregistered: %v", err)
		}
		e.stop(t)
	})
}

// A Primary that starts, or drains, isn't asked for anything.
func TestOnlyAnActivePrimaryIsAsked(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n1, _, n3 := b.three()
		e := b.elector("e1")
		b.awaitPrimary(n1)
		time.Sleep(time.Minute)
		n1.set(func() { n1.primary = draining })
		n3.stop()
		time.Sleep(time.Hour)
		b.mu.Lock()
		if len(n1.removed) > 0 {
			t.Errorf("asked to remove %v", n1.removed)
		}
		b.mu.Unlock()
		if !b.registered("node-3") {
			t.Error("deregistered while a voter")
		}
		e.stop(t)
	})
}

// A registration that is new, by a start or a disk, is a sign of life: what was heard
// before it counts no more.
func TestNewRegistrationIsASignOfLife(t *testing.T) {
	long := time.Now().Add(-time.Hour)
	node := func(incarnation string, starts int64, version string) registry.Node {
		return registry.Node{NodeID: "n1", Incarnation: incarnation, StartCount: starts, Version: version}
	}
	for name, c := range map[string]struct {
		now  registry.Node
		life bool
	}{
		"the same": {node("i", 1, "a"), false}, "another version": {node("i", 1, "b"), false},
		"a start": {node("i", 2, "a"), true}, "a disk": {node("j", 1, "a"), true},
	} {
		conn := &conn{reg: node("i", 1, "a"), heard: long, leaves: true}
		if got := conn.register(c.now); got != c.life || conn.heard.Equal(long) == c.life || conn.leaves == c.life || conn.reg.Version != c.now.Version {
			t.Errorf("%s: changed %v, heard %v ago, leaves %v", name, got, time.Since(conn.heard), conn.leaves)
		}
	}
}

// One that has started, but can't be reached, has the whole timeout from its start.
func TestStartedAndUnreachable(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n1 := b.add("node-1")
		e := b.elector("e1")
		b.awaitPrimary(n1)
		n2 := b.add("node-2")
		time.Sleep(time.Minute)
		n2.stop()
		time.Sleep(2 * time.Minute)
		n2.start()
		n2.stop()
		time.Sleep(2 * time.Minute)
		if !b.registered("node-2") {
			t.Error("deregistered two minutes after its start")
		}
		time.Sleep(2 * time.Minute)
		if b.registered("node-2") {
			t.Error("still registered")
		}
		e.stop(t)
	})
}
