package compactor

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
	"github.com/netsy-io/netsy/pkg/objectstore/memstore"
	"github.com/netsy-io/netsy/pkg/record"
)

func expect(t testing.TB, what string, got []int, want ...int) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, expected %v", what, got, want)
	}
}

// The life of a bucket, pass by pass.
func TestPasses(t *testing.T) {
	w := newWorld(t)
	c := w.compactor(nil)
	if r := w.once(c); !r.quiet() || r.Outcome != Done {
		t.Errorf("an empty log: %+v", r)
	}
	w.reign()  // 1
	w.write(2) // 2, 3
	if r := w.once(c); r.Written != 3 {
		t.Errorf("first snapshot: %+v", r)
	}
	w.write(2) // 4, 5
	w.reign()  // 6
	w.pass(2 * retention)
	if r := w.once(c); r.Written != 6 || r.Tombstones != 1 || r.Deleted != 1 {
		t.Errorf("second snapshot: %+v", r)
	}
	expect(t, "chunks", keysOf(t, w.mem, "chunks/"), -1, 4, 6)
	if r := w.once(c); !r.quiet() {
		t.Errorf("nothing happened, and yet: %+v", r)
	}
	w.write(1) // 7
	if r := w.once(c); r.Written != 7 || r.Deleted != 1 || r.Tombstones != 1 || r.DeletedSnapshots != 1 {
		t.Errorf("third snapshot: %+v", r)
	}
	expect(t, "chunks", keysOf(t, w.mem, "chunks/"), -1, -6, 7)
	expect(t, "snapshots", keysOf(t, w.mem, "snapshots/"), 6, 7)
	w.write(1) // 8
	if r := w.once(c); r.Written != 8 || r.DeletedSnapshots != 0 {
		t.Errorf("fourth snapshot: %+v", r)
	}
	expect(t, "snapshots, none old but those that stay", keysOf(t, w.mem, "snapshots/"), 6, 7, 8)
	w.check(w.mem)
}

func TestNoCluster(t *testing.T) {
	w := newWorld(t)
	w.store = memstore.New(nil)
	if r := w.once(w.compactor(nil)); r.Outcome != NoCluster {
		t.Errorf("got %+v", r)
	}
	if p, err := w.compactor(nil).Plan(w.ctx()); err != nil || !p.NoCluster {
		t.Errorf("got %+v, %v", p, err)
	}
}

func TestOtherCluster(t *testing.T) {
	w := newWorld(t)
	c := w.compactor(func(o *Options) { o.ClusterID = "other" })
	if err := c.Run(w.ctx(), time.Hour); err == nil || !strings.Contains(err.Error(), "other") {
		t.Errorf("got %v", err)
	}
	if _, err := w.mem.Stat(w.ctx(), LockKey); !errors.Is(err, objectstore.ErrNotFound) {
		t.Errorf("the other's lock is in the bucket (%v): nobody else can take it", err)
	}
}

// History is reduced as cluster.json says.
func TestReduces(t *testing.T) {
	w := newWorld(t)
	w.reign()
	w.write(9)
	w.compacted(7)
	w.once(w.compactor(nil))
	l, err := load(w.ctx(), w.mem)
	if err != nil || l.purged != 6 {
		t.Errorf("reduced up to %d, %v", l.purged, err)
	}
	w.check(w.mem)
}

// The store's clock is years behind the local one, by which everything is old.
func TestAgesAreTheStores(t *testing.T) {
	w := newWorld(t)
	c := w.compactor(func(o *Options) { o.Thresholds = Thresholds{Age: 10 * time.Minute} })
	w.reign()
	if r := w.once(c); r.Written != 0 {
		t.Errorf("a log of no age: %+v", r)
	}
	w.pass(10 * time.Minute)
	w.write(2)
	if r := w.once(c); r.Written != 3 {
		t.Errorf("a log of ten minutes: %+v", r)
	}
	w.pass(10 * time.Minute)
	if r := w.once(c); r.Written != 0 {
		t.Errorf("nothing beyond: %+v", r)
	}
	w.write(1)
	if r := w.once(c); r.Written != 4 || r.Deleted+r.Tombstones != 0 {
		t.Errorf("too young to be freed: %+v", r)
	}
	w.pass(retention - 10*time.Minute - time.Second)
	if r := w.once(c); r.Deleted+r.Tombstones != 1 {
		t.Errorf("the first chunk is old: %+v", r)
	}
	w.pass(time.Second)
	if r := w.once(c); r.Deleted != 1 {
		t.Errorf("the second chunk is old: %+v", r)
	}
}

// A process that knows no snapshot reads two whole before it frees, and reads none where
// nothing is to be freed; one that knows them reads none again.
func TestReadsBeforeItFrees(t *testing.T) {
	w := newWorld(t)
	w.reign()
	w.write(1)
	w.snapshot()
	w.write(1)
	w.snapshot()
	var trace fault.Trace
	store := fault.New(w.mem, fault.If(fault.Ops("snapshots/", "get"), trace.Fault()))
	with := func(o *Options) { o.Store = store }
	w.once(w.compactor(with))
	if got := trace.Take(); got != "" {
		t.Errorf("nothing is old, and yet:\n%s", got)
	}
	w.pass(retention)
	c := w.compactor(with)
	if r := w.once(c); r.Deleted+r.Tombstones != 2 {
		t.Errorf("got %+v", r)
	}
	got := trace.Take()
	for _, key := range []string{objectlog.SnapshotKey(2), objectlog.SnapshotKey(3)} {
		if !strings.Contains(got, "get "+key) {
			t.Errorf("%s was not read:\n%s", key, got)
		}
	}
	w.write(1)
	w.write(1)
	w.once(c) // 5
	w.write(1)
	w.once(c) // 6
	trace.Take()
	w.pass(retention)
	if r := w.once(c); r.Deleted != 2 {
		t.Errorf("got %+v", r)
	}
	if got := trace.Take(); got != "" {
		t.Errorf("read again:\n%s", got)
	}
}

func TestPlanChangesNothing(t *testing.T) {
	w := newWorld(t)
	w.reign()
	w.write(2)
	w.snapshot()
	w.write(2)
	w.pass(2 * retention)
	w.write(1)
	store := fault.New(w.mem)
	store.Inject(fault.If(func(r *fault.Request) bool { return r.Op == "put" || r.Op == "delete" }, func(_ context.Context, r *fault.Request, _ fault.Next) (fault.Response, error) {
		t.Errorf("%s %s", r.Op, r.Key)
		return fault.Response{}, errors.New("no")
	}))
	c := w.compactor(func(o *Options) { o.Store = store })
	p, err := c.Plan(w.ctx())
	if err != nil || p.Write != 6 || len(p.Steps) != 2 || !slices.Equal(p.Prove, []record.Revision{3}) {
		t.Errorf("got %+v, %v", p, err)
	}
	r := w.once(w.compactor(nil))
	if r.Written != p.Write || r.Deleted+r.Tombstones != len(p.Steps) {
		t.Errorf("planned %+v, did %+v", p, r)
	}
}

// A superseded chunk that can't be understood is left and complained of; the others go.
func TestDamagedChunkStays(t *testing.T) {
	w := newWorld(t)
	w.reign()
	w.write(1)
	w.write(1)
	w.snapshot()
	w.write(1)
	w.corrupt(objectlog.ChunkKey(2))
	w.pass(retention)
	r, err := w.compactor(nil).Once(w.ctx())
	if err == nil || !strings.Contains(err.Error(), objectlog.ChunkKey(2)) || r.Written != 4 || r.Deleted != 1 || r.Tombstones != 1 {
		t.Errorf("got %+v, %v", r, err)
	}
	expect(t, "chunks", keysOf(t, w.mem, "chunks/"), -1, 2, 4)
	w.check(w.mem)
}

func TestForeignKey(t *testing.T) {
	w := newWorld(t)
	w.reign()
	_, err := w.mem.Put(w.ctx(), "chunks/readme", []byte("x"), objectstore.IfAbsent())
	w.must(err)
	if _, err := w.compactor(nil).Once(w.ctx()); !errors.Is(err, objectlog.ErrForeignKey) {
		t.Errorf("got %v", err)
	}
}
