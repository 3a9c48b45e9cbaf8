package mvcc

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/netsy-io/netsy/pkg/record"
)

// rangeOld answers req at req.Revision from base, a later state all of which is stored, with
// what has changed since taken back. One read transaction sees the compaction revision, the
// changes and what was before them, so compaction can't take away what it reads.
func (s *Store) rangeOld(ctx context.Context, base *Snapshot, req *etcdserverpb.RangeRequest, header record.Revision) (resp *etcdserverpb.RangeResponse, err error) {
	start := time.Now()
	o := oldState{base: base, at: record.Revision(req.Revision)}
	err = s.read(ctx, "read at an old revision", func(tx *sql.Tx) error {
		if err := s.checkCompacted(ctx, tx, o.at); err != nil {
			return err
		}
		o.tx = tx
		kvs, total, err := o.answer(ctx, req)
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

// oldState is the state at a past revision, seen from a later one.
type oldState struct {
	base *Snapshot
	at   record.Revision
	tx   *sql.Tx
}

func (o *oldState) answer(ctx context.Context, req *etcdserverpb.RangeRequest) ([]*mvccpb.KeyValue, int64, error) {
	if single(req.RangeEnd) {
		kv, err := o.get(ctx, req.Key)
		if err != nil || kv == nil {
			return nil, 0, err
		}
		return []*mvccpb.KeyValue{kv}, 1, nil
	}
	keys := newKeyRange(req.Key, req.RangeEnd)
	changed, err := o.changedSince(ctx, keys, o.base.rev)
	if err != nil {
		return nil, 0, err
	}
	total := count(o.base.tree, keys) + changed.difference(o.base)
	if req.CountOnly {
		return nil, total, nil
	}
	kvs, err := o.collect(ctx, keys, changed, fetchLimit(req))
	return kvs, total, err
}

// maxHops is how many records of a key are followed one by one: each costs about as much as
// going through some tens of the history.
const maxHops = 256

// get follows the key's records back from its present one. Where it was made anew since, or is
// gone, or has been written all the time, the whole history since says what was before.
func (o *oldState) get(ctx context.Context, key []byte) (*mvccpb.KeyValue, error) {
	kv, upTo := o.base.Get(key), o.base.rev
	if kv != nil {
		rev := record.Revision(kv.ModRevision)
		if rev <= o.at {
			return kv, nil
		}
		for range maxHops {
			r, err := o.record(ctx, key, rev)
			if err != nil {
				return nil, err
			}
			upTo = rev
			if r.Created {
				break
			}
			if rev = r.PrevRevision; rev <= o.at {
				return o.value(ctx, key, rev)
			}
		}
	}
	changed, err := o.changedSince(ctx, newKeyRange(key, nil), upTo)
	if err != nil {
		return nil, err
	}
	if before := changed.first[string(key)]; before != 0 {
		return o.value(ctx, key, before)
	}
	return nil, nil
}

func (o *oldState) value(ctx context.Context, key []byte, rev record.Revision) (*mvccpb.KeyValue, error) {
	r, err := o.record(ctx, key, rev)
	if err != nil {
		return nil, err
	}
	return keyValue(r), nil
}

// record reads the key's record at rev, which another one, or the state, says there is.
func (o *oldState) record(ctx context.Context, key []byte, rev record.Revision) (*record.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r, err := recordAt(context.WithoutCancel(ctx), o.tx, rev, key) // the driver makes an interruptible query several times dearer
	if err == nil && r == nil {
		err = fmt.Errorf("%w: there is no record of key %q at revision %d", ErrCorrupt, key, rev)
	}
	return r, err
}

// collect returns the keys of the range in order; limit 0 means all.
func (o *oldState) collect(ctx context.Context, keys keyRange, changed *changes, limit int) ([]*mvccpb.KeyValue, error) {
	var (
		kvs    []*mvccpb.KeyValue
		before = changed.existed()
		err    error
	)
	full := func() bool { return limit != 0 && len(kvs) >= limit }
	// until adds what lived then, and was changed since, up to key.
	until := func(more func(key string) bool) {
		for len(before) > 0 && err == nil && !full() && more(before[0]) {
			var kv *mvccpb.KeyValue
			if kv, err = o.value(ctx, []byte(before[0]), changed.first[before[0]]); err == nil {
				kvs = append(kvs, kv)
			}
			before = before[1:]
		}
	}
	o.base.Ascend(keys.key, func(kv *mvccpb.KeyValue) bool {
		if keys.past(kv.Key) {
			return false
		}
		until(func(key string) bool { return key <= string(kv.Key) })
		if _, was := changed.first[string(kv.Key)]; !was && err == nil && !full() {
			kvs = append(kvs, kv)
		}
		return err == nil && !full()
	})
	until(func(string) bool { return true })
	return kvs, err
}
