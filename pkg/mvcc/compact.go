package mvcc

import (
	"context"
	"fmt"

	"github.com/netsy-io/netsy/pkg/record"
)

// CompactRevision is the oldest revision that can be read; 0 before any compaction.
func (s *Store) CompactRevision() record.Revision { return s.state.Load().compact }

// Compact durably makes rev the oldest revision that can be read: for reads and
// events it takes effect at once, atomically; superseded records are removed later,
// in the background. ErrCompacted if rev is compacted already, ErrFutureRev if it
// is not published.
func (s *Store) Compact(ctx context.Context, rev record.Revision) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := s.write("compact", func(_ *writer, next *durable) error {
		if err := mayCompact(next.compact, s.Snapshot().Revision(), rev); err != nil {
			return fmt.Errorf("%w: compaction to %d", err, rev)
		}
		next.compact = rev
		return nil
	})
	if err == nil {
		s.purger.wake()
	}
	return err
}

func mayCompact(compacted, published, rev record.Revision) error {
	switch {
	case rev <= compacted:
		return ErrCompacted
	case rev > published:
		return ErrFutureRev
	}
	return nil
}
