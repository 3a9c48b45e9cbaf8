//go:build linux

package process

import (
	"context"
	"fmt"
	"testing"

	"github.com/netsy-io/netsy/test/internal/check"
	"github.com/netsy-io/netsy/test/internal/load"
	"github.com/netsy-io/netsy/test/internal/proc"
)

// TestTwoElectors kills the elector in office: the other takes over, in an office of
// its own, and finds the Primary at work. When that one dies too, it is replaced.
func TestTwoElectors(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	ctx := t.Context()
	c.follow()
	electors := map[string]*proc.Proc{"elector-1": c.startElector("elector-1"), "elector-2": c.startElector("elector-2")}
	node := c.startNode("node-1")
	before := c.awaitActive(ctx, node, "node-1")
	h, cl := check.NewHistory(), c.client("node-1")
	w := load.Watch(t, cl, 1)
	l := load.Start(t, h, cl, "w")
	l.More(t, ctx, 50)

	first := c.whoIsInOffice(ctx, electors)
	office := c.awaitOffice(t, ctx, 0)
	electors[first].Kill()
	other := map[string]string{"elector-1": "elector-2", "elector-2": "elector-1"}[first]
	c.awaitInOffice(ctx, electors[other], other)
	office = c.awaitOffice(t, ctx, office)
	l.More(t, ctx, 50)
	if after := c.awaitActive(ctx, node, "node-1"); after.Epoch != before.Epoch {
		t.Errorf("the Primary's epoch went from %d to %d, though only an elector was killed", before.Epoch, after.Epoch)
	}
	electors[first] = c.startElector(first)
	node.Kill()
	node = c.startNode("node-1")
	if after := c.awaitActive(ctx, node, "node-1"); after.Epoch <= before.Epoch {
		t.Errorf("the new reign has epoch %d, the one before had %d", after.Epoch, before.Epoch)
	}
	if got := c.whoIsInOffice(ctx, electors); got != other {
		t.Errorf("%s is in office, but %s was and is alive", got, other)
	}
	if j, err := c.readClusterJSON(); err != nil || j.Office != office {
		t.Errorf("office %d, want %d still (%v)", j.Office, office, err)
	}
	l.More(t, ctx, 50)
	l.Stop()
	c.conclude(ctx, h, w, cl)
}

// whoIsInOffice waits until exactly one elector says that it is in office.
func (c *cluster) whoIsInOffice(ctx context.Context, electors map[string]*proc.Proc) (id string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(ctx, proc.EventTimeout)
	defer cancel()
	proc.Until(c.t, ctx, "one elector is in office", func(ctx context.Context) error {
		var in []string
		for e, p := range electors {
			if !p.Running() {
				continue
			}
			h, err := proc.AskHealth(ctx, c.nodes[e].health, "/healthz")
			if err != nil {
				return err
			}
			if h.InOffice {
				in = append(in, e)
			}
		}
		if len(in) != 1 {
			return fmt.Errorf("in office: %v", in)
		}
		id = in[0]
		return nil
	})
	return id
}
