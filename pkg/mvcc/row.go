package mvcc

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/netsy-io/netsy/pkg/record"
)

// recordColumns is the order in which appendArgs and scanRecord go through a row.
const recordColumns = `pos, epoch, key, created, deleted, create_revision, prev_revision, version, lease, dek,
	created_at, compacted_at, replicated_at, leader_id, value`

// appendArgs appends a record's row to a statement's arguments.
func appendArgs(args []driver.NamedValue, r *record.Record) ([]driver.NamedValue, error) {
	pos, err := packPos(r.Revision, r.Sub)
	if err != nil {
		return nil, err
	}
	row := [...]any{
		int64(pos), int64(r.Epoch), blob(r.Key), r.Created, r.Deleted, int64(r.CreateRevision), int64(r.PrevRevision),
		r.Version, r.Lease, r.DEK, nil, nil, nil, r.LeaderID, blob(r.Value),
	}
	for i, t := range [...]time.Time{r.CreatedAt, r.CompactedAt, r.ReplicatedAt} {
		if t.IsZero() {
			continue
		}
		if y := t.Year(); y < 1700 || y > 2200 { // what int64 nanoseconds hold, with a margin
			return nil, fmt.Errorf("mvcc: revision %d: timestamp %v is outside the years 1700 to 2200", r.Revision, t)
		}
		row[10+i] = t.UnixNano()
	}
	for _, v := range row {
		args = append(args, driver.NamedValue{Ordinal: len(args) + 1, Value: v})
	}
	return args, nil
}

// blob: the driver stores a nil slice as NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

type scanner interface{ Scan(dest ...any) error }

func scanRecord(row scanner) (*record.Record, error) {
	var (
		r     record.Record
		pos   int64
		times [3]sql.NullInt64
	)
	err := row.Scan(&pos, &r.Epoch, &r.Key, &r.Created, &r.Deleted, &r.CreateRevision, &r.PrevRevision, &r.Version,
		&r.Lease, &r.DEK, &times[0], &times[1], &times[2], &r.LeaderID, &r.Value)
	if err != nil {
		return nil, err
	}
	r.Revision, r.Sub = rowPos(pos).revision(), rowPos(pos).sub()
	for i, to := range []*time.Time{&r.CreatedAt, &r.CompactedAt, &r.ReplicatedAt} {
		if times[i].Valid {
			*to = time.Unix(0, times[i].Int64).UTC()
		}
	}
	if len(r.Value) == 0 {
		r.Value = nil
	}
	return &r, nil
}

// keyValue is the state that a put leaves behind.
func keyValue(r *record.Record) *mvccpb.KeyValue {
	return &mvccpb.KeyValue{
		Key: r.Key, Value: r.Value, CreateRevision: int64(r.CreateRevision), ModRevision: int64(r.Revision),
		Version: r.Version, Lease: r.Lease,
	}
}

// event is what watchers see of a record; prev is the key's state before it, if any.
func event(r *record.Record, prev *mvccpb.KeyValue) *mvccpb.Event {
	if r.Deleted {
		kv := &mvccpb.KeyValue{Key: r.Key, ModRevision: int64(r.Revision)}
		return &mvccpb.Event{Type: mvccpb.DELETE, Kv: kv, PrevKv: prev}
	}
	return &mvccpb.Event{Type: mvccpb.PUT, Kv: keyValue(r), PrevKv: prev}
}
