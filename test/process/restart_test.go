//go:build linux

package process

import "testing"

// TestGracefulRestart stops the node with SIGTERM while clients write, a few times.
func TestGracefulRestart(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	ctx := t.Context()
	elector := c.startElector("elector-1")
	node := c.startNode("node-1")
	c.awaitActive(ctx, node, "node-1")
	h, cl := newHistory(), c.client("node-1")
	w := startWatcher(t, cl)
	l := startLoad(t, h, cl, "w")
	for range 3 {
		l.more(t, ctx, 50)
		if code := node.stop(); code != 0 {
			t.Fatalf("exit status %d", code)
		}
		node = c.startNode("node-1")
		c.awaitActive(ctx, node, "node-1")
	}
	l.more(t, ctx, 50)
	l.stop()
	c.conclude(ctx, h, w, cl)
	if code := node.stop(); code != 0 {
		t.Errorf("node: exit status %d", code)
	}
	if code := elector.stop(); code != 0 {
		t.Errorf("elector: exit status %d", code)
	}
}
