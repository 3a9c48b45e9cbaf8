package mvcc

import (
	"bytes"
	"sort"

	"github.com/tidwall/btree"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/netsy-io/netsy/pkg/record"
)

// tree holds the live keys in byte order. Items are immutable: answers and events
// share them by pointer. Netsy's own keys are never in it.
type tree = btree.BTreeG[*mvccpb.KeyValue]

func newTree() *tree {
	less := func(a, b *mvccpb.KeyValue) bool { return bytes.Compare(a.Key, b.Key) < 0 }
	return btree.NewBTreeGOptions(less, btree.Options{NoLocks: true})
}

// Snapshot is the state at one revision. It is immutable and safe for any number
// of readers.
type Snapshot struct {
	tree *tree
	rev  record.Revision
}

// Revision is the revision of which this is the state; 0 before anything is known.
func (sn *Snapshot) Revision() record.Revision { return sn.rev }

// Len is the number of keys.
func (sn *Snapshot) Len() int { return sn.tree.Len() }

// Get returns the key's present value or nil. It must not be changed.
func (sn *Snapshot) Get(key []byte) *mvccpb.KeyValue { return get(sn.tree, key) }

// Ascend calls fn for each key from the given one on, in byte order, until fn
// returns false. The values must not be changed.
func (sn *Snapshot) Ascend(from []byte, fn func(*mvccpb.KeyValue) bool) {
	sn.tree.Ascend(&mvccpb.KeyValue{Key: from}, fn)
}

func get(t *tree, key []byte) *mvccpb.KeyValue {
	kv, _ := t.Get(&mvccpb.KeyValue{Key: key})
	return kv
}

// collect returns the keys of r in order; limit 0 means all. It never walks further.
func collect(t *tree, r keyRange, limit int) []*mvccpb.KeyValue {
	var kvs []*mvccpb.KeyValue
	t.Ascend(&mvccpb.KeyValue{Key: r.key}, func(kv *mvccpb.KeyValue) bool {
		if r.past(kv.Key) {
			return false
		}
		kvs = append(kvs, kv)
		return limit == 0 || len(kvs) < limit
	})
	return kvs
}

// count is the number of keys in r, by rank, without walking them.
func count(t *tree, r keyRange) int64 {
	end := t.Len()
	if !r.open {
		end = rank(t, r.end)
	}
	return int64(max(0, end-rank(t, r.key)))
}

// rank is the number of keys below key.
func rank(t *tree, key []byte) int {
	return sort.Search(t.Len(), func(i int) bool {
		kv, _ := t.GetAt(i)
		return bytes.Compare(kv.Key, key) >= 0
	})
}
