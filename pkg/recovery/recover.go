package recovery

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/netsy-io/netsy/pkg/registry"
)

// ErrNotNeeded: the findings don't call for it.
var ErrNotNeeded = errors.New("recovery: not needed")

// Recover gives up what only nodes that don't answer hold. It makes one
// compare-and-swap from exactly the cluster.json that was looked at: as voters the
// heirs, with a rule by which an election needs them all (quorum 0: no receipts ever
// commit under it, so no voter is too many to ask); and the next epoch without a Primary,
// so that the lost reign can't swap anything any more. Without heirs there is only the
// object log, and any node may be elected. The elector does the rest, and the next
// Primary records its own rule.
//
// registry.ErrConflict: something changed since the look; most likely nothing was done.
// registry.ErrUnknownOutcome: it may have been done, or may be yet.
func Recover(ctx context.Context, reg *registry.Registry, f Findings) (registry.Cluster, error) {
	if f.Decision.Verdict != Needed {
		return registry.Cluster{}, ErrNotNeeded
	}
	c, err := reg.SwapCluster(ctx, f.Cluster, func(c *registry.Cluster) error {
		c.Epoch++
		c.Primary = registry.NodeRef{}
		c.Durability = ruleAfter(f.Decision.Heirs)
		return nil
	})
	if err != nil {
		return registry.Cluster{}, fmt.Errorf("recovery: %w", err)
	}
	return c, nil
}

func ruleAfter(heirs []registry.NodeRef) registry.Durability {
	if len(heirs) == 0 {
		return registry.Durability{Mode: registry.ModeObjectStorage, Quorum: registry.QuorumMajority, Voters: []registry.NodeRef{}}
	}
	return registry.Durability{Mode: registry.ModeQuorum, Quorum: 0, Voters: slices.Clone(heirs)}
}
