package mvcc

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/netsy-io/netsy/pkg/record"
)

// rangeOld answers req at req.Revision from base, a later state all of which is stored, with
// what has changed since taken back. One read transaction sees the compaction revision, the
// changes and what was before them, so compaction can't take away what it reads.
func (s *Store) rangeOld(ctx context.Context, from filler, base *Snapshot, req *etcdserverpb.RangeRequest, header record.Revision) (*etcdserverpb.RangeResponse, error) {
	start := time.Now()
	var (
		o     = oldState{base: base, at: record.Revision(req.Revision)}
		f     found
		total int64
	)
	err := s.read(ctx, "read at an old revision", func(tx *sql.Tx) error {
		if err := s.checkCompacted(ctx, tx, o.at); err != nil {
			return err
		}
		o.tx = tx
		var err error
		f, total, err = o.answer(ctx, req)
		return err
	})
	if err != nil {
		return nil, err
	}
	resp, err := answer(ctx, from, req, f, total, header)
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

func (o *oldState) answer(ctx context.Context, req *etcdserverpb.RangeRequest) (found, int64, error) {
	f := found{bare: needsNoValues(req)}
	if single(req.RangeEnd) {
		err := o.get(ctx, req.Key, &f)
		return f, int64(len(f.kvs)), err
	}
	keys := newKeyRange(req.Key, req.RangeEnd)
	changed, err := o.changedSince(ctx, keys, o.base.rev)
	if err != nil {
		return found{}, 0, err
	}
	total := count(o.base.tree, keys) + changed.difference(o.base)
	if req.CountOnly {
		return found{}, total, nil
	}
	err = o.collect(ctx, keys, changed, fetchLimit(req), &f)
	return f, total, err
}

// maxHops is how many records of a key are followed one by one: each costs about as much as
// going through some tens of the history.
const maxHops = 256

// get follows the key's records back from its present one, to what f is given. Where it was made anew
// since, or is gone, or has been written all the time, the whole history since says what was before.
func (o *oldState) get(ctx context.Context, key []byte, f *found) error {
	it, upTo := find(o.base.tree, key), o.base.rev
	if it != nil {
		rev := it.pos.revision()
		if rev <= o.at {
			f.add(it)
			return nil
		}
		for range maxHops {
			r, err := o.record(ctx, key, rev)
			if err != nil {
				return err
			}
			upTo = rev
			if r.Created {
				break
			}
			if rev = r.PrevRevision; rev <= o.at {
				return o.value(ctx, key, rev, f)
			}
		}
	}
	changed, err := o.changedSince(ctx, newKeyRange(key, nil), upTo)
	if err != nil {
		return err
	}
	if before := changed.first[string(key)]; before != 0 {
		return o.value(ctx, key, before, f)
	}
	return nil
}

// value gives f the key as its record at rev left it.
func (o *oldState) value(ctx context.Context, key []byte, rev record.Revision, f *found) error {
	r, err := o.record(ctx, key, rev)
	if err == nil {
		f.kvs = append(f.kvs, keyValue(r))
	}
	return err
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

// collect gives f the keys of the range in order; limit 0 means all.
func (o *oldState) collect(ctx context.Context, keys keyRange, changed *changes, limit int, f *found) (err error) {
	before := changed.existed()
	full := func() bool { return limit != 0 && len(f.kvs) >= limit }
	// until adds what lived then, and was changed since, up to key.
	until := func(more func(key string) bool) {
		for len(before) > 0 && err == nil && !full() && more(before[0]) {
			err = o.value(ctx, []byte(before[0]), changed.first[before[0]], f)
			before = before[1:]
		}
	}
	o.base.tree.Ascend(&item{key: keys.key}, func(it *item) bool {
		if keys.past(it.key) {
			return false
		}
		until(func(key string) bool { return key <= string(it.key) })
		if _, was := changed.first[string(it.key)]; !was && err == nil && !full() {
			f.add(it)
		}
		return err == nil && !full()
	})
	until(func(string) bool { return true })
	return err
}
