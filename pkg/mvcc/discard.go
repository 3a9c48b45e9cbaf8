package mvcc

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// A table of records that is not needed any more is renamed, in the transaction
// that makes it so, and emptied in the background: to drop it at once would take as
// long as reading it.
const discardPrefix = "records_discarded_"

// discardRows bounds a step of emptying, as purgeRecords bounds a purge.
const discardRows = 512

// discard renames a table, if it is there, so that the background will drop it.
func discard(c execer, table string) error {
	ctx := context.Background()
	var there int
	if err := c.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?", table).Scan(&there); err != nil || there == 0 {
		return err
	}
	n, err := unusedNumber(c)
	if err != nil {
		return err
	}
	_, err = c.ExecContext(ctx, fmt.Sprintf("ALTER TABLE %s RENAME TO %s%d", table, discardPrefix, n))
	return err
}

// unusedNumber is one with which no name in the schema ends.
func unusedNumber(c execer) (int, error) {
	rows, err := c.QueryContext(context.Background(), "SELECT name FROM sqlite_schema")
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	unused := 1
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return 0, err
		}
		if n, err := strconv.Atoi(name[strings.LastIndexByte(name, '_')+1:]); err == nil && n >= unused {
			unused = n + 1
		}
	}
	return unused, rows.Err()
}

const selectDiscarded = "SELECT coalesce(min(name), '') FROM sqlite_schema WHERE type = 'table' AND name GLOB '" + discardPrefix + "*'"

// discardStep empties what was discarded by one step, and drops what is empty; more
// says that there was something left.
func (s *Store) discardStep(ctx context.Context) (more bool, err error) {
	var table string
	if err := s.readDB.QueryRowContext(ctx, selectDiscarded).Scan(&table); err != nil {
		return false, sqlError("look for discarded records", err)
	}
	if table == "" {
		return false, nil
	}
	if err := s.write("drop discarded records", func(w *writer, _ *durable) error { return shrinkDiscarded(w.conn) }); err != nil {
		return false, err
	}
	return true, nil
}

// shrinkDiscarded takes from a discarded table its index, then rows, and in the end drops it.
func shrinkDiscarded(c execer) error {
	ctx := context.Background()
	var table, index string
	if err := c.QueryRowContext(ctx, selectDiscarded).Scan(&table); err != nil || table == "" {
		return err
	}
	if err := c.QueryRowContext(ctx, "SELECT coalesce(min(name), '') FROM sqlite_schema WHERE type = 'index' AND tbl_name = ?", table).Scan(&index); err != nil {
		return err
	}
	if index != "" {
		_, err := c.ExecContext(ctx, "DROP INDEX "+index)
		return err
	}
	res, err := c.ExecContext(ctx, fmt.Sprintf("DELETE FROM %s WHERE pos IN (SELECT pos FROM %s ORDER BY pos LIMIT %d)", table, table, discardRows))
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n == discardRows {
		return err
	}
	_, err = c.ExecContext(ctx, "DROP TABLE "+table)
	return err
}
