package recovery

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
)

// LogEnd is how far the object log goes.
type LogEnd struct {
	Last    record.Pos // of its last record; zero: the log is empty
	Key     string     // of the chunk, or snapshot, that holds it
	Written time.Time  // when that object was written, by the store's clock
}

const (
	chunks    = objectlog.ChunkPrefix
	snapshots = objectlog.SnapshotPrefix
	suffix    = ".netsy"
)

// FindEnd finds the end of the object log in some 2 x log2(revisions) listings of
// one key, instead of listing them all, and verifies what it ends with.
func FindEnd(ctx context.Context, store objectstore.Store) (LogEnd, error) {
	return findEnd(ctx, store, 0)
}

// FindEndAgain is FindEnd for one that knows an end from before: it begins there, with some
// 2 x log2(revisions since then) listings, and eight requests if nothing was added.
func FindEndAgain(ctx context.Context, store objectstore.Store, before LogEnd) (LogEnd, error) {
	return findEnd(ctx, store, keyRevision(before.Key))
}

// keyRevision is the revision in the key of a chunk or a snapshot; 0 if it is neither's.
func keyRevision(key string) record.Revision {
	name := strings.TrimPrefix(strings.TrimPrefix(key, chunks), snapshots)
	rev, err := record.ParseRevisionKey(strings.TrimSuffix(name, suffix))
	if err != nil {
		return 0
	}
	return rev
}

// findEnd finds the end among the keys at or above from. If there are none, what was there
// is gone, and it looks at all.
func findEnd(ctx context.Context, store objectstore.Store, from record.Revision) (LogEnd, error) {
	chunk, err := lastKey(ctx, store, chunks, from)
	if err != nil {
		return LogEnd{}, err
	}
	// Snapshots after chunks: the chunks below one are deleted only once it is there.
	snapshot, err := lastKey(ctx, store, snapshots, from)
	if err != nil {
		return LogEnd{}, err
	}
	if chunk == 0 && snapshot == 0 {
		if from > 0 {
			return findEnd(ctx, store, 0)
		}
		return LogEnd{}, nil
	}
	// A snapshot is named after its last revision, a chunk after its first.
	after, key := chunk-1, objectlog.ChunkKey(chunk)
	if chunk <= snapshot {
		after, key = snapshot, objectlog.SnapshotKey(snapshot)
	}
	end, err := objectlog.New(store, objectlog.Options{}).Read(ctx, after, func(objectlog.Chunk) error { return nil })
	if err != nil {
		return LogEnd{}, fmt.Errorf("recovery: reading the end of the object log: %w", err)
	}
	if end.Chunk.Key != "" {
		key = end.Chunk.Key // a chunk may have been added, or reach beyond the snapshot
	}
	info, err := store.Stat(ctx, key)
	if err != nil {
		return LogEnd{}, fmt.Errorf("recovery: looking at the end of the object log: %w", err)
	}
	return LogEnd{Last: end.Last, Key: key, Written: info.Modified}, nil
}

// lastKey finds the revision of the last key under a prefix, 0 if there is none at or above
// from. Stores list only forwards, so it asks "is there a key beyond this one?", ever further away,
// and then ever nearer.
func lastKey(ctx context.Context, store objectstore.Store, prefix string, from record.Revision) (record.Revision, error) {
	last, ok, err := firstBeyond(ctx, store, prefix, max(from-1, 0))
	if err != nil || !ok {
		return 0, err
	}
	// There is a key at last and none beyond top. step never goes beyond top.
	top, step := record.Revision(math.MaxInt64), record.Revision(1)
	for last < top {
		from := last + step
		found, ok, err := firstBeyond(ctx, store, prefix, from-1)
		switch {
		case err != nil:
			return 0, err
		case ok:
			last, step = found, min(2*step, half(top-found))
		default:
			top, step = from-1, half(from-1-last)
		}
	}
	return last, nil
}

// half is at least 1.
func half(r record.Revision) record.Revision { return max(r/2, 1) }

// firstBeyond is the revision of the first key under prefix that is greater than after's.
func firstBeyond(ctx context.Context, store objectstore.Store, prefix string, after record.Revision) (record.Revision, bool, error) {
	page, err := store.List(ctx, prefix, prefix+after.Key()+suffix, 1)
	if err != nil {
		return 0, false, fmt.Errorf("recovery: listing %s: %w", prefix, err)
	}
	if len(page.Objects) == 0 {
		return 0, false, nil
	}
	key := page.Objects[0].Key
	rev, err := record.ParseRevisionKey(strings.TrimSuffix(strings.TrimPrefix(key, prefix), suffix))
	if err != nil {
		return 0, false, fmt.Errorf("recovery: %q is not a name of Netsy's: %w", key, err)
	}
	return rev, true, nil
}
