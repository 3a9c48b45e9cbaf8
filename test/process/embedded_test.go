//go:build linux

package process

import (
	"testing"

	"github.com/netsy-io/netsy/test/internal/check"
	"github.com/netsy-io/netsy/test/internal/load"
)

// TestEmbeddedElector: one process is a whole cluster.
func TestEmbeddedElector(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	ctx := t.Context()
	node := c.startNode("node-1", "--with-elector")
	c.awaitActive(ctx, node, "node-1")
	h, cl := check.NewHistory(), c.client("node-1")
	w := load.Watch(t, cl, 1)
	l := load.Start(t, h, cl, "w")
	l.More(t, ctx, 50)
	node.Kill()
	node = c.startNode("node-1", "--with-elector")
	c.awaitActive(ctx, node, "node-1")
	l.More(t, ctx, 50)
	if code := node.Stop(); code != 0 {
		t.Fatalf("exit status %d", code)
	}
	node = c.startNode("node-1", "--with-elector")
	c.awaitActive(ctx, node, "node-1")
	l.More(t, ctx, 50)
	l.Stop()
	c.conclude(ctx, h, w, cl)
}
