//go:build linux

package process

import (
	"testing"

	"github.com/netsy-io/netsy/test/internal/check"
	"github.com/netsy-io/netsy/test/internal/load"
	"github.com/netsy-io/netsy/test/internal/proc"
)

// unanswered counts the ops that got neither yes nor no.
func unanswered(o check.Op) bool { return o.Err != nil }

// TestElectorGone restarts and kills the elector while clients write: the Primary
// goes on without it, and no write fails.
func TestElectorGone(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	ctx := t.Context()
	elector := c.startElector("elector-1")
	node := c.startNode("node-1")
	before := c.awaitActive(ctx, node, "node-1")
	h, cl := check.NewHistory(), c.client("node-1")
	w := load.Watch(t, cl, 1)
	l := load.Start(t, h, cl, "w")
	l.More(t, ctx, 50)

	if code := elector.Stop(); code != 0 {
		t.Fatalf("elector: exit status %d", code)
	}
	l.More(t, ctx, 50)
	elector = c.startElector("elector-1")
	c.awaitInOffice(ctx, elector, "elector-1")
	l.More(t, ctx, 50)
	elector.Kill()
	l.More(t, ctx, 50)
	elector = c.startElector("elector-1")
	c.awaitInOffice(ctx, elector, "elector-1") // which takes until its own old lock is stale
	l.More(t, ctx, 50)

	if after := c.awaitActive(ctx, node, "node-1"); after.Epoch != before.Epoch {
		t.Errorf("the Primary's epoch went from %d to %d, though only electors came and went", before.Epoch, after.Epoch)
	}
	for _, o := range h.Ops() {
		if unanswered(o) {
			t.Errorf("%v failed, though the Primary was there all the time", o)
		}
	}
	l.Stop()
	c.conclude(ctx, h, w, cl)
}

// TestNodeAndElectorKilled kills both and starts them again, in either order.
func TestNodeAndElectorKilled(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	ctx := t.Context()
	elector := c.startElector("elector-1")
	node := c.startNode("node-1")
	c.awaitActive(ctx, node, "node-1")
	h, cl := check.NewHistory(), c.client("node-1")
	w := load.Watch(t, cl, 1)
	l := load.Start(t, h, cl, "w")
	for _, electorFirst := range []bool{true, false} {
		l.More(t, ctx, 50)
		node.Kill()
		elector.Kill()
		if electorFirst {
			elector = c.startElector("elector-1")
			c.awaitInOffice(ctx, elector, "elector-1")
			node = c.startNode("node-1")
		} else {
			node = c.startNode("node-1")
			c.awaitHealth(ctx, node, "node-1", "/healthz", "is up, without a Primary", func(h proc.Health) bool { return h.OK && !h.HasLeader })
			elector = c.startElector("elector-1")
		}
		c.awaitActive(ctx, node, "node-1")
	}
	l.More(t, ctx, 50)
	l.Stop()
	c.conclude(ctx, h, w, cl)
}
