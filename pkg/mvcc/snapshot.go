package mvcc

import (
	"bytes"
	"sort"

	"github.com/tidwall/btree"

	"github.com/netsy-io/netsy/pkg/record"
)

// tree holds the live keys in byte order. Netsy's own keys are never in it.
type tree = btree.BTreeG[*item]

func newTree() *tree {
	less := func(a, b *item) bool { return bytes.Compare(a.key, b.key) < 0 }
	return btree.NewBTreeGOptions(less, btree.Options{NoLocks: true})
}

// Snapshot is the state at one revision. It is immutable and safe for any number
// of readers.
type Snapshot struct {
	tree    *tree
	rev     record.Revision
	written *turnover // nil: nothing that the value cache doesn't know of
}

// Revision is the revision of which this is the state; 0 before anything is known.
func (sn *Snapshot) Revision() record.Revision { return sn.rev }

// Len is the number of keys.
func (sn *Snapshot) Len() int { return sn.tree.Len() }

// EachLeased calls fn for each key that has a lease, in byte order. The key must not
// be changed.
func (sn *Snapshot) EachLeased(fn func(key []byte, lease int64)) {
	sn.tree.Scan(func(it *item) bool {
		if it.lease != 0 {
			fn(it.key, it.lease)
		}
		return true
	})
}

func find(t *tree, key []byte) *item {
	it, _ := t.Get(&item{key: key})
	return it
}

// collect returns the keys of r in order; limit 0 means all. It never walks further.
func collect(t *tree, r keyRange, limit int, bare bool) found {
	f := found{bare: bare}
	t.Ascend(&item{key: r.key}, func(it *item) bool {
		if r.past(it.key) {
			return false
		}
		f.add(it)
		return limit == 0 || len(f.kvs) < limit
	})
	return f
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
		it, _ := t.GetAt(i)
		return bytes.Compare(it.key, key) >= 0
	})
}
