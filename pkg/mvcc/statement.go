package mvcc

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
)

// query executes a prepared statement of the driver's. The driver watches over a context
// that can end with a goroutine for each query, so it isn't given one.
func query(stmt driver.Stmt, args []driver.NamedValue) (driver.Rows, error) {
	return stmt.(driver.StmtQueryContext).QueryContext(context.Background(), args)
}

// run executes a statement that returns no rows. The driver binds a query's arguments
// in one call, those of Exec one by one; it executes either at once.
func run(stmt driver.Stmt, args []driver.NamedValue) error {
	rows, err := query(stmt, args)
	if err != nil {
		return err
	}
	return rows.Close()
}

// queryInts reads the one row of integers that a statement without arguments returns.
func queryInts(stmt driver.Stmt, to []int64) error {
	rows, err := query(stmt, nil)
	if err != nil {
		return err
	}
	row := make([]driver.Value, len(to))
	if err := rows.Next(row); err != nil {
		return errors.Join(err, rows.Close())
	}
	for i, v := range row {
		n, ok := v.(int64)
		if !ok {
			return errors.Join(fmt.Errorf("%w: column %d is a %T", ErrCorrupt, i, v), rows.Close())
		}
		to[i] = n
	}
	return rows.Close()
}
