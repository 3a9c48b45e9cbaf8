package mvcc

import (
	"context"
	"fmt"
)

// isEpochStart selects the records of record.EpochStartKey. Queries that say it in these
// words go by the index.
const isEpochStart = "key = X'5F6E657473792F65706F6368'"

// indexWanted is the condition of the one index on the records. There is none on the key: keys
// come in no order, so each write would change one more page of the file than there are records
// in it. What is asked of the history goes by position, or from one record to the one
// before it.
const indexWanted = "(pos) WHERE " + isEpochStart

// addIndex makes the index on a table of records, under a name of its own: an index can't be
// renamed, and no query names one.
func addIndex(ctx context.Context, c execer, table string) error {
	n, err := unusedNumber(c)
	if err != nil {
		return err
	}
	_, err = c.ExecContext(ctx, fmt.Sprintf("CREATE INDEX epoch_starts_%d ON %s %s", n, table, indexWanted))
	return err
}

// fixIndexes makes the index if it isn't there, and drops the one by key that former versions
// made and needed. They can still read a file without it, slowly.
func fixIndexes(ctx context.Context, c execer) error {
	rows, err := c.QueryContext(ctx, "SELECT name, sql LIKE '% WHERE %' FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'records'")
	if err != nil {
		return err
	}
	defer rows.Close()
	var others []string
	there := false
	for rows.Next() {
		var (
			name    string
			partial bool
		)
		if err := rows.Scan(&name, &partial); err != nil {
			return err
		}
		if partial {
			there = true
		} else {
			others = append(others, name)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, name := range others {
		if _, err := c.ExecContext(ctx, "DROP INDEX "+name); err != nil {
			return err
		}
	}
	if there {
		return nil
	}
	return addIndex(ctx, c, "records")
}
