package mvcc

import (
	"sync/atomic"

	"go.etcd.io/etcd/api/v3/mvccpb"
)

// item is a live key, as the tree holds it. All of it is immutable but whether its value is
// in memory: trees of many revisions share it.
type item struct {
	key                            []byte
	pos                            rowPos // where its record is stored
	createRevision, version, lease int64
	value                          atomic.Pointer[cached] // nil: in SQLite only
}

// cached is a key with its value in memory. kv is what answers and events share; it never
// changes, and stays whole for whoever has it when the cache lets it go.
type cached struct {
	kv   mvccpb.KeyValue
	item *item
	used atomic.Bool // since the cache's hand passed by

	where        whereabouts // guarded, as newer and older are, by the cache's mutex
	newer, older *cached
}

// newItem makes an item with its value in memory, and what is shared of it.
func newItem(pos rowPos, kv *mvccpb.KeyValue) (*item, *mvccpb.KeyValue) {
	it := &item{key: kv.Key, pos: pos, createRevision: kv.CreateRevision, version: kv.Version, lease: kv.Lease}
	c := &cached{kv: *kv, item: it}
	it.value.Store(c)
	return it, &c.kv
}

// inMemory returns the key with its value; nil if that is in SQLite only.
func (it *item) inMemory() *mvccpb.KeyValue {
	c := it.value.Load()
	if c == nil {
		return nil
	}
	if !c.used.Load() { // else readers would take the cache line from one another
		c.used.Store(true)
	}
	return &c.kv
}

// bare is the key without its value.
func (it *item) bare() mvccpb.KeyValue {
	return mvccpb.KeyValue{
		Key: it.key, CreateRevision: it.createRevision, ModRevision: it.modRevision(), Version: it.version, Lease: it.lease,
	}
}

func (it *item) modRevision() int64 { return int64(it.pos.revision()) }
