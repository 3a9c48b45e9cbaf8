package loading

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
)

// TestCatchUp: from wherever a copy begins, it ends as the log; a snapshot is loaded only
// where there is no other way.
func TestCatchUp(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(w *world)
		loads   int
	}{
		"empty, chunks alone": {func(w *world) { w.write(1, 3, 4) }, 0},
		"empty, a snapshot and chunks behind it": {func(w *world) {
			w.write(1, 3, 4, 2)
			w.snapshot(7, 4)
			w.free(1)
		}, 1},
		"empty, the log ends in a snapshot": {func(w *world) {
			w.write(1, 3, 4)
			w.snapshot(3, 0)
			w.snapshot(7, 5)
			w.free(1, 4)
		}, 1},
		"behind, but the chunks are there": {func(w *world) {
			w.write(1, 3, 4, 2)
			w.has(w.puts[:3], 1, 3)
			w.snapshot(7, 4)
		}, 0},
		"behind, but not behind two snapshots": {func(w *world) {
			w.write(1, 3, 4, 2)
			w.has(w.puts[:3], 1, 3)
			w.snapshot(3, 1)
			w.snapshot(7, 4)
		}, 0},
		"behind, remembers nothing": {func(w *world) {
			w.write(1, 3, 4, 2)
			w.has(w.puts[:3], 0, 0)
			w.snapshot(7, 4)
		}, 1},
		"behind two snapshots": {func(w *world) {
			w.write(1, 3, 4, 2)
			w.has(w.puts[:2], 1, 0)
			w.snapshot(3, 1)
			w.snapshot(7, 4)
			w.free(1)
		}, 1},
		"ahead of two snapshots, chunk gone": {func(w *world) {
			w.write(1, 3, 4, 2)
			w.has(w.puts[:8], 1, 3)
			w.snapshot(3, 1)
			w.snapshot(7, 4)
			w.free(1)
		}, 0},
		"at the end": {func(w *world) {
			w.write(1, 3, 4)
			w.has(w.puts[:7], 4, 7)
			w.snapshot(3, 1)
			w.snapshot(7, 4)
			w.free(1, 4)
		}, 0},
		"another history at the snapshot": {func(w *world) {
			w.write(1, 3)
			dead := run(w.puts, 1, 8)
			w.write(2, 4, 2)
			w.has(dead, 1, 3)
			w.snapshot(7, 4)
		}, 0}, // the chunk that it remembers is there: the part that differs goes
		"another history, and nothing remembered": {func(w *world) {
			w.write(1, 3)
			dead := run(w.puts, 1, 8)
			w.write(2, 4, 2)
			w.has(dead, 0, 0)
			w.snapshot(7, 4)
		}, 1},
		"another history beyond the snapshot": {func(w *world) {
			w.write(1, 3, 4)
			dead := run(w.puts, 1, 3)
			w.write(2, 2, 2)
			w.has(dead, 0, 0)
			w.snapshot(7, 4)
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.prepare(w)
			cfg := w.catchUp()
			if n := count(t, cfg, snapshotsLoaded); n != c.loads {
				t.Errorf("%v snapshots were loaded, want %d", n, c.loads)
			}
			if again := w.catchUp(); count(t, again, snapshotsLoaded) != 0 {
				t.Error("a copy that is at the end loaded a snapshot")
			}
		})
	}
}

const (
	snapshotsLoaded  = "netsy_loading_snapshots_total"
	snapshotsDamaged = "netsy_loading_damaged_snapshots_total"
)

// count reads a counter.
func count(t *testing.T, cfg Config, name string) int {
	t.Helper()
	reg := prometheus.NewRegistry()
	reg.MustRegister(cfg.Metrics.snapshots, cfg.Metrics.damaged)
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return int(f.GetMetric()[0].GetCounter().GetValue())
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

// TestReceiptsAreKept: what the copy has beyond the log stays: it may have been
// acknowledged because this node has it.
func TestReceiptsAreKept(t *testing.T) {
	for name, prepare := range map[string]func(w *world){
		"chunks alone": func(w *world) {},
		"a snapshot":   func(w *world) { w.snapshot(7, 4) },
		"two snapshots": func(w *world) {
			w.snapshot(3, 2)
			w.snapshot(7, 6)
			w.free(1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.write(1, 3, 4)
			w.has(run(w.puts, 1, 5), 1, 3)
			prepare(w)
			w.catchUp()
			if tail := w.local.Tail(); tail != (record.Pos{Epoch: 1, Revision: 12}) {
				t.Fatalf("the copy ends at %v", tail)
			}
		})
	}
}

// TestDamagedSnapshots are passed over, as long as there is another way.
func TestDamagedSnapshots(t *testing.T) {
	damage := func(w *world, rev record.Revision, from int) {
		key := objectlog.SnapshotKey(rev)
		b, _, err := objectstore.ReadAll(context.Background(), w.bucket, key, 1<<20)
		w.must(err)
		b[len(b)-from] ^= 0x40
		_, err = w.bucket.Put(context.Background(), key, b, objectstore.Always())
		w.must(err)
	}
	for name, from := range map[string]int{"in its records": 12, "in its header": -1} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.write(1, 3, 4, 2)
			w.snapshot(3, 1)
			w.snapshot(7, 4)
			w.free(1)
			at := from
			if from < 0 {
				b, _, err := objectstore.ReadAll(context.Background(), w.bucket, objectlog.SnapshotKey(7), 1<<20)
				w.must(err)
				at = len(b) - 3
			}
			damage(w, 7, at)
			cfg := w.catchUp()
			if count(t, cfg, snapshotsDamaged) != 1 || count(t, cfg, snapshotsLoaded) != 1 {
				t.Error("one damaged snapshot, and the one before it loaded, were expected")
			}
		})
	}
	t.Run("the only one, with all chunks", func(t *testing.T) {
		w := newWorld(t)
		w.write(1, 3, 4, 2)
		w.snapshot(7, 4)
		damage(w, 7, 12)
		w.catchUp()
	})
	t.Run("both, without chunks", func(t *testing.T) {
		w := newWorld(t)
		w.write(1, 3, 4, 2)
		w.snapshot(3, 1)
		w.snapshot(7, 4)
		w.free(1, 4)
		damage(w, 3, 12)
		damage(w, 7, 12)
		if _, err := CatchUp(t.Context(), w.config()); err == nil || w.local.Tail() != (record.Pos{}) {
			t.Fatalf("%v, copy at %v", err, w.local.Tail())
		}
	})
}

// TestALeftoverRemovesNothing: a reader is paused before it reads a slot; meanwhile two
// snapshots are made, the slot is freed, and a deposed writer fills it. What
// the copy has there, which it may have given receipts for, must not go for that.
func TestALeftoverRemovesNothing(t *testing.T) {
	w := newWorld(t)
	w.write(1, 3)
	left := run(w.puts, 1, 4) // what the deposed Primary of epoch 1 still wants to write
	w.write(2, 4, 2)
	w.has(run(w.puts, 2, 3), 1, 3) // all of it, and three revisions that no chunk has
	w.chunk(1, left[3:])           // what the reader will find
	frozen := false
	w.onGet = func(key string) {
		if key == objectlog.ChunkKey(4) && !frozen {
			frozen = true
			w.snapshot(7, 0)
			w.snapshot(9, 0)
		}
	}
	cfg := w.catchUp()
	if tail := w.local.Tail(); tail != (record.Pos{Epoch: 2, Revision: 12}) || !frozen {
		t.Fatalf("the copy ends at %v", tail)
	}
	if count(t, cfg, snapshotsLoaded) != 0 {
		t.Error("a snapshot was loaded over a copy that agrees")
	}
}

// TestALeftoverIsNotRemembered: a node that stops before it is known that what it read is the
// log must not find "the log still says so" in a slot that was freed.
func TestALeftoverIsNotRemembered(t *testing.T) {
	w := newWorld(t)
	w.write(1, 3)
	left := run(w.puts, 1, 9) // reaches beyond the newest snapshot
	w.write(2, 4, 2)
	w.has(w.puts[:3], 1, 3)
	w.chunk(1, left[3:])
	w.free(8)
	frozen := false
	w.onGet = func(key string) {
		if key == objectlog.ChunkKey(4) && !frozen {
			frozen = true
			w.snapshot(7, 0)
			w.snapshot(9, 0)
		}
	}
	w.deny = func(op, key string) bool { return frozen && op == "list" && key == "snapshots/" }
	if _, err := CatchUp(t.Context(), w.config()); err == nil || w.local.Tail().Revision != 3 {
		t.Fatalf("%v, copy at %v", err, w.local.Tail())
	}
	if _, pos, _ := w.local.Logged(); pos.Revision != 3 {
		t.Fatalf("remembered as logged: %v", pos)
	}
	w.deny = nil
	w.catchUp()
}

// TestHigherEpochs are never adopted by a Primary that is starting.
func TestHigherEpochs(t *testing.T) {
	for name, prepare := range map[string]func(w *world){
		"in a chunk":          func(w *world) {},
		"in a snapshot":       func(w *world) { w.snapshot(7, 4); w.snapshot(9, 4); w.free(1, 4, 8) },
		"in what it has seen": func(w *world) { w.has(w.puts, 8, 9) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.write(2, 3, 4)
			w.write(4, 2)
			prepare(w)
			tail := w.local.Tail()
			cfg := w.config()
			cfg.Limit = 3
			_, err := CatchUp(t.Context(), cfg)
			var higher *HigherEpochError
			if !errors.As(err, &higher) || higher.Seen != 4 || w.local.Tail().Epoch > max(2, tail.Epoch) {
				t.Fatalf("%v, copy at %v", err, w.local.Tail())
			}
		})
	}
}

// TestInterruptedLoad: whatever a stop leaves, the next attempt ends well.
func TestInterruptedLoad(t *testing.T) {
	for stopAt := range 12 {
		w := newWorld(t)
		w.write(1, 3, 4)
		w.write(2, 2)
		w.snapshot(3, 1)
		w.snapshot(7, 4)
		w.free(1)
		ctx, stop := context.WithCancel(t.Context())
		gets := 0
		w.onGet = func(string) {
			if gets++; gets == stopAt {
				stop()
			}
		}
		_, err := CatchUp(ctx, w.config())
		stop()
		if err == nil && gets >= stopAt && stopAt > 0 {
			continue // it was through already
		}
		w.onGet = nil
		w.catchUp()
	}
}

// TestForeignSnapshot: other writers leave out what is superseded and don't say up to where.
func TestForeignSnapshot(t *testing.T) {
	w := newWorld(t)
	w.write(1, 7)
	w.snapshot(7, 6)
	b, _, err := objectstore.ReadAll(t.Context(), w.bucket, objectlog.SnapshotKey(7), 1<<20)
	w.must(err)
	r, err := datafile.NewReader(bytes.NewReader(b))
	w.must(err)
	h := r.Header()
	h.Purged = 0
	var out bytes.Buffer
	f := datafile.NewWriter(&out, h)
	for range h.RecordsCount {
		rec, err := r.Next()
		w.must(err)
		w.must(f.Write(&rec))
	}
	_, err = f.Close()
	w.must(err)
	r.Close()
	_, err = w.bucket.Put(t.Context(), objectlog.SnapshotKey(7), out.Bytes(), objectstore.Always())
	w.must(err)
	w.free(1)
	w.catchUp()
	if w.local.CompactRevision() != 7 {
		t.Errorf("readable from revision %d on", w.local.CompactRevision())
	}
}
