package main

import (
	"context"
	"fmt"
	"time"

	"github.com/netsy-io/netsy/pkg/devcluster"
	"github.com/netsy-io/netsy/pkg/registry"
)

const clusterID = "dev-cluster"

// awaitQuorum waits until all nodes count for acknowledging, and returns the place of the Primary
// among them.
func awaitQuorum(ctx context.Context, c *devcluster.Cluster, nodes int) (primary int, err error) {
	reg := registry.New(c.Store(), clusterID)
	for {
		doc, err := reg.Cluster(ctx)
		if err != nil {
			return 0, err
		}
		if doc.Durability.Mode == registry.ModeQuorum && len(doc.Durability.Voters) == nodes && !doc.Primary.IsZero() {
			if _, err := fmt.Sscanf(doc.Primary.NodeID, "node-%d", &primary); err != nil {
				return 0, fmt.Errorf("the Primary is called %q: %w", doc.Primary.NodeID, err)
			}
			return primary - 1, nil
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("%d nodes don't acknowledge by quorum: %w", nodes, ctx.Err())
		case <-time.After(10 * time.Millisecond): // the bucket can only be asked
		}
	}
}
