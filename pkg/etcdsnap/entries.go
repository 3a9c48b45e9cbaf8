package etcdsnap

import (
	"context"
	"errors"

	bolt "go.etcd.io/bbolt"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/netsy-io/netsy/pkg/record"
)

// entry is one change of one key, as etcd keeps it. A tombstone has a key alone. A filler
// has nothing: `etcdutl snapshot restore --bump-revision` makes one to raise the revision.
type entry struct {
	place
	filler bool
	kv     mvccpb.KeyValue
}

// contextPiece is how many entries are read between two looks at the context.
const contextPiece = 1024

// places passes the places of all entries to fn, in order, and whether they are fillers.
func (f *File) places(ctx context.Context, fn func(p place, filler bool)) error {
	return f.scan(ctx, func(p place, v []byte) error { fn(p, len(v) == 0); return nil })
}

// entries passes the entries up to the revision to, in order, to fn. They are only good
// until fn returns.
func (f *File) entries(ctx context.Context, to record.Revision, fn func(*entry) error) error {
	var e entry
	err := f.scan(ctx, func(p place, v []byte) error {
		if p.revision > to {
			return errStop
		}
		e = entry{place: p, filler: len(v) == 0}
		if err := e.kv.Unmarshal(v); err != nil {
			return corrupt(p.String(), "its value: %w", err)
		}
		if err := e.check(); err != nil {
			return err
		}
		return fn(&e)
	})
	if err == errStop {
		return nil
	}
	return err
}

var errStop = errors.New("stop")

func (f *File) scan(ctx context.Context, fn func(p place, v []byte) error) error {
	return f.view(func(tx *bolt.Tx) error {
		var last place
		n := 0
		c := tx.Bucket(bucketKey).Cursor()
		for k, v := c.First(); k != nil; k, v = c.Next() {
			if n++; n%contextPiece == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			p, err := parsePlace(k)
			if err != nil {
				return err
			}
			if !last.less(p) { // revisions begin at 1; the same may be there with and without 't'
				return corrupt(p.String(), "it follows %v", last)
			}
			last = p
			if err := fn(p, v); err != nil {
				return err
			}
		}
		return nil
	})
}

func (e *entry) check() error {
	switch {
	case e.filler:
		return nil
	case len(e.kv.Key) == 0:
		return corrupt(e.String(), "it has no key")
	case e.tombstone:
		return nil
	case e.kv.ModRevision != int64(e.revision):
		return corrupt(e.String(), "key %q says that it is of revision %d", e.kv.Key, e.kv.ModRevision)
	case e.kv.CreateRevision < 1 || e.kv.CreateRevision > e.kv.ModRevision || e.kv.Version < 1:
		return corrupt(e.String(), "key %q was created at revision %d, its version is %d", e.kv.Key, e.kv.CreateRevision, e.kv.Version)
	case e.kv.Version == 1 && e.kv.CreateRevision != e.kv.ModRevision:
		return corrupt(e.String(), "key %q has version 1, but was created at revision %d", e.kv.Key, e.kv.CreateRevision)
	}
	return nil
}
