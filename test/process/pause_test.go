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
	c.startElector("elector-1")
	node1 := c.startNode("node-1")
	epoch := c.awaitActive(ctx, node1, "node-1").Epoch
	node2 := c.startNode("node-2") // later, so that node-1 is the Primary
	h, cl1, cl2 := newHistory(), c.client("node-1"), c.client("node-2")
	w := startWatcher(t, cl2) // of node-2: it has to load everything from the log
	l1 := startLoad(t, h, cl1, "a")
	l1.more(t, ctx, 100)
	c.awaitHealth(ctx, node2, "node-2", "/healthz", "knows of the cluster", func(h health) bool { return h.Epoch > 0 })

	node1.signal(syscall.SIGSTOP)
	paused := time.Now()
	second := c.awaitActive(ctx, node2, "node-2")
	if second.Epoch <= epoch {
		t.Errorf("node-2 reigns in epoch %d, node-1 did in %d", second.Epoch, epoch)
	}
	t.Logf("node-2 is active %v after node-1 was paused", time.Since(paused).Round(time.Millisecond))
	l2 := startLoad(t, h, cl2, "b")
	l2.more(t, ctx, 50)
	readers := startReaders(t, h, cl1) // wait at the paused node's door
	l2.more(t, ctx, 20)

	node1.signal(syscall.SIGCONT)
	l2.more(t, ctx, 50)
	c.awaitHealth(ctx, node1, "node-1", "/healthz", "is no longer Primary", func(h health) bool { return h.PrimaryState == "PRIMARY_STATE_REPLICA" })
	l1.stop()
	readers.stop()
	if !c.refusesReads(ctx, cl1) {
		t.Error("node-1 answered a linearizable read though it is not the Primary, and could not ask it")
	}

	// The successor dies; node-1 has to take everything from the log before it reigns again.
	l2.stop()
	node2.kill()
	third := c.awaitActive(ctx, node1, "node-1")
	if third.Epoch <= second.Epoch {
		t.Errorf("node-1 reigns in epoch %d, node-2 did in %d", third.Epoch, second.Epoch)
	}
	l3 := startLoad(t, h, cl1, "c")
	l3.more(t, ctx, 50)
	l3.stop()
	w.stop()
	w1 := startWatcher(t, cl1)
	c.conclude(ctx, h, w1, cl1)
	w.agrees(t, w1)
}

// startReaders starts readers only.
func startReaders(t testing.TB, h *history, c *client) *load {
	l := &load{h: h, c: c, name: "readers"}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	t.Cleanup(l.stop)
	for range 4 {
		l.wg.Go(func() {
			for l.ctx.Err() == nil {
				l.read("", 0)
			}
		})
	}
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
