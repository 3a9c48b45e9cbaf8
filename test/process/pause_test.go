//go:build linux

package process

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/netsy-io/netsy/test/internal/check"
	"github.com/netsy-io/netsy/test/internal/load"
	"github.com/netsy-io/netsy/test/internal/proc"
)

// TestPausedPrimary stops the Primary in the midst of writes and lets it go on only
// after the other node has been elected and has acknowledged writes of its own; then
// the same to that one, and so on. At last the Primary dies, and the one before it
// has to take everything from the log.
func TestPausedPrimary(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	ctx := t.Context()
	c.follow()
	p := pauses{cluster: c, h: check.NewHistory(), clients: map[string]*load.Client{}, watchers: map[string]*load.Watcher{}}
	p.procs = map[string]*proc.Proc{"node-1": c.startNode("node-1"), "node-2": c.startNode("node-2")}
	for id, n := range p.procs { // known to the elector from the start
		c.awaitHealth(ctx, n, id, "/healthz", "is up", func(h proc.Health) bool { return h.OK })
		p.clients[id] = c.client(id)
		p.watchers[id] = load.Watch(t, p.clients[id], 1)
	}
	c.startElector("elector-1")
	active := c.awaitAnyActive(ctx)
	for range rounds(t, 4) {
		active = p.pause(ctx, active)
	}

	before, seen := c.awaitActive(ctx, p.procs[active], active), p.h.Acked()
	p.procs[active].Kill()
	p.watchers[active].Stop()
	last := other(active)
	after := c.awaitActive(ctx, p.procs[last], last)
	if after.Epoch <= before.Epoch || after.Revision < seen {
		t.Errorf("%s became active in epoch %d at revision %d; before it was epoch %d, and revision %d was known", last, after.Epoch, after.Revision, before.Epoch, seen)
	}
	l := load.Start(t, p.h, p.clients[last], "end")
	l.More(t, ctx, 50)
	l.Stop()
	c.conclude(ctx, p.h, p.watchers[last], p.clients[last], p.watchers[active])
}

// pauses is a cluster of two nodes.
type pauses struct {
	*cluster
	h        *check.History
	procs    map[string]*proc.Proc
	clients  map[string]*load.Client
	watchers map[string]*load.Watcher
	paused   int
}

func other(node string) string {
	return map[string]string{"node-1": "node-2", "node-2": "node-1"}[node]
}

// pause has active deposed while it is paused, and returns its successor.
func (p *pauses) pause(ctx context.Context, active string) (successor string) {
	p.t.Helper()
	p.paused++
	name := func(s string) string { return fmt.Sprintf("%s%d", s, p.paused) }
	successor = other(active)
	node, epoch := p.procs[active], p.awaitActive(ctx, p.procs[active], active).Epoch
	under := impatientLoad(p.t, p.h, p.clients[active], name("under-way"))
	under.More(p.t, ctx, 100)
	p.awaitLease(ctx, "elector-1") // that the paused node must not use

	p.freeze(p.t, ctx, node)
	began := time.Now()
	if got := p.awaitActive(ctx, p.procs[successor], successor).Epoch; got <= epoch {
		p.t.Errorf("%s reigns in epoch %d, %s did in %d", successor, got, active, epoch)
	}
	p.t.Logf("%s is active %v after %s was paused", successor, time.Since(began).Round(time.Millisecond), active)
	next := load.Start(p.t, p.h, p.clients[successor], name("next"))
	next.More(p.t, ctx, 50)
	late := impatientLoad(p.t, p.h, p.clients[active], name("late")) // which comes to a door that is shut
	next.More(p.t, ctx, 50)

	node.Signal(syscall.SIGCONT)
	next.More(p.t, ctx, 50)
	p.awaitHealth(ctx, node, active, "/healthz", "is no longer Primary", func(h proc.Health) bool { return h.PrimaryState == "PRIMARY_STATE_REPLICA" })
	under.Abort()
	late.Abort()
	next.Stop()
	return successor
}

// impatientLoad starts writers that never rest, so that some of their writes are
// under way at any moment, and that never give up an op.
func impatientLoad(t testing.TB, h *check.History, c *load.Client, name string) *load.Load {
	l := load.New(h, c, name)
	l.Pace, l.Limit = 0, proc.EventTimeout
	l.Work = append(l.Work, load.ReadOne, load.ReadOne, load.ReadOne, load.ReadOne)
	l.Start(t)
	return l
}
