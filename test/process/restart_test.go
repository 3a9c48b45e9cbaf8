//go:build linux

package process

import (
	"strings"
	"testing"
)

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
		notChosenWhileStopping(t, node)
		node = c.startNode("node-1")
		c.awaitActive(ctx, node, "node-1")
	}
	l.more(t, ctx, 50)
	l.stop()
	c.conclude(ctx, h, w, cl)
	for _, p := range []*proc{node, elector} {
		if code := p.stop(); code != 0 {
			t.Errorf("%s: exit status %d", p.name, code)
		}
	}
}

// notChosenWhileStopping: an election of a node that is about to end is one in vain.
func notChosenWhileStopping(t testing.TB, p *proc) {
	t.Helper()
	_, after, ok := strings.Cut(p.out.String(), "event=node_stopping")
	if !ok {
		t.Errorf("%s does not say that it is stopping", p.name)
	}
	if strings.Contains(after, "event=primary_starting") {
		t.Errorf("%s began a reign after it had begun to stop", p.name)
	}
}
