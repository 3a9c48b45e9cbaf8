//go:build linux

package faults

import (
	"slices"
	"testing"
	"time"
)

var usual = []string{"node-1", "node-2", "node-3", "elector-1", "elector-2"}

// three starts three nodes, all voters, and two electors, with clients at work.
func three(t *testing.T) (*cluster, *use) {
	t.Helper()
	c := newCluster(t, nil, usual...)
	c.startAll()
	c.awaitVoters()
	u := c.use(t)
	u.more(50)
	return c, u
}

// deposed waits until another than old is active.
func (c *cluster) deposed(old string) (active string) {
	c.t.Helper()
	for active = c.awaitActive(); active == old; active = c.awaitActive() {
		select {
		case <-time.After(heartbeat): // until it is found out
		case <-c.ctx.Done():
			c.t.Fatal(c.ctx.Err())
		}
	}
	return active
}

// other returns a node that isn't the one.
func (c *cluster) other(node string) string {
	for _, id := range c.nodes() {
		if id != node {
			return id
		}
	}
	return ""
}

// TestKills kills the Primary, a replica, and both at once.
func TestKills(t *testing.T) {
	c, u := three(t)
	first := c.awaitActive()
	c.kill(first)
	second := c.deposed(first)
	u.more(50)
	c.start(first)
	c.awaitVoters()
	u.more(50)
	replica := c.other(second)
	c.kill(replica)
	u.more(50)
	c.start(replica)
	c.awaitVoters()
	c.kill(c.awaitActive())
	for _, id := range c.nodes() { // one more, so that no majority is left
		if c.members[id].Running() {
			c.kill(id)
			break
		}
	}
	for _, id := range c.nodes() {
		if !c.members[id].Running() {
			c.start(id)
		}
	}
	c.awaitActive()
	u.more(50)
	u.conclude()
}

// TestAllKilled kills everything at once, in the midst of writes by receipts.
func TestAllKilled(t *testing.T) {
	c, u := three(t)
	for range 2 {
		u.more(50)
		for _, id := range c.names(nil) {
			c.kill(id)
		}
		for _, id := range c.names(nil) {
			c.start(id)
		}
		c.awaitActive()
	}
	u.more(50)
	u.conclude()
}

// TestElectorGone kills the elector in office, and then every elector, while clients
// write and read everywhere: nothing fails.
func TestElectorGone(t *testing.T) {
	c, u := three(t)
	before, err := c.clusterJSON()
	c.must(err)
	c.kill(c.inOffice())
	u.more(200)
	c.inOffice() // the other
	u.more(100)
	for _, id := range c.electors() {
		if c.members[id].Running() {
			c.kill(id)
		}
	}
	u.more(300)
	for _, o := range u.unanswered() {
		t.Errorf("%v failed, though only electors were killed", o)
	}
	for _, id := range c.electors() {
		c.start(id)
	}
	c.inOffice()
	u.more(50)
	if after, err := c.clusterJSON(); err != nil || after.Epoch != before.Epoch {
		t.Errorf("epoch %d became epoch %d (%v), though only electors were killed", before.Epoch, after.Epoch, err)
	}
	u.conclude()
}

// TestWiped deletes the disk of a replica and then of the Primary.
func TestWiped(t *testing.T) {
	c, u := three(t)
	for _, replica := range []bool{true, false} {
		victim := c.awaitActive()
		if replica {
			victim = c.other(victim)
		}
		c.wipe(victim)
		c.start(victim)
		u.more(50)
		c.awaitVoters()
		u.more(50)
	}
	u.conclude()
}

// TestRollingRestart restarts each process in turn with SIGTERM.
func TestRollingRestart(t *testing.T) {
	c, u := three(t)
	for _, id := range c.names(nil) {
		c.stop(id)
		u.more(20)
		c.start(id)
		c.awaitVoters()
		u.more(20)
	}
	u.conclude()
}

// TestPaused pauses the Primary until another reigns, and lets it go on.
func TestPaused(t *testing.T) {
	c, u := three(t)
	for range 3 {
		old := c.awaitActive()
		c.pause(old)
		c.deposed(old)
		u.more(50)
		c.goOn(old)
		u.more(50)
		c.awaitVoters()
	}
	u.conclude()
}

// TestPartitions cuts members off from each other in every way that matters.
func TestPartitions(t *testing.T) {
	for name, s := range map[string]struct {
		links   func(c *cluster, primary string) []link
		mood    mood // of the Primary's way to the bucket
		deposes bool // surely
	}{
		"the Primary from all":          {links: func(c *cluster, p string) []link { return between([]string{p}, c.others(p)) }, mood: unreachable, deposes: true},
		"the Primary from members":      {links: func(c *cluster, p string) []link { return between([]string{p}, c.others(p)) }, deposes: true},
		"the Primary from electors":     {links: func(c *cluster, p string) []link { return between([]string{p}, c.electors()) }, deposes: true},
		"the Primary from replicas":     {links: func(c *cluster, p string) []link { return between([]string{p}, c.nodes()) }},
		"the Primary from the bucket":   {mood: late},
		"what the Primary sends":        {links: func(c *cluster, p string) []link { return oneWay(p, c.others(p)) }, deposes: true},
		"what is sent to the Primary":   {links: func(c *cluster, p string) []link { return oneWay(p, c.others(p), reversed) }, deposes: true},
		"a replica from all":            {links: func(c *cluster, p string) []link { o := c.other(p); return between([]string{o}, c.others(o)) }},
		"an elector from all":           {links: func(c *cluster, _ string) []link { e := c.inOffice(); return between([]string{e}, c.others(e)) }},
		"the electors from the members": {links: func(c *cluster, _ string) []link { return between(c.electors(), c.nodes()) }},
	} {
		t.Run(name, func(t *testing.T) {
			c, u := three(t)
			p := c.awaitActive()
			var links []link
			if s.links != nil {
				links = s.links(c, p)
			}
			c.net.split(true, links...)
			if s.mood != "" {
				c.members[p].store.is(s.mood)
			}
			if s.deposes {
				c.deposed(p)
				u.more(50)
			}
			<-time.After(3 * priorTimeout) // of use while it lasts
			c.net.split(false, links...)
			c.members[p].store.is(well)
			c.awaitActive()
			u.more(50)
			c.awaitVoters()
			u.more(50)
			u.conclude()
		})
	}
}

// reversed makes oneWay cut the other way.
const reversed = true

func oneWay(a string, others []string, reversed ...bool) (links []link) {
	for _, l := range between([]string{a}, others) {
		if (l.from == a) != slices.Contains(reversed, true) {
			links = append(links, l)
		}
	}
	return links
}

// TestMoods: the bucket fails all members in one way after the other. Writes by
// receipts go on while it can be done without.
func TestMoods(t *testing.T) {
	c, u := three(t)
	for _, m := range []mood{refusing, losing, slow, unreachable, late} {
		t.Logf("the bucket is %s", m)
		for _, id := range c.names(nil) {
			c.members[id].store.is(m)
		}
		u.more(50)
		<-time.After(2 * priorTimeout) // longer than a reign that can't be proved
		for _, id := range c.names(nil) {
			c.members[id].store.is(well)
		}
		c.awaitActive()
		u.more(50)
	}
	u.conclude()
}

// TestSlowLinks: every message takes its time, in one direction more than in the other.
func TestSlowLinks(t *testing.T) {
	c, u := three(t)
	for i, l := range between(c.names(nil), c.names(nil)) {
		c.net.slow(time.Duration(5+10*(i%2))*time.Millisecond, l)
	}
	u.more(200)
	u.conclude()
}

// TestOneToThreeToOne: nodes join a cluster of one and leave it again.
func TestOneToThreeToOne(t *testing.T) {
	c := newCluster(t, func(cfg map[string]any) {
		cfg["elector"].(map[string]any)["deregistration_timeout"] = "10s"
	}, "node-1", "elector-1", "elector-2")
	c.startAll()
	u := c.use(t)
	u.more(50)
	for _, id := range []string{"node-2", "node-3"} {
		c.add(id)
		c.start(id)
		u.more(20)
		u.at(t, id)
		u.more(20)
	}
	c.awaitVoters()
	u.more(50)
	for len(c.nodes()) > 1 {
		gone := c.awaitActive()
		c.kill(gone)
		u.leave(gone)
		delete(c.members, gone)
		c.awaitActive()
		u.more(50)
		c.awaitNoVoter(gone) // only then can the next be done without
	}
	u.conclude()
}
