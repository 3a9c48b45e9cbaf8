package mvcc

import (
	"context"
	"database/sql"
	"slices"

	"github.com/netsy-io/netsy/pkg/record"
)

// changes are the keys that were changed in a span of the history. first is where
// each key's record before the first of those changes is; 0: there was none.
type changes struct {
	first map[string]record.Revision
}

// selectChanges needs no index by key: it goes through the span in the table's order.
const selectChanges = "SELECT key, CASE WHEN created THEN 0 ELSE prev_revision END FROM records NOT INDEXED WHERE pos > ? AND pos <= ?"

// changedSince reads what was changed in keys after o.at, up to a revision.
func (o *oldState) changedSince(ctx context.Context, keys keyRange, upTo record.Revision) (*changes, error) {
	query, args := selectChanges+" AND key >= ?", []any{int64(lastOf(o.at)), int64(lastOf(upTo)), blob(keys.key)}
	if !keys.open {
		query, args = query+" AND key < ?", append(args, blob(keys.end))
	}
	rows, err := o.tx.QueryContext(ctx, query+" ORDER BY pos", args...)
	if err != nil {
		return nil, sqlError("read changes", err)
	}
	defer rows.Close()
	c := &changes{first: map[string]record.Revision{}}
	for rows.Next() {
		var (
			key  sql.RawBytes
			prev record.Revision // 0: it made the key
		)
		if err := rows.Scan(&key, &prev); err != nil {
			return nil, sqlError("read changes", err)
		}
		if _, known := c.first[string(key)]; known || record.IsReserved(key) {
			continue
		}
		c.first[string(key)] = prev
	}
	if err := rows.Err(); err != nil {
		return nil, sqlError("read changes", err)
	}
	return c, nil
}

// existed are the keys that there were before the changes, in order.
func (c *changes) existed() (keys []string) {
	for key, before := range c.first {
		if before != 0 {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// difference is how many more keys there were before the changes than in sn, which is
// after them.
func (c *changes) difference(sn *Snapshot) (n int64) {
	for key, before := range c.first {
		if before != 0 {
			n++
		}
		if find(sn.tree, []byte(key)) != nil {
			n--
		}
	}
	return n
}
