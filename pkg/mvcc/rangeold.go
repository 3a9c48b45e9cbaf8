package mvcc

import (
	"context"
	"database/sql"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/netsy-io/netsy/pkg/record"
)

// clientKeys leaves out Netsy's own keys; it says in SQL what record.IsReserved says.
const clientKeys = ` AND key <> CAST('_netsy' AS BLOB) AND NOT (key >= CAST('_netsy/' AS BLOB) AND key < CAST('_netsy0' AS BLOB))`

// rangeOld answers req at req.Revision from SQLite, in one read transaction: count
// and keys are of one moment, and compaction can't take away what it reads.
func (s *Store) rangeOld(ctx context.Context, req *etcdserverpb.RangeRequest, header record.Revision) (resp *etcdserverpb.RangeResponse, err error) {
	start := time.Now()
	at := record.Revision(req.Revision)
	err = s.read(ctx, "read at an old revision", func(tx *sql.Tx) error {
		if err := s.checkCompacted(ctx, tx, at); err != nil {
			return err
		}
		kvs, total, err := rangeAt(ctx, tx, req, at)
		if err != nil {
			return err
		}
		resp = answer(req, kvs, total, header)
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.metrics.oldRangeSeconds.Observe(time.Since(start).Seconds())
	return resp, nil
}

func rangeAt(ctx context.Context, tx *sql.Tx, req *etcdserverpb.RangeRequest, at record.Revision) ([]*mvccpb.KeyValue, int64, error) {
	if single(req.RangeEnd) {
		if record.IsReserved(req.Key) {
			return nil, 0, nil
		}
		r, err := newestBefore(ctx, tx, req.Key, firstOf(at+1))
		if err != nil || r == nil || r.Deleted {
			return nil, 0, err
		}
		return []*mvccpb.KeyValue{keyValue(r)}, 1, nil
	}
	keys, limit := newKeyRange(req.Key, req.RangeEnd), fetchLimit(req)
	if req.CountOnly {
		total, err := countAt(ctx, tx, keys, at)
		return nil, total, err
	}
	kvs, err := keysAt(ctx, tx, keys, at, limit)
	if err != nil || limit == 0 || len(kvs) < limit {
		return kvs, int64(len(kvs)), err
	}
	total, err := countAt(ctx, tx, keys, at)
	return kvs, total, err
}

// liveAt selects the position of each key's newest record up to a revision, in key
// order, unless that is a tombstone. It reads nothing but the index. The maximum
// carries the tombstone flag in its last bit, see maxRevision.
func liveAt(keys keyRange, at record.Revision) (query string, args []any) {
	query, args = `SELECT max(pos*2 + deleted) AS newest FROM records WHERE key >= ?`, []any{blob(keys.key)}
	if !keys.open {
		query, args = query+` AND key < ?`, append(args, blob(keys.end))
	}
	return query + ` AND pos <= ?` + clientKeys + ` GROUP BY key HAVING newest % 2 = 0`, append(args, int64(lastOf(at)))
}

func countAt(ctx context.Context, tx *sql.Tx, keys keyRange, at record.Revision) (total int64, err error) {
	live, args := liveAt(keys, at)
	if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM (`+live+`)`, args...).Scan(&total); err != nil {
		return 0, sqlError("count keys", err)
	}
	return total, nil
}

func keysAt(ctx context.Context, tx *sql.Tx, keys keyRange, at record.Revision, limit int) ([]*mvccpb.KeyValue, error) {
	positions, err := positionsAt(ctx, tx, keys, at, limit)
	if err != nil || len(positions) == 0 {
		return nil, err
	}
	stmt, err := tx.PrepareContext(ctx, "SELECT "+recordColumns+" FROM records WHERE pos = ?")
	if err != nil {
		return nil, sqlError("read keys", err)
	}
	defer stmt.Close()
	kvs := make([]*mvccpb.KeyValue, len(positions))
	for i, pos := range positions {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		r, err := scanRecord(stmt.QueryRow(int64(pos))) // the driver makes an interruptible one several times dearer
		if err != nil {
			return nil, sqlError("read keys", err)
		}
		kvs[i] = keyValue(r)
	}
	return kvs, nil
}

func positionsAt(ctx context.Context, tx *sql.Tx, keys keyRange, at record.Revision, limit int) (out []rowPos, err error) {
	live, args := liveAt(keys, at)
	live += ` ORDER BY key`
	if limit > 0 {
		live, args = live+` LIMIT ?`, append(args, limit)
	}
	rows, err := tx.QueryContext(ctx, live, args...)
	if err != nil {
		return nil, sqlError("select keys", err)
	}
	defer rows.Close()
	for rows.Next() {
		var newest int64
		if err := rows.Scan(&newest); err != nil {
			return nil, sqlError("select keys", err)
		}
		out = append(out, rowPos(newest/2))
	}
	if err := rows.Err(); err != nil {
		return nil, sqlError("select keys", err)
	}
	return out, nil
}
