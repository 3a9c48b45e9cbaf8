//go:build linux

package process

import (
	"strings"
	"testing"

	"github.com/netsy-io/netsy/test/internal/check"
	"github.com/netsy-io/netsy/test/internal/load"
	"github.com/netsy-io/netsy/test/internal/proc"
)

// TestGracefulRestart stops the node with SIGTERM while clients write, a few times.
func TestGracefulRestart(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	ctx := t.Context()
	elector := c.startElector("elector-1")
	node := c.startNode("node-1")
	c.awaitActive(ctx, node, "node-1")
	h, cl := check.NewHistory(), c.client("node-1")
	w := load.Watch(t, cl, 1)
	l := load.Start(t, h, cl, "w")
	for range 3 {
		l.More(t, ctx, 50)
		if code := node.Stop(); code != 0 {
			t.Fatalf("exit status %d", code)
		}
		notChosenWhileStopping(t, node)
		node = c.startNode("node-1")
		c.awaitActive(ctx, node, "node-1")
	}
	l.More(t, ctx, 50)
	l.Stop()
	c.conclude(ctx, h, w, cl)
	for _, p := range []*proc.Proc{node, elector} {
		if code := p.Stop(); code != 0 {
			t.Errorf("%s: exit status %d", p.Name, code)
		}
	}
}

// notChosenWhileStopping: an election of a node that is about to end is one in vain.
func notChosenWhileStopping(t testing.TB, p *proc.Proc) {
	t.Helper()
	_, after, ok := strings.Cut(p.Out.String(), "event=node_stopping")
	if !ok {
		t.Errorf("%s does not say that it is stopping", p.Name)
	}
	if strings.Contains(after, "event=primary_starting") {
		t.Errorf("%s began a reign after it had begun to stop", p.Name)
	}
}
