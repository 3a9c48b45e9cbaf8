package mvcc

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/mattn/go-sqlite3"

	"github.com/netsy-io/netsy/pkg/record"
)

const (
	// stagingTable holds the records of the load under way.
	stagingTable = "records_loading"

	// stageRecords and stageBytes bound a transaction of staging: a promise waits for
	// at most one, some milliseconds.
	stageRecords = 1024
	stageBytes   = 1 << 20

	// stageCheckpoint is how much is staged between checkpoints. It bounds the WAL, and
	// what a promise made meanwhile has to sync.
	stageCheckpoint = 16 << 20
)

// stagePart is how many of recs make the next transaction.
func stagePart(recs []record.Record) int {
	size := 0
	for i := range recs {
		if size += recs[i].Size(); i > 0 && (i >= stageRecords || size > stageBytes) {
			return i
		}
	}
	return len(recs)
}

// staging writes the staged records. It has a connection of its own, with
// synchronous=NORMAL, so that the writer's settings, on which promises rest, are never
// touched; it writes under the writer's mutex. DESIGN.md says why that is safe.
type staging struct {
	s       *Store
	db      *sql.DB
	conn    *sql.Conn
	since   int // bytes staged since the last checkpoint
	records *inserter
}

func (s *Store) beginStaging(ctx context.Context) (_ *staging, err error) {
	path, err := filepath.Abs(filepath.Join(s.dir, dbName))
	if err != nil {
		return nil, fmt.Errorf("mvcc: data directory: %w", err)
	}
	st := &staging{s: s}
	if st.db, err = sql.Open("sqlite3", stagingDSN(path)); err != nil {
		return nil, sqlError("open for loading", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, st.close())
		}
	}()
	if st.conn, err = st.db.Conn(ctx); err != nil {
		return nil, sqlError("open for loading", err)
	}
	if _, err := st.conn.ExecContext(ctx, stagingPragmas); err != nil {
		return nil, sqlError("open for loading", err)
	}
	err = s.write("begin load", func(w *writer, _ *durable) error {
		if err := discard(w.conn, stagingTable); err != nil {
			return err
		}
		if err := copySchema(w.conn, "records", stagingTable); err != nil {
			return err
		}
		return addIndex(context.Background(), w.conn, stagingTable)
	})
	if err != nil {
		return nil, err
	}
	s.purger.wake() // for what was discarded
	return st, st.prepare()
}

func (st *staging) prepare() error {
	return st.raw(func(c *sqlite3.SQLiteConn) (err error) {
		st.records, err = newInserter(c, stagingTable)
		return err
	})
}

// raw runs fn on the driver's connection: database/sql would cost as much as SQLite.
func (st *staging) raw(fn func(*sqlite3.SQLiteConn) error) error {
	return st.conn.Raw(func(c any) error { return fn(c.(*sqlite3.SQLiteConn)) })
}

// write runs fn in one transaction of the staging connection.
func (st *staging) write(op string, fn func() error) error {
	st.s.writer.mu.Lock()
	defer st.s.writer.mu.Unlock()
	if err := st.s.writable(); err != nil {
		return err
	}
	if err := st.exec("BEGIN IMMEDIATE"); err != nil {
		return sqlError(op+": begin", err)
	}
	err := fn()
	if err == nil {
		if err = st.exec("COMMIT"); err != nil && !commitRefused(err) {
			return st.s.poison(sqlError(op+": commit", err))
		}
	}
	if err != nil {
		st.exec("ROLLBACK") // SQLite may have done so itself; the table is thrown away in any case
		if isSQL(err) {
			return sqlError(op, err)
		}
	}
	return err
}

func (st *staging) exec(query string) error {
	_, err := st.conn.ExecContext(context.Background(), query)
	return err
}

// add stages recs in one transaction.
func (st *staging) add(ctx context.Context, recs []record.Record) error {
	err := st.write("stage records", func() error {
		return st.raw(func(*sqlite3.SQLiteConn) error { return st.records.insert(recs) })
	})
	if err != nil {
		return err
	}
	for i := range recs {
		st.since += recs[i].Size() + rowOverhead
	}
	if st.since < stageCheckpoint {
		return nil
	}
	st.since = 0
	return st.s.checkpoint(ctx)
}

// rowOverhead is what a row takes beside key and value, about.
const rowOverhead = 100

// finish checks the state at the purged revision and brings nearly all that is staged to
// the disk, so that the transaction to come is short.
func (st *staging) finish(ctx context.Context, purged record.Revision) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(st.s.ctx, stop)() // Close doesn't wait for it
	if err := st.checkState(ctx, purged); err != nil {
		return err
	}
	return st.s.checkpoint(ctx)
}

// checkState: of each key there is one record at or below purged, no tombstone. It takes a second
// or two for a million records, and keeps nobody from writing.
func (st *staging) checkState(ctx context.Context, purged record.Revision) error {
	var pos int64
	err := st.conn.QueryRowContext(ctx, `SELECT max(pos) FROM `+stagingTable+
		` WHERE pos <= ? GROUP BY key HAVING count(*) > 1 OR max(deleted) > 0 LIMIT 1`, int64(lastOf(purged))).Scan(&pos)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case st.s.ctx.Err() != nil:
		return ErrClosed
	case err != nil:
		return sqlError("check loaded records", err)
	}
	return &LoadError{Revision: rowPos(pos).revision(), Why: "it is at or below the purged revision, but not a key's only record there, or a tombstone"}
}

// takePlace makes the staging table the records table, in a transaction of the writer's.
func (st *staging) takePlace(c execer) error {
	if err := discard(c, "records"); err != nil {
		return err
	}
	_, err := c.ExecContext(context.Background(), "ALTER TABLE "+stagingTable+" RENAME TO records")
	return err
}

func (st *staging) close() error {
	var errs []error
	if st.records != nil {
		errs = append(errs, st.records.close())
	}
	if st.conn != nil {
		errs = append(errs, st.conn.Close())
	}
	return errors.Join(append(errs, st.db.Close())...)
}
