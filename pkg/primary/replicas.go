package primary

import (
	"context"

	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
	"github.com/netsy-io/netsy/pkg/replication"
)

// Follower is a replica as the Primary sees it.
type Follower = replication.Follower

// replicas are the nodes that follow this reign; *replication.Feed in life. Nothing
// here waits for a follower, except Round.
type replicas interface {
	Send([]record.Record)
	Stored(record.Revision)
	Committed(rev, compaction record.Revision)
	Logged(first record.Revision, pos record.Pos)
	Changed() <-chan struct{}
	Followers() []Follower
	Round(context.Context, func(answered []registry.NodeRef) bool) error
	Close(cause error)
}
