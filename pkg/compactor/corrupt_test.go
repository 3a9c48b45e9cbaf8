package compactor

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
)

// A corrupt newest snapshot: the one before it is the base of the next, nothing behind that
// one is freed, and the pass says so until the corrupt one is below two sound ones.
func TestCorruptNewest(t *testing.T) {
	w := newWorld(t)
	w.reign()
	w.write(1)
	w.snapshot() // 2
	w.write(1)
	w.snapshot() // 3
	w.write(1)
	w.snapshot() // 4
	w.corrupt(objectlog.SnapshotKey(4))
	w.write(1) // 5
	w.pass(2 * retention)
	c := w.compactor(nil)
	r, err := c.Once(w.ctx())
	broken := (*CorruptError)(nil)
	if !errors.As(err, &broken) || broken.Revision != 4 || !slices.Equal(r.Corrupt, []record.Revision{4}) || r.Written != 5 {
		t.Errorf("got %+v, %v", r, err)
	}
	if last := c.Last(); last.Err == nil || !strings.Contains(last.Err.Error(), "left in place") {
		t.Errorf("got %+v", last)
	}
	expect(t, "chunks above 3, of which there is one sound snapshot beside the new one", keysOf(t, w.mem, "chunks/"), -1, 4, 5)
	expect(t, "snapshots", keysOf(t, w.mem, "snapshots/"), 3, 4, 5)
	w.check(w.mem)

	if _, err := c.Once(w.ctx()); !errors.As(err, &broken) {
		t.Errorf("it is forgotten: %v", err)
	}
	w.write(1) // 6
	if r, err = c.Once(w.ctx()); err != nil || r.Written != 6 || r.DeletedSnapshots != 2 {
		t.Errorf("two sound ones above it: %+v, %v", r, err)
	}
	expect(t, "chunks", keysOf(t, w.mem, "chunks/"), -1, 6)
	expect(t, "snapshots", keysOf(t, w.mem, "snapshots/"), 5, 6)
	w.check(w.mem)
}

// The log ends where a corrupt snapshot does: its place is taken, and nothing is lost.
func TestCorruptAtTheEnd(t *testing.T) {
	w := newWorld(t)
	w.reign()
	w.write(1)
	w.snapshot() // 2
	w.write(1)
	w.snapshot() // 3
	w.corrupt(objectlog.SnapshotKey(3))
	w.pass(2 * retention)
	c := w.compactor(nil)
	for range 2 { // found by the freeing part, then known to the writing part
		r, err := c.Once(w.ctx())
		if broken := (*CorruptError)(nil); !errors.As(err, &broken) || !r.quiet() {
			t.Errorf("got %+v, %v", r, err)
		}
	}
	if _, err := c.Once(w.ctx()); err == nil || !strings.Contains(err.Error(), "any write does that") {
		t.Errorf("got %v", err)
	}
	expect(t, "chunks", keysOf(t, w.mem, "chunks/"), 1, 2, 3)
	w.check(w.mem)
	w.write(1)
	if r, err := c.Once(w.ctx()); err == nil || r.Written != 4 {
		t.Errorf("got %+v, %v", r, err)
	}
	w.check(w.mem)
}

// Two corrupt newest snapshots: what is behind the sound one may have been freed because of
// them. Nothing goes on by itself, and the error says what to do.
func TestTwoCorrupt(t *testing.T) {
	w := newWorld(t)
	w.reign()
	w.write(1)
	w.snapshot() // 2
	w.write(1)
	w.snapshot() // 3
	w.write(1)
	w.snapshot() // 4
	w.write(1)
	w.corrupt(objectlog.SnapshotKey(3))
	w.corrupt(objectlog.SnapshotKey(4))
	w.pass(2 * retention)
	before := keysOf(t, w.mem, "chunks/")
	_, err := w.compactor(nil).Once(w.ctx())
	if !errors.Is(err, objectlog.ErrSuperseded) || !strings.Contains(err.Error(), "2 snapshots above") {
		t.Errorf("got %v", err)
	}
	expect(t, "chunks", keysOf(t, w.mem, "chunks/"), before...)
	expect(t, "snapshots", keysOf(t, w.mem, "snapshots/"), 2, 3, 4)
	// Copies that have come as far as the second-newest go on.
	var l loaded
	if _, err := objectlog.New(w.mem, objectlog.Options{}).Read(w.ctx(), 3, l.take(3)); err != nil {
		t.Errorf("a copy at 3: %v", err)
	}
	w.compare(l, 3)
}

// All snapshots are corrupt, and there are too few for anything to have been freed: the
// log from its beginning is the base.
func TestOnlySnapshotCorrupt(t *testing.T) {
	w := newWorld(t)
	w.reign()
	w.write(1)
	w.snapshot() // 2
	w.write(1)
	w.corrupt(objectlog.SnapshotKey(2))
	w.pass(2 * retention)
	r, err := w.compactor(func(o *Options) { o.Thresholds = Thresholds{Age: time.Minute} }).Once(w.ctx())
	if broken := (*CorruptError)(nil); !errors.As(err, &broken) || r.Written != 3 {
		t.Errorf("got %+v, %v", r, err)
	}
	expect(t, "chunks", keysOf(t, w.mem, "chunks/"), 1, 2, 3)
	w.check(w.mem)
}

// Why corrupt snapshots are left in place: with one that was second-newest gone, a copy
// between its neighbours takes for the log what a paused Primary left in a freed slot.
func TestDeletedByHand(t *testing.T) {
	w := build(t, "RwwSw") // snapshot 3
	w.epoch++              // its Primary was paused before its first write
	w.reign()              // 5
	w.snapshot()
	w.write(1)
	w.snapshot() // 6
	w.pass(2 * retention)
	for _, s := range planned(t, w, w.mem) {
		if s.Key == objectlog.ChunkKey(4) {
			apply(t, w.mem, s) // and then the compactor was killed
		}
	}
	if w.haunt(w.mem) != 1 {
		t.Fatal("slot 4 wasn't freed")
	}
	w.corrupt(objectlog.SnapshotKey(5))
	read := func() (l loaded, err error) {
		_, err = objectlog.New(w.mem, objectlog.Options{}).Read(w.ctx(), 3, l.take(3))
		return l, err
	}
	if l, err := read(); !errors.Is(err, objectlog.ErrSuperseded) || len(l.records) > 0 {
		t.Errorf("got %v, %v", l, err)
	}
	w.must(w.mem.Delete(w.ctx(), objectlog.SnapshotKey(5), objectstore.Always()))
	if l, err := read(); err != nil || l.records[0].LeaderID != "ghost" {
		t.Errorf("it does no harm (%v, %v): then the error may say so", l, err)
	}
}

// What is known of a snapshot is known of one version of it.
func TestReplacedSnapshotIsReadAgain(t *testing.T) {
	w := newWorld(t)
	c := w.compactor(nil)
	w.reign()
	for range 2 {
		w.write(1)
		w.once(c) // 2, 3: both are known to be sound
	}
	w.corrupt(objectlog.SnapshotKey(3))
	w.pass(2 * retention)
	r, err := c.Once(w.ctx())
	if broken := (*CorruptError)(nil); !errors.As(err, &broken) || r.Deleted+r.Tombstones != 0 {
		t.Errorf("got %+v, %v", r, err)
	}
}

// A step is of one version: what took its place meanwhile stays.
func TestStepsAreConditional(t *testing.T) {
	w := build(t, "RWSRWS")
	steps := planned(t, w, w.mem)
	if len(steps) != 2 {
		t.Fatalf("planned %v", steps)
	}
	for _, s := range steps {
		v, err := w.mem.Put(w.ctx(), s.Key, []byte("other"), objectstore.Always())
		w.must(err)
		if what, err := (bucket{w.mem}).carryOut(w.ctx(), s); err != nil || what != overtaken {
			t.Errorf("%v: %v, %v", s, what, err)
		}
		if info, err := w.mem.Stat(w.ctx(), s.Key); err != nil || info.Version != v {
			t.Errorf("%v: %+v, %v", s, info, err)
		}
	}
}
