package recovery

import (
	"context"
	"errors"
	"fmt"

	"github.com/netsy-io/netsy/pkg/registry"
)

// ErrNotNeeded: the findings don't call for it.
var ErrNotNeeded = errors.New("recovery: not needed")

// Recover gives up what only nodes that don't answer hold. It makes one
// compare-and-swap from exactly the cluster.json that was looked at: object-storage
// mode, so that any node may be elected; as voters those that answer; and the next
// epoch without a Primary, so that the lost reign can't swap anything any more. The
// elector does the rest.
//
// registry.ErrConflict: something changed since the look, nothing was done.
// registry.ErrUnknownOutcome: it may have been done, or may be yet.
func Recover(ctx context.Context, reg *registry.Registry, f Findings) (registry.Cluster, error) {
	if f.Decision.Verdict != Needed {
		return registry.Cluster{}, ErrNotNeeded
	}
	c, err := reg.SwapCluster(ctx, f.Cluster, func(c *registry.Cluster) error {
		c.Epoch++
		c.Primary = registry.NodeRef{}
		c.Durability.Mode = registry.ModeObjectStorage
		c.Durability.Voters = f.Decision.Answering
		return nil
	})
	if err != nil {
		return registry.Cluster{}, fmt.Errorf("recovery: %w", err)
	}
	return c, nil
}
