package mvcc

import (
	"context"
	"database/sql"

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

func scanDurable(row scanner) (durable, error) {
	var (
		d   durable
		pos int64
	)
	err := row.Scan(&d.promised, &d.served, &d.compact, &d.purged, &d.logged.first, &d.logged.pos.Epoch, &d.logged.pos.Revision,
		&pos, &d.tail.Epoch)
	d.tail.Revision = rowPos(pos).revision()
	return d, err
}

func readDurable(ctx context.Context, q interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}) (durable, error) {
	d, err := scanDurable(q.QueryRowContext(ctx, selectDurable))
	if err != nil {
		return durable{}, sqlError("read the stored state", err)
	}
	return d, nil
}

func (d *durable) updateArgs() []any {
	return []any{int64(d.promised), int64(d.served), int64(d.compact), int64(d.purged),
		int64(d.logged.first), int64(d.logged.pos.Epoch), int64(d.logged.pos.Revision)}
}
