//go:build linux

package process

import "testing"

// TestEmbeddedElector: one process is a whole cluster.
func TestEmbeddedElector(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	ctx := t.Context()
	node := c.startNode("node-1", "--with-elector")
	c.awaitActive(ctx, node, "node-1")
	h, cl := newHistory(), c.client("node-1")
	w := startWatcher(t, cl)
	l := startLoad(t, h, cl, "w")
	l.more(t, ctx, 50)
	node.kill()
	node = c.startNode("node-1", "--with-elector")
	c.awaitActive(ctx, node, "node-1")
	l.more(t, ctx, 50)
	if code := node.stop(); code != 0 {
		t.Fatalf("exit status %d", code)
	}
	node = c.startNode("node-1", "--with-elector")
	c.awaitActive(ctx, node, "node-1")
	l.more(t, ctx, 50)
	l.stop()
	c.conclude(ctx, h, w, cl)
}
