package mvcc

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/mattn/go-sqlite3"
)

// valuesAtOnce is how many values one statement reads: several statements cost more than
// the search in each, and rows that lie side by side share pages.
const valuesAtOnce = 64

// valueReader reads values by their record's position. Its statements are the driver's own:
// database/sql would cost several times the reading.
type valueReader struct {
	conn      *sql.Conn
	one, many driver.Stmt
	args      []driver.NamedValue
	row       [2]driver.Value
}

func newValueReader(ctx context.Context, db *sql.DB) (r *valueReader, err error) {
	r = &valueReader{args: make([]driver.NamedValue, valuesAtOnce)}
	for i := range r.args {
		r.args[i].Ordinal = i + 1
	}
	if r.conn, err = db.Conn(ctx); err != nil {
		return nil, err
	}
	err = r.conn.Raw(func(c any) (err error) {
		const query = "SELECT pos, value FROM records NOT INDEXED WHERE pos"
		conn := c.(*sqlite3.SQLiteConn)
		if r.one, err = conn.Prepare(query + " = ?"); err != nil {
			return err
		}
		r.many, err = conn.Prepare(query + " IN (?" + strings.Repeat(",?", valuesAtOnce-1) + ")")
		return err
	})
	if err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

func (r *valueReader) close() error {
	var errs []error
	for _, stmt := range []driver.Stmt{r.one, r.many} {
		if stmt != nil {
			errs = append(errs, stmt.Close())
		}
	}
	return errors.Join(append(errs, r.conn.Close())...)
}

// read calls fn with the value of each of positions, at most valuesAtOnce, that is stored; in no order.
func (r *valueReader) read(positions []rowPos, fn func(rowPos, []byte)) (err error) {
	stmt, args := r.one, r.args[:1]
	if len(positions) > 1 {
		stmt, args = r.many, r.args
	}
	for i := range args { // the last is asked for repeatedly, and comes once
		args[i].Value = int64(positions[min(i, len(positions)-1)])
	}
	rows, err := query(stmt, args)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for {
		if err := rows.Next(r.row[:]); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		pos, ok1 := r.row[0].(int64)
		value, ok2 := r.row[1].([]byte)
		if !ok1 || !ok2 {
			return fmt.Errorf("%w: a row of records is %T", ErrCorrupt, r.row)
		}
		if len(value) == 0 {
			value = nil
		}
		fn(rowPos(pos), value)
	}
}

// valueReaders are a few readers of one file, made when they are needed first.
type valueReaders struct {
	db   *sql.DB
	free chan *valueReader // nil: not made yet
}

func newValueReaders(path string, n int) (*valueReaders, error) {
	db, err := sql.Open("sqlite3", dsn(path, false))
	if err != nil {
		return nil, sqlError("open for reading values", err)
	}
	v := &valueReaders{db: db, free: make(chan *valueReader, n)}
	for range n {
		v.free <- nil
	}
	return v, nil
}

// read is valueReader.read, with one that is free.
func (v *valueReaders) read(ctx context.Context, positions []rowPos, fn func(rowPos, []byte)) error {
	return v.use(ctx, func(r *valueReader) error { return r.read(positions, fn) })
}

// use runs fn with a reader. One that failed isn't used again.
func (v *valueReaders) use(ctx context.Context, fn func(*valueReader) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	var (
		r    *valueReader
		open bool
	)
	select {
	case r, open = <-v.free:
	case <-ctx.Done():
		return ctx.Err()
	}
	if !open {
		return ErrClosed
	}
	defer func() { v.free <- r }()
	if r == nil {
		if r, err = newValueReader(ctx, v.db); err != nil {
			return sqlError("prepare to read values", err)
		}
	}
	if err = fn(r); err != nil {
		err = errors.Join(sqlError("read values", err), r.close())
		r = nil
	}
	return err
}

// close waits for the reads under way; later ones are ErrClosed.
func (v *valueReaders) close() error {
	var errs []error
	for range cap(v.free) {
		if r := <-v.free; r != nil {
			errs = append(errs, r.close())
		}
	}
	close(v.free)
	return errors.Join(append(errs, v.db.Close())...)
}
