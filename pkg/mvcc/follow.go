package mvcc

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/netsy-io/netsy/pkg/record"
)

// Follow begins to follow the reign of epoch e from agreed on, the newest position
// that this copy and the Primary's have in common (zero: none): in one transaction
// it raises the promise to e and removes every record beyond agreed.
//
// Errors, after which nothing has changed: *PromisedError (a later epoch is
// promised), *DivergedError (agreed is not in this copy), *TruncateError (what would
// go was published or compacted, or is of epoch e itself: such records never go).
func (s *Store) Follow(ctx context.Context, e record.Epoch, agreed record.Pos) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.publishMu.Lock() // nothing is published meanwhile
	defer s.publishMu.Unlock()
	return s.write("follow", func(w *writer, next *durable) error {
		if err := promise(next, e); err != nil {
			return err
		}
		held, err := w.posAt(agreed.Revision)
		if err != nil {
			return err
		}
		if held != agreed {
			return &DivergedError{Agreed: agreed, Held: held}
		}
		if agreed.Revision >= next.tail.Revision {
			return nil
		}
		if next.tail.Epoch >= e {
			return &TruncateError{Revision: agreed.Revision, Floor: next.tail.Revision, What: fmt.Sprintf("epoch %d, which is being followed,", e)}
		}
		return s.truncate(w, next, agreed.Revision)
	})
}

// AppendFollowed stores records received from the Primary of epoch e, in one
// transaction with one fsync that also checks and raises the promise: a *PromisedError
// if a later epoch is promised, an *OrderError if they don't follow the tail.
func (s *Store) AppendFollowed(ctx context.Context, e record.Epoch, recs []record.Record) error {
	return s.append(ctx, recs, func(next *durable, recs []record.Record) error {
		if last := recs[len(recs)-1].Epoch; last > e {
			return fmt.Errorf("mvcc: record %v can't come from a Primary of epoch %d", recs[len(recs)-1].Pos(), e)
		}
		return promise(next, e)
	})
}

// EpochStarts lists the positions of the stored epoch-start records in order: where
// each reign's records begin. Those below the compaction revision may be missing.
func (s *Store) EpochStarts(ctx context.Context) ([]record.Pos, error) {
	rows, err := s.readDB.QueryContext(ctx, "SELECT pos, epoch FROM records WHERE "+isEpochStart+" ORDER BY pos")
	if err != nil {
		return nil, sqlError("read epoch starts", err)
	}
	defer rows.Close()
	var starts []record.Pos
	for rows.Next() {
		var pos, epoch int64
		if err := rows.Scan(&pos, &epoch); err != nil {
			return nil, sqlError("read epoch starts", err)
		}
		starts = append(starts, record.Pos{Epoch: record.Epoch(epoch), Revision: rowPos(pos).revision()})
	}
	if err := rows.Err(); err != nil {
		return nil, sqlError("read epoch starts", err)
	}
	return starts, nil
}

// PosAt returns the position of the record at rev; zero when it isn't stored.
func (s *Store) PosAt(ctx context.Context, rev record.Revision) (record.Pos, error) {
	e, ok, err := s.EpochAt(ctx, rev)
	if err != nil || !ok {
		return record.Pos{}, err
	}
	return record.Pos{Epoch: e, Revision: rev}, nil
}

// posAt is PosAt as the transaction sees it.
func (w *writer) posAt(rev record.Revision) (record.Pos, error) {
	var e record.Epoch
	err := w.conn.QueryRowContext(context.Background(), "SELECT epoch FROM records WHERE pos BETWEEN ? AND ? LIMIT 1",
		int64(firstOf(rev)), int64(lastOf(rev))).Scan(&e)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return record.Pos{}, nil
	case err != nil:
		return record.Pos{}, err
	}
	return record.Pos{Epoch: e, Revision: rev}, nil
}
