package mvcc

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mattn/go-sqlite3"

	"github.com/netsy-io/netsy/pkg/logevent"
)

// writer owns the one connection that changes the file. Transactions are not
// interrupted by a caller's context: an interrupted commit would be one more way
// not to know. Its statements are the driver's own, used with mu held only.
type writer struct {
	mu      sync.Mutex // one transaction at a time
	conn    *sql.Conn
	records *inserter
	meta    driver.Stmt // selectDurable
	update  driver.Stmt // updateDurable
	size    driver.Stmt // selectSize
}

func (w *writer) prepare() error {
	return w.conn.Raw(func(c any) (err error) {
		conn := c.(*sqlite3.SQLiteConn)
		if w.records, err = newInserter(conn, "records"); err != nil {
			return err
		}
		for query, to := range map[string]*driver.Stmt{selectDurable: &w.meta, updateDurable: &w.update, selectSize: &w.size} {
			if *to, err = conn.Prepare(query); err != nil {
				return sqlError("prepare", err)
			}
		}
		return nil
	})
}

// close waits for the transaction under way. A statement left open would keep the
// connection, and with it the file, open.
func (w *writer) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var errs []error
	if w.records != nil {
		errs = append(errs, w.records.close())
	}
	for _, stmt := range []driver.Stmt{w.meta, w.update, w.size} {
		if stmt != nil {
			errs = append(errs, stmt.Close())
		}
	}
	return errors.Join(append(errs, w.conn.Close())...)
}

// stored reads the state beside the records, as the transaction sees it.
func (w *writer) stored() (d durable, err error) {
	var row [durableColumns]int64
	if err := queryInts(w.meta, row[:]); err != nil {
		return durable{}, err
	}
	return durableOf(row), nil
}

// opAppend is the operation that there may be thousands of in a second.
const opAppend = "append"

func (w *writer) exec(query string) error {
	_, err := w.conn.ExecContext(context.Background(), query)
	return err
}

// write runs fn in one transaction and, once it is durable, installs the state fn
// left in next. fn must not touch the store otherwise. When it fails, nothing
// was stored and the state in memory is as it was, or the store is poisoned.
func (s *Store) write(op string, fn func(w *writer, next *durable) error) error {
	w := s.writer
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := s.writable(); err != nil {
		return err
	}
	if err := w.exec("BEGIN IMMEDIATE"); err != nil {
		return sqlError(op+": begin", err)
	}
	next, err := s.transact(w, op, fn)
	if err != nil {
		return s.rollback(op, err)
	}
	if err := w.exec("COMMIT"); err != nil {
		return s.commitFailed(op, err)
	}
	s.install(next)
	return nil
}

// transact is the inside of a transaction. The stored state is read again in it: if
// it isn't what memory says, some other process writes this file.
func (s *Store) transact(w *writer, op string, fn func(*writer, *durable) error) (*durable, error) {
	stored, err := w.stored()
	if err != nil {
		return nil, err
	}
	if stored != *s.state.Load() {
		return nil, s.poison(fmt.Errorf("stored state %+v differs from memory %+v: does another process write the file?", stored, *s.state.Load()))
	}
	next := stored
	next.logged = *s.logged.Load()
	if err := fn(w, &next); err != nil {
		return nil, err
	}
	if op != opAppend || time.Since(s.measured) >= sizeEvery {
		if err := s.measure(w); err != nil {
			return nil, err
		}
	}
	before := stored
	before.tail = next.tail // follows from the records
	if before != next {
		if err := run(w.update, next.updateArgs()); err != nil {
			return nil, err
		}
	}
	return &next, nil
}

// rollback undoes the open transaction (SQLite may have done so itself) and returns
// the cause, classified.
func (s *Store) rollback(op string, cause error) error {
	if isSQL(cause) {
		cause = sqlError(op, cause)
	}
	if !autoCommit(s.writer.conn) {
		if err := s.writer.exec("ROLLBACK"); err != nil {
			return s.poison(fmt.Errorf("%w; rollback: %w", cause, err))
		}
	}
	return cause
}

// commitFailed resolves a failed COMMIT: the store is poisoned unless the failure is
// of a kind that stores nothing and reading the state back confirms it.
func (s *Store) commitFailed(op string, cause error) error {
	err := s.rollback(op+": commit", cause)
	if errors.Is(err, ErrPoisoned) {
		return err
	}
	if !commitRefused(cause) {
		return s.poison(err)
	}
	stored, readErr := s.writer.stored()
	if readErr != nil {
		return s.poison(fmt.Errorf("%w; read back: %w", err, readErr))
	}
	if stored != *s.state.Load() {
		return s.poison(fmt.Errorf("%w; yet it was stored", err))
	}
	return err
}

// autoCommit says that a connection is in no transaction.
func autoCommit(conn *sql.Conn) bool {
	auto := false
	err := conn.Raw(func(c any) error {
		auto = c.(*sqlite3.SQLiteConn).AutoCommit()
		return nil
	})
	return err == nil && auto
}

// poison refuses every later write.
func (s *Store) poison(cause error) error {
	err := fmt.Errorf("%w: %w", ErrPoisoned, cause)
	s.poisoned.CompareAndSwap(nil, &err)
	s.log.Error("store takes no more writes", "event", logevent.StoreClosedToWrites, "error", cause)
	return err
}

// CheckDisk says, by returning nil, that the disk takes writes (again), and that what could not be
// read can be: there is room for a batch, and something that changes nothing was stored.
func (s *Store) CheckDisk(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := checkFree(s.dir); err != nil {
		return err
	}
	if err := s.checkReadable(ctx); err != nil {
		return err
	}
	return s.write("check", func(w *writer, _ *durable) error {
		return w.exec("UPDATE meta SET start_count = start_count")
	})
}

func (s *Store) writable() error {
	if s.closed.Load() {
		return ErrClosed
	}
	if err := s.poisoned.Load(); err != nil {
		return *err
	}
	return nil
}
