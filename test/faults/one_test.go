//go:build linux

package faults

import (
	"testing"
	"time"
)

// TestOneNode: a node and two electors, killed in turn, through an object storage in
// every mood.
func TestOneNode(t *testing.T) {
	c := newCluster(t, nil, "node-1", "elector-1", "elector-2")
	c.startAll()
	u := c.use(t)
	u.more(50)
	c.kill("node-1")
	c.start("node-1")
	c.awaitActive()
	u.more(50)
	c.kill(c.inOffice())
	u.more(50)
	for _, id := range c.electors() {
		if !c.members[id].Running() {
			c.start(id)
		}
	}
	for _, m := range []mood{refusing, losing, slow, unreachable, late} {
		t.Logf("the bucket is %s", m)
		c.members["node-1"].store.is(m)
		if m == unreachable || m == late {
			<-time.After(3 * time.Second) // longer than a reign without proof
		} else {
			u.more(5)
		}
		c.members["node-1"].store.is(well)
		u.more(20)
	}
	u.conclude()
}
