package objectlog

import (
	"context"
	"errors"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
)

// Splits says whether a chunk begins at or below rev and goes on above it. A snapshot
// must not end there: the chain goes on behind a snapshot at the revision after it, where
// this log has no slot.
func (l *Log) Splits(ctx context.Context, rev record.Revision) (bool, error) {
	s, ok, err := l.locate(ctx, 0, rev)
	if err != nil || !ok {
		return false, err
	}
	ch, err := l.getChunk(ctx, s.first)
	switch {
	case errors.Is(err, objectstore.ErrNotFound), errors.Is(err, ErrGap): // freed: a snapshot is above it
		return false, nil
	case err != nil:
		return false, err
	}
	return ch.Info.Last.Revision > rev, nil
}
