package mvcc

import (
	"sync/atomic"
	"unsafe"

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

// newItem makes an item with its value in memory, and what is shared of it. The key is copied.
func newItem(pos rowPos, kv *mvccpb.KeyValue) (*item, *mvccpb.KeyValue) {
	it := itemOf(kv.Key)
	it.pos, it.createRevision, it.version, it.lease = pos, kv.CreateRevision, kv.Version, kv.Lease
	c := &cached{kv: *kv, item: it}
	c.kv.Key = it.key
	it.value.Store(c)
	return it, &c.kv
}

// itemOf makes an item with a copy of key behind it: one object for the collector to find
// instead of two, and a comparison reads memory that is near.
func itemOf(key []byte) *item {
	it, room := itemWithRoom(len(key))
	n := copy(room, key)
	it.key = room[:n:n]
	return it
}

// itemWithRoom makes an item and room for n bytes or more. With the item's own 64 bytes the
// sizes are some that Go allocates.
func itemWithRoom(n int) (*item, []byte) {
	switch {
	case n <= 16:
		return itemBefore[[16]byte]()
	case n <= 32:
		return itemBefore[[32]byte]()
	case n <= 48:
		return itemBefore[[48]byte]()
	case n <= 64:
		return itemBefore[[64]byte]()
	case n <= 80:
		return itemBefore[[80]byte]()
	case n <= 112:
		return itemBefore[[112]byte]()
	}
	return new(item), make([]byte, n)
}

// itemBefore makes an item and, in the same object, an array of bytes behind it.
func itemBefore[Array any]() (*item, []byte) {
	x := new(struct {
		item
		room Array
	})
	return &x.item, unsafe.Slice((*byte)(unsafe.Pointer(&x.room)), unsafe.Sizeof(x.room))
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
