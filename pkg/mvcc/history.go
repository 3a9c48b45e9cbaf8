package mvcc

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"

	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/netsy-io/netsy/pkg/record"
)

// History is read in pieces: no callback runs while a connection is held, so a slow
// one neither keeps others from reading nor the WAL from being reused. A piece ends
// at whichever comes first (and never within a revision).
const (
	pieceRecords = 1000
	pieceBytes   = 4 << 20 // a few of the largest values
)

// EpochAt returns the epoch of the record at rev; false when it isn't stored (not
// yet, or compacted away).
func (s *Store) EpochAt(ctx context.Context, rev record.Revision) (record.Epoch, bool, error) {
	var e record.Epoch
	err := s.readDB.QueryRowContext(ctx, "SELECT epoch FROM records WHERE pos BETWEEN ? AND ? LIMIT 1",
		int64(firstOf(rev)), int64(lastOf(rev))).Scan(&e)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return 0, false, nil
	case err != nil:
		return 0, false, sqlError("read epoch", err)
	}
	return e, true, nil
}

// LastEpochStart returns what the next epoch-start record must know of the last stored
// one, published or not; zero when there is none.
func (s *Store) LastEpochStart(ctx context.Context) (record.KeyState, error) {
	r, err := scanRecord(s.readDB.QueryRowContext(ctx, "SELECT "+recordColumns+" FROM records WHERE "+isEpochStart+" ORDER BY pos DESC LIMIT 1"))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return record.KeyState{}, nil
	case err != nil:
		return record.KeyState{}, sqlError("read the last epoch start", err)
	}
	return record.KeyState{CreateRevision: r.CreateRevision, ModRevision: r.Revision, Version: r.Version}, nil
}

// Records calls fn with each stored record of the revisions from..to (inclusive), in
// order of revision and sub, published or not. What compaction has removed is
// missing. fn's error ends it and is returned as it is.
func (s *Store) Records(ctx context.Context, from, to record.Revision, fn func(*record.Record) error) error {
	for from <= to {
		p, err := readPiece(ctx, s.readDB, from, to, everything)
		if err != nil {
			return err
		}
		for _, r := range p.records {
			if err := fn(r); err != nil {
				return err
			}
		}
		from = p.next
	}
	return nil
}

// Events calls fn with the events of keys in [key, end) (as in a RangeRequest), one
// call for each revision of from..to (inclusive) that has any, in order. PrevKv is the
// key's state before the revision, absent on a create. ErrCompacted if from, or
// what remains when compaction overtakes a slow fn, is below the compaction
// revision; ErrFutureRev if to is not published. fn's error is returned as it is.
func (s *Store) Events(ctx context.Context, from, to record.Revision, key, end []byte,
	fn func(rev record.Revision, evs []*mvccpb.Event) error,
) error {
	if to > s.Snapshot().Revision() {
		return ErrFutureRev
	}
	keys := newKeyRange(key, end)
	for from <= to {
		evs, next, err := s.readEvents(ctx, from, to, keys)
		if err != nil {
			return err
		}
		for _, e := range evs {
			if err := fn(e.rev, e.events); err != nil {
				return err
			}
		}
		from = next
	}
	return nil
}

type revisionEvents struct {
	rev    record.Revision
	events []*mvccpb.Event
}

// readEvents reads one piece and the states before it, in one transaction that also
// sees whether the piece is still whole.
func (s *Store) readEvents(ctx context.Context, from, to record.Revision, keys keyRange) (out []revisionEvents, next record.Revision, err error) {
	err = s.read(ctx, "read events", func(tx *sql.Tx) error {
		if err := s.checkCompacted(ctx, tx, from); err != nil {
			return err
		}
		p, err := readPiece(ctx, tx, from, to, keys)
		if err != nil {
			return err
		}
		next = p.next
		for _, r := range p.records {
			if r.Internal() {
				continue
			}
			ev, err := eventOf(ctx, tx, r)
			if err != nil {
				return err
			}
			if len(out) == 0 || out[len(out)-1].rev != r.Revision {
				out = append(out, revisionEvents{rev: r.Revision})
			}
			last := &out[len(out)-1]
			last.events = append(last.events, ev)
		}
		return nil
	})
	return out, next, err
}

func eventOf(ctx context.Context, q querier, r *record.Record) (*mvccpb.Event, error) {
	if r.Created {
		return event(r, nil), nil
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx) // the driver makes an interruptible query several times dearer
	prev, err := recordAt(ctx, q, r.PrevRevision, r.Key)
	if err != nil || prev == nil {
		return event(r, nil), err
	}
	return event(r, keyValue(prev)), nil
}

// read runs fn in one read transaction: everything it sees is of one moment. Its
// first query fixes that moment.
func (s *Store) read(ctx context.Context, op string, fn func(*sql.Tx) error) error {
	tx, err := s.readDB.BeginTx(ctx, nil)
	if err != nil {
		return sqlError(op, err)
	}
	defer tx.Rollback() // nothing to commit
	return fn(tx)
}

// readConn is read for what goes by database/sql.
func (s *Store) readConn(ctx context.Context, op string, fn func(*sql.Conn) error) error {
	conn, err := s.readDB.Conn(ctx)
	if err != nil {
		return sqlError(op, err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "BEGIN"); err != nil {
		return sqlError(op, err)
	}
	defer endRead(conn)
	return fn(conn)
}

// endRead ends a read transaction, if SQLite hasn't done so by itself, as it does where it can't
// read. There is nothing to commit, so nothing to report; but a connection that holds on to
// its moment must not be used again.
func endRead(conn *sql.Conn) {
	if autoCommit(conn) {
		return
	}
	if _, err := conn.ExecContext(context.Background(), "ROLLBACK"); err != nil {
		_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // so the pool drops it
	}
}

// checkCompacted refuses revisions below the compaction revision, as of the moment
// that the transaction sees: superseded records are only gone where this shows it.
func (s *Store) checkCompacted(ctx context.Context, tx *sql.Tx, rev record.Revision) error {
	var compact record.Revision
	if err := tx.QueryRowContext(ctx, "SELECT compact_revision FROM meta").Scan(&compact); err != nil {
		return sqlError("read the compaction revision", err)
	}
	s.sawCompacted(compact) // a commit shows here before its writer can install it
	if rev < compact {
		return ErrCompacted
	}
	return nil
}

type querier interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
	QueryRowContext(context.Context, string, ...any) *sql.Row
}

// recordAt returns the key's record at rev, the last one if it has several there, or nil.
func recordAt(ctx context.Context, q querier, rev record.Revision, key []byte) (*record.Record, error) {
	r, err := scanRecord(q.QueryRowContext(ctx,
		"SELECT "+recordColumns+" FROM records NOT INDEXED WHERE pos BETWEEN ? AND ? AND key = ? ORDER BY pos DESC LIMIT 1", int64(firstOf(rev)), int64(lastOf(rev)), blob(key)))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, sqlError("read a key's record", err)
	}
	return r, nil
}

// piece is a run of whole revisions; next is the revision to go on with.
type piece struct {
	records []*record.Record
	next    record.Revision
}

// everything selects all keys, Netsy's own too.
var everything = keyRange{open: true}

// readPiece reads records of from..to with keys in keys, up to the bounds of a piece.
func readPiece(ctx context.Context, q querier, from, to record.Revision, keys keyRange) (piece, error) {
	query := "SELECT " + recordColumns + " FROM records NOT INDEXED WHERE pos BETWEEN ? AND ?"
	args := []any{int64(firstOf(from)), int64(lastOf(to))}
	if len(keys.key) > 0 {
		query, args = query+" AND key >= ?", append(args, keys.key)
	}
	if !keys.open {
		query, args = query+" AND key < ?", append(args, blob(keys.end))
	}
	rows, err := q.QueryContext(ctx, query+" ORDER BY pos", args...)
	if err != nil {
		return piece{}, sqlError("read history", err)
	}
	defer rows.Close()
	p := piece{next: to + 1}
	for size := 0; rows.Next(); {
		r, err := scanRecord(rows)
		if err != nil {
			return piece{}, sqlError("read history", err)
		}
		full := len(p.records) >= pieceRecords || size >= pieceBytes
		if full && r.Revision != p.records[len(p.records)-1].Revision {
			p.next = r.Revision
			break
		}
		p.records, size = append(p.records, r), size+r.Size()
	}
	if err := rows.Err(); err != nil {
		return piece{}, sqlError("read history", err)
	}
	return p, nil
}
