package mvcc

import (
	"context"
	"database/sql"
	"database/sql/driver"

	"github.com/netsy-io/netsy/pkg/record"
)

// durable is everything that is stored beside the records and changes with them,
// and the tail, which is derived from them. The store keeps the last committed one
// in memory; a transaction works on a copy, which is installed after its commit.
type durable struct {
	promised, served record.Epoch
	tail             record.Pos
	compact          record.Revision // logical: reads below it are refused
	purged           record.Revision // physical: superseded records at or below it are gone
	logged           loggedPos
}

// loggedPos is the newest position known to be in the object log, and the first
// revision of the chunk that holds it.
type loggedPos struct {
	first record.Revision
	pos   record.Pos
}

func (d *durable) election() ElectionState {
	return ElectionState{Promised: d.promised, Served: d.served, Tail: d.tail}
}

const (
	selectDurable = `SELECT promised, served, compact_revision, purged_revision, logged_first, logged_epoch, logged_revision,
	coalesce((SELECT max(pos) FROM records), 0), coalesce((SELECT epoch FROM records ORDER BY pos DESC LIMIT 1), 0) FROM meta`
	updateDurable = `UPDATE meta SET promised=?, served=?, compact_revision=?, purged_revision=?, logged_first=?, logged_epoch=?, logged_revision=?`
)

// durableColumns is the number of selectDurable's columns, all integers.
const durableColumns = 9

func durableOf(row [durableColumns]int64) durable {
	return durable{
		promised: record.Epoch(row[0]), served: record.Epoch(row[1]),
		compact: record.Revision(row[2]), purged: record.Revision(row[3]),
		logged: loggedPos{first: record.Revision(row[4]), pos: record.Pos{Epoch: record.Epoch(row[5]), Revision: record.Revision(row[6])}},
		tail:   record.Pos{Epoch: record.Epoch(row[8]), Revision: rowPos(row[7]).revision()},
	}
}

func readDurable(ctx context.Context, q interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}) (durable, error) {
	var row [durableColumns]int64
	dest := make([]any, durableColumns)
	for i := range row {
		dest[i] = &row[i]
	}
	if err := q.QueryRowContext(ctx, selectDurable).Scan(dest...); err != nil {
		return durable{}, sqlError("read the stored state", err)
	}
	return durableOf(row), nil
}

func (d *durable) updateArgs() []driver.NamedValue {
	var args []driver.NamedValue
	for i, v := range []int64{
		int64(d.promised), int64(d.served), int64(d.compact), int64(d.purged),
		int64(d.logged.first), int64(d.logged.pos.Epoch), int64(d.logged.pos.Revision),
	} {
		args = append(args, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	return args
}
