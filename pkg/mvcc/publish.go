package mvcc

import (
	"context"
	"fmt"

	"github.com/netsy-io/netsy/pkg/record"
)

// Snapshot returns the published state: the newest committed one. It takes no lock.
func (s *Store) Snapshot() *Snapshot { return s.published.Load() }

// Publish makes sn the state that reads see. Its records must be stored
// (ErrNotStored), so that it can be read at its revision later; the revision never
// goes back (ErrRevisionBack).
func (s *Store) Publish(sn *Snapshot) error {
	s.publishMu.Lock()
	defer s.publishMu.Unlock()
	if have := s.Snapshot().rev; sn.rev < have {
		return fmt.Errorf("%w: %d to %d", ErrRevisionBack, have, sn.rev)
	}
	if tail := s.Tail().Revision; sn.rev > tail {
		return fmt.Errorf("%w: revision %d, stored up to %d", ErrNotStored, sn.rev, tail)
	}
	s.published.Store(sn)
	if sn.written != nil {
		s.cache.turn(sn.written.take(sn.rev))
	}
	s.metrics.observePublished(sn)
	s.announceLocked()
	return nil
}

// announceLocked wakes who awaits a publication or compaction. It needs publishMu.
func (s *Store) announceLocked() {
	if s.publication != nil {
		close(s.publication)
		s.publication = nil
	}
}

// AwaitPublished returns once the published revision is rev or later, or ctx ends.
func (s *Store) AwaitPublished(ctx context.Context, rev record.Revision) error {
	return s.await(ctx, func() bool { return s.Snapshot().rev >= rev })
}

// AwaitCompacted returns once the compaction revision is rev or later, or ctx ends.
func (s *Store) AwaitCompacted(ctx context.Context, rev record.Revision) error {
	return s.await(ctx, func() bool { return s.CompactRevision() >= rev })
}

// await returns once something announced made reached true, or ctx ends.
func (s *Store) await(ctx context.Context, reached func() bool) error {
	for !reached() {
		s.publishMu.Lock()
		if reached() {
			s.publishMu.Unlock()
			return nil
		}
		if s.publication == nil {
			s.publication = make(chan struct{})
		}
		next := s.publication
		s.publishMu.Unlock()
		select {
		case <-next:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
