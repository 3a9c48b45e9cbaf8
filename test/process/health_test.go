//go:build linux

package process

import (
	"context"
	"errors"
	"regexp"

	"github.com/netsy-io/netsy/test/internal/proc"
)

// awaitHealth waits until path says what cond wants, or the process ends.
func (c *cluster) awaitHealth(ctx context.Context, p *proc.Proc, id, path, what string, cond func(proc.Health) bool) proc.Health {
	c.t.Helper()
	return p.AwaitHealth(ctx, c.nodes[id].health, path, what, cond)
}

func (c *cluster) awaitActive(ctx context.Context, p *proc.Proc, id string) proc.Health {
	c.t.Helper()
	return c.awaitHealth(ctx, p, id, "/readyz", "is the active Primary", func(h proc.Health) bool { return h.Status == 200 && h.Active() })
}

func (c *cluster) awaitInOffice(ctx context.Context, p *proc.Proc, id string) {
	c.t.Helper()
	c.awaitHealth(ctx, p, id, "/healthz", "is in office", func(h proc.Health) bool { return h.InOffice })
}

var leaseGranted = regexp.MustCompile(`(?m)^netsy_elector_leases_total [1-9]`)

// awaitLease waits until the elector has granted read leases.
func (c *cluster) awaitLease(ctx context.Context, elector string) {
	c.t.Helper()
	proc.Until(c.t, ctx, "a read lease is granted", func(ctx context.Context) error {
		_, page, err := proc.Page(ctx, c.nodes[elector].health, "/metrics")
		if err == nil && !leaseGranted.Match(page) {
			err = errors.New("none is")
		}
		return err
	})
}
