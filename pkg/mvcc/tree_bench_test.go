package mvcc

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"go.etcd.io/etcd/api/v3/mvccpb"
)

// forest is a tree with keys as Kubernetes names them, and indexes in an order that no
// cache foresees.
type forest struct {
	tree  *tree
	kvs   []*item // by key
	order []int   // of kvs
	next  int
}

var benchValue = make([]byte, 1024)

func benchKey(i int) []byte {
	return fmt.Appendf(nil, "/registry/pods/namespace-%05d/pod-%03d", i/200, i%200)
}

func benchItem(key []byte) *item {
	it, _ := newItem(firstOf(1), &mvccpb.KeyValue{Key: key, Value: benchValue, ModRevision: 1, CreateRevision: 1, Version: 1})
	return it
}

func plant(keys int) *forest {
	f := &forest{tree: newTree(), kvs: make([]*item, keys), order: rand.New(rand.NewPCG(1, 2)).Perm(keys)}
	for i := range f.kvs {
		f.kvs[i] = benchItem(benchKey(i))
		f.tree.Load(f.kvs[i])
	}
	return f
}

// pick returns the number of the next key.
func (f *forest) pick() int {
	f.next++
	return f.order[f.next%len(f.order)]
}

// BenchmarkMicroTree is what the state in memory costs: an operation on one of so many
// keys, in random order; scan500 is a page of 500 keys.
func BenchmarkMicroTree(b *testing.B) {
	for _, keys := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			f := plant(keys)
			b.Run("get", f.benchGet)
			b.Run("insert", f.benchInsert)
			b.Run("overwrite", f.benchOverwrite)
			b.Run("scan500", f.benchScan)
			b.Run("publish", f.benchPublish)
			if f.tree.Len() != keys {
				b.Errorf("%d keys are left of %d", f.tree.Len(), keys)
			}
		})
	}
}

func (f *forest) benchGet(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if kv := f.kvs[f.pick()]; find(f.tree, kv.key) != kv {
			b.Fatalf("%q was not found", kv.key)
		}
	}
}

// benchInsert adds keys next to existing ones, and takes them away again unmeasured.
func (f *forest) benchInsert(b *testing.B) {
	const most = 4096 // a few percent of the smaller tree
	added := make([]*item, 0, most)
	fresh := make([]*item, most)
	prepare := func() {
		for _, kv := range added {
			if _, ok := f.tree.Delete(kv); !ok {
				b.Fatalf("%q was not inserted", kv.key)
			}
		}
		added = added[:0]
		for i := range fresh {
			fresh[i] = benchItem(fmt.Appendf(nil, "%s-%d", f.kvs[f.pick()].key, i))
		}
	}
	prepare()
	b.ReportAllocs()
	for b.Loop() {
		if len(added) == most {
			b.StopTimer()
			prepare()
			b.StartTimer()
		}
		kv := fresh[len(added)]
		if _, replaced := f.tree.Set(kv); replaced {
			b.Fatalf("%q was there", kv.key)
		}
		added = append(added, kv)
	}
	prepare()
}

func (f *forest) benchOverwrite(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, replaced := f.tree.Set(f.kvs[f.pick()]); !replaced {
			b.Fatal("a key was missing")
		}
	}
}

func (f *forest) benchScan(b *testing.B) {
	const page = 500
	b.ReportAllocs()
	for b.Loop() {
		from := f.pick() % (len(f.kvs) - page)
		kvs := collect(f.tree, keyRange{key: f.kvs[from].key, open: true}, page, false).kvs
		if len(kvs) != page || kvs[page-1] != f.kvs[from+page-1].inMemory() {
			b.Fatalf("a page from %q on has %d keys", f.kvs[from].key, len(kvs))
		}
	}
}

// benchPublish is one write and its publication: the snapshot itself, and the nodes
// that the write has to copy since the snapshot before shares them.
func (f *forest) benchPublish(b *testing.B) {
	s := begin(b)
	w := &Working{store: s.Store, tree: f.tree.Copy(), rev: s.Tail().Revision}
	b.ReportAllocs()
	for b.Loop() {
		kv := f.kvs[f.pick()]
		w.tree.Set(kv)
		if err := s.Publish(w.Snapshot()); err != nil {
			b.Fatal(err)
		}
		if find(s.Snapshot().tree, kv.key) != kv {
			b.Fatalf("%q was not published", kv.key)
		}
	}
	if s.Snapshot().Len() != len(f.kvs) {
		b.Errorf("%d keys were published of %d", s.Snapshot().Len(), len(f.kvs))
	}
}
