package compactor

import (
	"fmt"
	"strings"

	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/record"
)

const (
	chunkPrefix = "chunks/"
	suffix      = ".netsy"
)

func snapshotKey(rev record.Revision) string { return objectlog.SnapshotKey(rev) }

// parseChunkKey is the inverse of objectlog.ChunkKey. As when the log is read, a foreign
// key is an error: it may be a chunk that somebody renamed.
func parseChunkKey(key string) (record.Revision, error) {
	digits := strings.TrimSuffix(strings.TrimPrefix(key, chunkPrefix), suffix)
	rev, err := record.ParseRevisionKey(digits)
	if err != nil || rev < 1 || objectlog.ChunkKey(rev) != key {
		return 0, &objectlog.ChainError{Kind: objectlog.ErrForeignKey, Key: key, Err: fmt.Errorf("not of the form %s{revision:019d}%s; move it away from %s", chunkPrefix, suffix, chunkPrefix)}
	}
	return rev, nil
}
