package objectlog

import (
	"fmt"
	"strings"

	"github.com/netsy-io/netsy/pkg/record"
)

// What the keys of all chunks, and of all snapshots, begin with.
const (
	ChunkPrefix    = "chunks/"
	SnapshotPrefix = "snapshots/"
)

const suffix = ".netsy"

// ChunkKey is the slot of the chunk whose first revision is first.
func ChunkKey(first record.Revision) string { return ChunkPrefix + first.Key() + suffix }

// SnapshotKey is the key of the snapshot that goes up to last.
func SnapshotKey(last record.Revision) string { return SnapshotPrefix + last.Key() + suffix }

// ParseChunkKey is the inverse of ChunkKey. Another key is an ErrForeignKey.
func ParseChunkKey(key string) (record.Revision, error) { return parseKey(ChunkPrefix, key) }

// ParseSnapshotKey is the inverse of SnapshotKey. Another key is an ErrForeignKey.
func ParseSnapshotKey(key string) (record.Revision, error) { return parseKey(SnapshotPrefix, key) }

// parseKey is the inverse of ChunkKey and SnapshotKey. Anything else under the
// prefixes is an error rather than passed over: a file that a person or a tool put
// there may be a chunk under a wrong name, and a gap that nobody can explain.
func parseKey(prefix, key string) (record.Revision, error) {
	name, ok := strings.CutPrefix(key, prefix)
	digits, ok2 := strings.CutSuffix(name, suffix)
	rev, err := record.ParseRevisionKey(digits)
	if !ok || !ok2 || err != nil || rev < 1 {
		return 0, &ChainError{Kind: ErrForeignKey, Key: key, Err: fmt.Errorf("not of the form %s; move it away from %s", prefix+"{revision:019d}"+suffix, prefix)}
	}
	return rev, nil
}
