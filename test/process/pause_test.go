//go:build linux

package process

import (
	"context"
	"slices"
	"syscall"
	"testing"
	"time"
)

// TestPausedPrimary stops the Primary in the midst of writes and lets it go on only
// after another node has been elected and has acknowledged writes of its own.
func TestPausedPrimary(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	ctx := t.Context()
	c.follow()
	procs := map[string]*proc{"node-1": c.startNode("node-1"), "node-2": c.startNode("node-2")}
	for id, p := range procs { // known to the elector from the start
		c.awaitHealth(ctx, p, id, "/healthz", "is up", func(h health) bool { return h.OK })
	}
	c.startElector("elector-1")
	id1 := c.awaitAnyActive(ctx)
	id2 := map[string]string{"node-1": "node-2", "node-2": "node-1"}[id1]
	node1, node2 := procs[id1], procs[id2]
	epoch := c.awaitActive(ctx, node1, id1).Epoch
	h, cl1, cl2 := newHistory(), c.client(id1), c.client(id2)
	w1, w2 := startWatcher(t, cl1), startWatcher(t, cl2)
	l1 := impatientLoad(t, h, cl1, "a")
	l1.more(t, ctx, 100)

	node1.signal(syscall.SIGSTOP)
	paused := time.Now()
	second := c.awaitActive(ctx, node2, id2)
	if second.Epoch <= epoch {
		t.Errorf("%s reigns in epoch %d, %s did in %d", id2, second.Epoch, id1, epoch)
	}
	t.Logf("%s is active %v after %s was paused", id2, time.Since(paused).Round(time.Millisecond), id1)
	l2 := startLoad(t, h, cl2, "b")
	l2.more(t, ctx, 50)
	l3 := impatientLoad(t, h, cl1, "c") // which comes to a door that is shut
	l2.more(t, ctx, 50)

	node1.signal(syscall.SIGCONT)
	l2.more(t, ctx, 50)
	c.awaitHealth(ctx, node1, id1, "/healthz", "is no longer Primary", func(h health) bool { return h.PrimaryState == "PRIMARY_STATE_REPLICA" })
	if !c.refusesReads(ctx, cl1) {
		t.Errorf("%s answered a linearizable read though it is not the Primary", id1)
	}
	l1.abort()
	l3.abort()

	// The successor dies; the first has to take everything from the log before it
	// reigns again, and the watches on it go on where they were.
	l2.stop()
	seen := h.acked.Load()
	node2.kill()
	third := c.awaitActive(ctx, node1, id1)
	if third.Epoch <= second.Epoch {
		t.Errorf("%s reigns in epoch %d, %s did in %d", id1, third.Epoch, id2, second.Epoch)
	}
	if third.Revision < seen {
		t.Errorf("%s became active at revision %d, but %d was known", id1, third.Revision, seen)
	}
	l4 := startLoad(t, h, cl1, "d")
	l4.more(t, ctx, 50)
	l4.stop()
	w2.stop()
	c.conclude(ctx, h, w1, cl1)
	w2.agrees(t, w1)
}

// impatientLoad starts writers that never rest, so that some of their writes are
// under way at any moment, and that never give up an op.
func impatientLoad(t testing.TB, h *history, c *client, name string) *load {
	l := newLoad(h, c, name)
	l.pace, l.limit = 0, eventTimeout
	l.start(t)
	return l
}

// refusesReads asks for a linearizable read and reports whether there was no answer.
func (c *cluster) refusesReads(ctx context.Context, cl *client) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_, err := cl.get(ctx, counterKey)
	return err != nil
}

// agrees checks that what a watch saw, before its node died, is how the whole of
// another begins.
func (w *watcher) agrees(t testing.TB, whole *watcher) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	whole.mu.Lock()
	defer whole.mu.Unlock()
	if len(w.events) == 0 || len(w.events) > len(whole.events) || !slices.Equal(w.events, whole.events[:len(w.events)]) {
		t.Errorf("a watch of the dead node saw %d events that are not how the %d of the living one begin", len(w.events), len(whole.events))
	}
}
