package mvcc

import (
	"context"
	"fmt"

	"github.com/netsy-io/netsy/pkg/record"
)

// CompactRevision is the oldest revision that can be read; 0 before any compaction.
// Whoever was told ErrCompacted finds it above the revision asked for.
func (s *Store) CompactRevision() record.Revision { return record.Revision(s.compacted.Load()) }

// sawCompacted raises what CompactRevision returns to a committed value.
func (s *Store) sawCompacted(rev record.Revision) {
	for {
		old := s.compacted.Load()
		if int64(rev) <= old || s.compacted.CompareAndSwap(old, int64(rev)) {
			return
		}
	}
}

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
		s.publishMu.Lock()
		s.announceLocked()
		s.publishMu.Unlock()
		s.pins.dropBelow(rev)
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
