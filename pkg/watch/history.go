package watch

import (
	"context"

	"github.com/netsy-io/netsy/pkg/record"
	"go.etcd.io/etcd/api/v3/mvccpb"
)

// History is the durable past that watches catch up from. *mvcc.Store is one.
type History interface {
	// Events calls fn with each revision in [from, to] that changed a key of the
	// range, in order, whole, with PrevKv set wherever there was one. key and end
	// are as in etcd's requests: no end means the one key, end "\x00" means every
	// key from key on. An error of fn ends the call and is returned. The call fails
	// if from is below CompactRevision, or comes to be while it reads.
	Events(ctx context.Context, from, to record.Revision, key, end []byte,
		fn func(rev record.Revision, evs []*mvccpb.Event) error) error

	// CompactRevision is the lowest revision that Events can still start at, 0
	// before the first compaction. It must not block.
	CompactRevision() record.Revision
}
