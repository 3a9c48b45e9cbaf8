//go:build linux

package process

import (
	"context"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/netsy-io/netsy/test/internal/check"
	"github.com/netsy-io/netsy/test/internal/load"
	"github.com/netsy-io/netsy/test/internal/proc"
)

// moments at which a node is killed: when it has just written this, or, if it is
// empty, after some more acknowledged writes.
var moments = []string{
	"", "", "", // under load is where acknowledged writes can be lost
	"event=node_serving", "event=primary_starting", "event=caught_up", "event=preflight_sealed", "event=primary_active",
}

// TestKilledNode kills the node again and again: under load, right after its start,
// in the midst of taking over the log. Now and then it comes back without its data.
func TestKilledNode(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	ctx, rnd := t.Context(), random(t)
	c.startElector("elector-1")
	node := c.startNode("node-1")
	c.awaitActive(ctx, node, "node-1")
	h, cl := check.NewHistory(), c.client("node-1")
	w := load.Watch(t, cl, 1)
	l := load.Start(t, h, cl, "w")
	l.More(t, ctx, 20)
	for round := range rounds(t, 16) {
		moment := moments[round%len(moments)]
		wipe := rnd.IntN(3) == 0
		if moment == "" {
			l.More(t, ctx, 1+rnd.Int64N(100))
		}
		awaitMoment(ctx, t, node, moment, rnd)
		t.Logf("round %d: killed (moment %q, wiping %v) at revision %d", round, moment, wipe, h.Acked())
		node.Kill()
		if wipe {
			c.must(os.RemoveAll(c.node("node-1").data))
		}
		node = c.startNode("node-1")
	}
	c.awaitActive(ctx, node, "node-1")
	l.More(t, ctx, 50)
	l.Stop()
	c.conclude(ctx, h, w, cl)
}

// awaitMoment waits for the moment in the node's start that is of interest.
func awaitMoment(ctx context.Context, t testing.TB, node *proc.Proc, moment string, rnd *rand.Rand) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, proc.EventTimeout)
	defer cancel()
	if moment != "" {
		node.AwaitOutput(ctx, moment)
	}
	// Nothing is waited for here: rounds of the same kind are to differ.
	<-time.After(time.Duration(rnd.IntN(20)) * time.Millisecond)
}
