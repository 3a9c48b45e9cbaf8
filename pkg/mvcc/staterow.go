package mvcc

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"github.com/mattn/go-sqlite3"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/netsy-io/netsy/pkg/record"
)

// stateRow is what the state needs of a record. key and value are the row's own.
type stateRow struct {
	pos                            rowPos
	deleted                        bool
	createRevision, version, lease int64
	key, value                     []byte
}

const (
	selectState = `SELECT pos, deleted, create_revision, version, lease, key, value FROM records NOT INDEXED
	WHERE pos BETWEEN ? AND ? ORDER BY pos`
	stateColumns = 7
)

func (r *stateRow) item() *item {
	it, _ := newItem(r.pos, &mvccpb.KeyValue{
		Key: r.key, Value: r.value, CreateRevision: r.createRevision, ModRevision: int64(r.pos.revision()),
		Version: r.version, Lease: r.lease,
	})
	return it
}

// scanState calls fn for each record of from..to in order, and looks at ctx from time
// to time. It goes by database/sql, which would copy each value once more and cost
// as much as all the rest.
func scanState(ctx context.Context, conn *sql.Conn, from, to record.Revision, fn func(*stateRow) error) error {
	return conn.Raw(func(c any) (err error) {
		stmt, err := c.(*sqlite3.SQLiteConn).Prepare(selectState)
		if err != nil {
			return sqlError("read state", err)
		}
		defer stmt.Close()
		rows, err := query(stmt, []driver.NamedValue{{Ordinal: 1, Value: int64(firstOf(from))}, {Ordinal: 2, Value: int64(lastOf(to))}})
		if err != nil {
			return sqlError("read state", err)
		}
		defer rows.Close()
		return eachState(ctx, rows, fn)
	})
}

func eachState(ctx context.Context, rows driver.Rows, fn func(*stateRow) error) error {
	var (
		r    stateRow
		dest [stateColumns]driver.Value
	)
	for n := 0; ; n++ {
		if n%pieceRecords == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := rows.Next(dest[:]); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return sqlError("read state", err)
		}
		if err := r.set(&dest); err != nil {
			return err
		}
		if err := fn(&r); err != nil {
			return err
		}
	}
}

// set takes a row over. The driver makes each blob anew, so they needn't be copied.
func (r *stateRow) set(v *[stateColumns]driver.Value) error {
	pos, ok0 := v[0].(int64)
	deleted, ok1 := v[1].(int64)
	var ok [5]bool
	r.createRevision, ok[0] = v[2].(int64)
	r.version, ok[1] = v[3].(int64)
	r.lease, ok[2] = v[4].(int64)
	r.key, ok[3] = v[5].([]byte)
	r.value, ok[4] = v[6].([]byte)
	if !ok0 || !ok1 || ok != [5]bool{true, true, true, true, true} {
		return fmt.Errorf("%w: a row of records is %T", ErrCorrupt, v)
	}
	r.pos, r.deleted = rowPos(pos), deleted != 0
	if len(r.value) == 0 {
		r.value = nil
	}
	return nil
}
