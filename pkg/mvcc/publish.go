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
	s.metrics.observePublished(sn)
	if s.publication != nil {
		close(s.publication)
		s.publication = nil
	}
	return nil
}

// AwaitPublished returns once the published revision is rev or later, or ctx ends.
func (s *Store) AwaitPublished(ctx context.Context, rev record.Revision) error {
	for s.Snapshot().rev < rev {
		s.publishMu.Lock()
		if s.Snapshot().rev >= rev {
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
