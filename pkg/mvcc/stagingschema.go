package mvcc

import (
	"context"
	"database/sql/driver"
	"fmt"
	"net/url"
	"strings"
)

// insertColumns is the number of recordColumns.
const insertColumns = 15

// stagingPragmas: checkpoints come where the load wants them; the pages of the index
// under construction are sorted in this much memory (KiB) before they go to a file.
const stagingPragmas = "PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -65536"

// stagingDSN opens path for a load. See staging.
func stagingDSN(path string) string {
	q := url.Values{"_busy_timeout": {busyMillis}, "_synchronous": {"NORMAL"}, "_txlock": {"immediate"}}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}).String()
}

// copySchema makes table to with the columns of from, whatever migrations made them.
func copySchema(c execer, from, to string) error {
	var made string
	err := c.QueryRowContext(context.Background(), "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?", from).Scan(&made)
	if err != nil {
		return err
	}
	_, err = c.ExecContext(context.Background(), "CREATE TABLE "+to+" "+made[strings.IndexByte(made, '('):])
	return err
}

// copyIndex makes the index that from has on to, with a name of its own: an index
// can't be renamed, and no query names one.
func copyIndex(ctx context.Context, c execer, from, to string) error {
	var made string
	err := c.QueryRowContext(ctx, "SELECT sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = ?", from).Scan(&made)
	if err != nil {
		return err
	}
	n, err := unusedNumber(c)
	if err != nil {
		return err
	}
	_, err = c.ExecContext(ctx, fmt.Sprintf("CREATE INDEX records_by_key_%d ON %s %s", n, to, made[strings.IndexByte(made, '('):]))
	return err
}

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
