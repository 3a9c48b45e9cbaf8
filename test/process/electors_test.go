//go:build linux

package process

import (
	"context"
	"fmt"
	"testing"
)

// TestTwoElectors kills the elector in office: the other takes over, in an office of
// its own, and finds the Primary at work. When that one dies too, it is replaced.
func TestTwoElectors(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	ctx := t.Context()
	c.follow()
	electors := map[string]*proc{"elector-1": c.startElector("elector-1"), "elector-2": c.startElector("elector-2")}
	node := c.startNode("node-1")
	before := c.awaitActive(ctx, node, "node-1")
	h, cl := newHistory(), c.client("node-1")
	w := startWatcher(t, cl)
	l := startLoad(t, h, cl, "w")
	l.more(t, ctx, 50)

	first := c.whoIsInOffice(ctx, electors)
	office := c.awaitOffice(t, ctx, 0)
	electors[first].kill()
	other := map[string]string{"elector-1": "elector-2", "elector-2": "elector-1"}[first]
	c.awaitInOffice(ctx, electors[other], other)
	office = c.awaitOffice(t, ctx, office)
	l.more(t, ctx, 50)
	if after := c.awaitActive(ctx, node, "node-1"); after.Epoch != before.Epoch {
		t.Errorf("the Primary's epoch went from %d to %d, though only an elector was killed", before.Epoch, after.Epoch)
	}
	electors[first] = c.startElector(first)
	node.kill()
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
	l.more(t, ctx, 50)
	l.stop()
	c.conclude(ctx, h, w, cl)
}

// whoIsInOffice waits until exactly one elector says that it is in office.
func (c *cluster) whoIsInOffice(ctx context.Context, electors map[string]*proc) (id string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(ctx, eventTimeout)
	defer cancel()
	until(c.t, ctx, "one elector is in office", func(ctx context.Context) error {
		var in []string
		for e, p := range electors {
			if !p.running() {
				continue
			}
			h, err := askHealth(ctx, c.nodes[e].health, "/healthz")
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
