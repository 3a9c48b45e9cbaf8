package objectlog

import (
	"context"
	"errors"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
)

// Holds says whether the chunk that begins at first ends at pos: whether the log still
// agrees with a position that was remembered as being in it. It costs one read of that
// chunk. A slot that is missing or holds a tombstone is no agreement.
func (l *Log) Holds(ctx context.Context, first record.Revision, pos record.Pos) (bool, error) {
	ch, err := l.getChunk(ctx, first)
	switch {
	case errors.Is(err, objectstore.ErrNotFound), errors.Is(err, ErrGap):
		return false, nil
	case err != nil:
		return false, err
	}
	return ch.Info.Last == pos, nil
}
