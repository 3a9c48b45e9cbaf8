package mvcc

import (
	"database/sql/driver"
	"errors"
	"strings"

	"github.com/mattn/go-sqlite3"

	"github.com/netsy-io/netsy/pkg/record"
)

// inserter puts records into a table by the driver's own statements: database/sql would
// cost as much as SQLite. One goroutine at a time may use it.
type inserter struct {
	statements []insertion // largest first, down to one row
	args       []driver.NamedValue
}

type insertion struct {
	rows int
	stmt driver.Stmt
}

// rowsPerInsert: with more the cost of a statement's call is lost in that of its rows.
var rowsPerInsert = []int{32, 8, 1}

// insertColumns is the number of recordColumns.
const insertColumns = 15

func newInserter(c *sqlite3.SQLiteConn, table string) (*inserter, error) {
	const row = "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
	in := &inserter{args: make([]driver.NamedValue, 0, rowsPerInsert[0]*insertColumns)}
	for _, n := range rowsPerInsert {
		stmt, err := c.Prepare("INSERT INTO " + table + " (" + recordColumns + ") VALUES " + row + strings.Repeat(","+row, n-1))
		if err != nil {
			return nil, errors.Join(sqlError("prepare", err), in.close())
		}
		in.statements = append(in.statements, insertion{n, stmt})
	}
	return in, nil
}

func (in *inserter) insert(recs []record.Record) error {
	for _, s := range in.statements {
		for len(recs) >= s.rows {
			if err := in.run(s.stmt, recs[:s.rows]); err != nil {
				return err
			}
			recs = recs[s.rows:]
		}
	}
	return nil
}

func (in *inserter) run(stmt driver.Stmt, recs []record.Record) error {
	defer func() {
		clear(in.args) // keys and values are others'
		in.args = in.args[:0]
	}()
	for i := range recs {
		var err error
		if in.args, err = appendArgs(in.args, &recs[i]); err != nil {
			return err
		}
	}
	return run(stmt, in.args)
}

func (in *inserter) close() error {
	var errs []error
	for _, s := range in.statements {
		errs = append(errs, s.stmt.Close())
	}
	return errors.Join(errs...)
}
