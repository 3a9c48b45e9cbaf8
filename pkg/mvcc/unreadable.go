package mvcc

import (
	"context"
	"database/sql"
	"errors"

	"github.com/netsy-io/netsy/pkg/record"
)

// blame tells of an error in reading the values at some positions, if it is one of the disk's or the
// file's and the first since all was well.
func (s *Store) blame(err error, positions []rowPos) {
	if !errors.Is(err, ErrDisk) && !errors.Is(err, ErrCorrupt) {
		return
	}
	if s.unreadable.Swap(&positions) == nil {
		s.readFailed(err)
	}
}

// checkReadable tries again what failed last. That it is gone by now is no failure.
func (s *Store) checkReadable(ctx context.Context) error {
	for {
		failed := s.unreadable.Load()
		if failed == nil {
			return nil
		}
		var f found
		for _, pos := range *failed {
			f.add(&item{pos: pos})
		}
		if err := s.fill(ctx, f, f.kvs); err != nil && !errors.As(err, new(*missingError)) {
			return err
		}
		if s.unreadable.CompareAndSwap(failed, nil) {
			return nil
		}
	}
}

// explain makes the error of a read at a revision, if a value was missing, ErrCompacted if it
// has been compacted since. Else nothing explains it, and it stands.
func (s *Store) explain(ctx context.Context, at record.Revision, err error) error {
	if err == nil {
		return nil
	}
	missing := new(missingError)
	if !errors.As(err, &missing) {
		return err
	}
	check := func(tx *sql.Tx) error { return s.checkCompacted(ctx, tx, at) }
	if cause := s.read(ctx, "read the compaction revision", check); cause != nil {
		return cause
	}
	s.blame(err, []rowPos{missing.pos})
	return err
}

// blame is for the present state: of that no record can be missing.
func (w *Working) blame(err error) error {
	if err == nil {
		return nil
	}
	if missing := new(missingError); errors.As(err, &missing) {
		w.store.blame(err, []rowPos{missing.pos})
	}
	return err
}
