//go:build linux

package process

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/netsy-io/netsy/pkg/handover"
	"github.com/netsy-io/netsy/pkg/identity"
	"github.com/netsy-io/netsy/pkg/netsyctl"
	"github.com/netsy-io/netsy/pkg/objectstore/file"
	"github.com/netsy-io/netsy/pkg/registry"
	"github.com/netsy-io/netsy/test/internal/check"
	"github.com/netsy-io/netsy/test/internal/load"
	"github.com/netsy-io/netsy/test/internal/proc"
)

// TestStepDown passes the Primary from node to node while clients write through all of
// them, by netsyctl. What they saw is judged as after a crash: nothing is lost, nothing
// happens twice, reads are linearizable and watches complete. A node that was Primary and
// handed over goes on without a new start, and can be Primary again.
func TestStepDown(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	ctx := t.Context()
	c.issue("admin", identity.RoleAdmin, "tester")
	c.startElector("elector-1")
	nodes := map[string]*proc.Proc{}
	for i := range 3 {
		id := fmt.Sprintf("node-%d", i+1)
		nodes[id] = c.startNode(id)
	}
	h := check.NewHistory()
	var loads []*load.Load
	for id := range nodes {
		loads = append(loads, load.Start(t, h, c.client(id), id))
	}
	cl := c.client("node-1")
	w := load.Watch(t, cl, 1)
	load.More(t, ctx, h, 50)
	worst := 0.0
	for i := range rounds(t, 4) {
		to := fmt.Sprintf("node-%d", i%3+1)
		if i%4 == 3 {
			to = ""
		}
		r := c.handOver(ctx, to)
		t.Logf("from %s, epoch %d, to %s, epoch %d: %.3f s, %.3f s of it to drain", r.Before.Primary.NodeID, r.Before.Epoch, r.After.Primary.NodeID, r.After.Epoch, r.Seconds, r.DrainSeconds)
		worst = max(worst, r.Seconds)
		load.More(t, ctx, h, 50)
	}
	for _, l := range loads {
		l.Stop()
	}
	c.conclude(ctx, h, w, cl)
	t.Logf("at worst %.3f s", worst)
	for id, p := range nodes {
		if code := p.Stop(); code != 0 {
			t.Errorf("%s: exit status %d", id, code)
		}
	}
}

// handOver has the Primary hand over as soon as it may: while nodes still catch up it refuses.
func (c *cluster) handOver(ctx context.Context, to string) (r handover.Result) {
	c.t.Helper()
	f := c.certs("admin")
	args := []string{"netsyctl", "cluster", "step-down"}
	if to != "" {
		args[2] = "transfer"
	}
	args = append(args, "--config", c.config, "--tls-ca", f.CA, "--tls-cert", f.Cert, "--tls-key", f.Key, "-o", "json")
	if to != "" {
		args = append(args, to)
	}
	store, err := file.Open(ctx, file.Config{Dir: c.objects})
	c.must(err)
	reg := registry.New(store, clusterID)
	proc.Until(c.t, ctx, "the Primary hands over", func(ctx context.Context) error {
		doc, err := reg.Cluster(ctx)
		if err == nil && doc.Primary.NodeID == to {
			r = handover.Result{Before: handover.Reign{Epoch: doc.Epoch, Primary: doc.Primary}, After: &handover.Reign{Epoch: doc.Epoch, Primary: doc.Primary}}
			return nil // it is there already
		}
		var out, progress bytes.Buffer
		app := netsyctl.App()
		app.Writer, app.ErrWriter = &out, &progress
		if err := app.RunContext(ctx, args); err != nil {
			if out.Len() > 0 { // it stepped down
				c.t.Errorf("%v\n%s%s", err, progress.String(), out.String())
			}
			return err
		}
		return json.Unmarshal(out.Bytes(), &r)
	})
	return r
}
