//go:build linux

package process

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/objectstore/file"
	"github.com/netsy-io/netsy/pkg/verify"
	"github.com/netsy-io/netsy/test/internal/check"
	"github.com/netsy-io/netsy/test/internal/load"
	"github.com/netsy-io/netsy/test/internal/proc"
)

// compactorMoments are when a compactor is killed: when it has just said this, or, if it
// is empty, after some more acknowledged writes.
var compactorMoments = []string{"event=snapshot_written", "event=compactor_step", "", "event=leader_lock_taken"}

// TestKilledCompactor kills compactors while a node is written to, which now and then
// loses its data and has to load what they left.
func TestKilledCompactor(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.writeConfig(func(cfg map[string]any) {
		cfg["snapshot"] = map[string]any{"threshold_records": 20, "retention": "10m", "keep": 2}
	})
	ctx, rnd := t.Context(), random(t)
	node := c.startNode("node-1", "--with-elector")
	c.awaitActive(ctx, node, "node-1")
	h, cl := check.NewHistory(), c.client("node-1")
	w := load.Watch(t, cl, 1)
	l := load.Start(t, h, cl, "w")
	for range 2 { // snapshots, so that there is something to free
		l.More(t, ctx, 30)
		c.compactOnce(ctx)
	}
	for round := range rounds(t, 8) {
		l.More(t, ctx, 30+rnd.Int64N(100))
		c.growOld()
		moment := compactorMoments[round%len(compactorMoments)]
		p := c.startCompactor("--interval", "1s")
		awaitMoment(ctx, t, p, moment, rnd)
		t.Logf("round %d: killed (moment %q) at revision %d", round, moment, h.Acked())
		p.Kill()
		if err := os.Remove(filepath.Join(c.objects, "leader", "compactor.json")); !errors.Is(err, fs.ErrNotExist) {
			c.must(err) // the lock's holder is dead: nobody need wait
		}
		if round%2 == 1 {
			node.Kill()
			if rnd.IntN(2) == 0 {
				c.must(os.RemoveAll(c.node("node-1").data))
			}
			node = c.startNode("node-1", "--with-elector")
			c.awaitActive(ctx, node, "node-1")
		}
	}
	l.More(t, ctx, 30)
	l.Stop()
	c.growOld()
	c.compactOnce(ctx)
	c.conclude(ctx, h, w, cl)
	c.verify(ctx)
}

func (c *cluster) startCompactor(args ...string) *proc.Proc {
	c.t.Helper()
	if c.nodes["compactor"] == nil {
		c.nodes["compactor"] = &nodeSpec{id: "compactor", health: proc.FreeAddr(c.t)}
	}
	n := c.nodes["compactor"]
	return c.launch(n, "netsy-compactor", map[string]string{"NETSY_CONFIG": c.config, "NETSY_BIND_HEALTH": n.health, "NETSY_LOG_LEVEL": "debug"}, args)
}

// compactOnce runs a compactor to its end, as a timer does.
func (c *cluster) compactOnce(ctx context.Context) {
	c.t.Helper()
	p := c.startCompactor("--once")
	select {
	case <-p.Done:
	case <-ctx.Done():
	}
	if p.Running() || p.State().ExitCode() != 0 {
		c.t.Fatalf("netsy-compactor --once: %v", p.State())
	}
}

// growOld makes what is in the log, and what stands for it, two hours older.
func (c *cluster) growOld() {
	c.t.Helper()
	old := time.Now().Add(-2 * time.Hour)
	for _, dir := range []string{"chunks", "snapshots"} {
		names, err := filepath.Glob(filepath.Join(c.objects, dir, "*.netsy"))
		c.must(err)
		for i, name := range names {
			c.must(os.Chtimes(name, old, old.Add(time.Duration(i)))) // each its own version
		}
	}
}

// verify reads the whole bucket as an operator does.
func (c *cluster) verify(ctx context.Context) {
	c.t.Helper()
	store, err := file.Open(ctx, file.Config{Dir: c.objects})
	c.must(err)
	r, err := verify.Run(ctx, verify.Options{Store: store, ClusterID: clusterID})
	c.must(err)
	for _, f := range r.Findings {
		if f.Severity != verify.Note {
			c.t.Errorf("verify: %v", f)
		}
	}
	if r.Totals.Snapshots < 2 || r.Totals.Tombstones == 0 {
		c.t.Errorf("nothing was freed: %+v", r.Totals)
	}
	c.t.Logf("%+v", r.Totals)
}
