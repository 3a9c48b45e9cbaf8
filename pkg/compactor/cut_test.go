package compactor

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/memstore"
	"github.com/netsy-io/netsy/pkg/record"
)

// build makes a world from a script: R begins a reign, w writes one revision, W a chunk of
// two, S a snapshot. All of it is old in the end.
func build(t testing.TB, script string) *world {
	t.Helper()
	w := newWorld(t)
	for _, c := range script {
		switch c {
		case 'R':
			w.reign()
		case 'w':
			w.write(1)
		case 'W':
			w.write(2)
		case 'S':
			w.snapshot()
		}
	}
	w.pass(2 * retention)
	return w
}

// scripts are all worlds of a length in which something can be freed.
func scripts(length int) (all []string) {
	for x := range pow(3, length-1) {
		s := "R"
		for _, d := range digits(x, 3, length-1) {
			s += string("RWS"[d])
		}
		if strings.Count(s, "S") >= 2 && !strings.Contains(s, "SS") {
			all = append(all, s)
		}
	}
	return all
}

// planned is everything that a pass over the store would free.
func planned(t testing.TB, w *world, s objectstore.Store) []Step {
	t.Helper()
	p := &pass{Compactor: w.compactor(func(o *Options) { o.Store = s })}
	list, err := p.list(w.ctx())
	w.must(err)
	f := &freeing{pass: p, list: list, limits: limits{now: w.clock, retention: retention, keep: 2}}
	w.must(f.prove(w.ctx()))
	var steps []Step
	w.must(f.bucket.slots(w.ctx(), f.limits.second, func(page []slot) error {
		known, bad, err := f.read(w.ctx(), page, &f.limits)
		if len(bad) > 0 {
			t.Errorf("damaged: %v", bad)
		}
		steps = append(steps, f.limits.freeChunks(page, known)...)
		return err
	}))
	return append(steps, f.limits.freeSnapshots(f.list)...)
}

func apply(t testing.TB, s objectstore.Store, steps ...Step) {
	t.Helper()
	for _, step := range steps {
		if _, err := (bucket{s}).carryOut(t.Context(), step); err != nil {
			t.Fatal(err)
		}
	}
}

// haunt lets the write of a Primary that was paused before its first slot land in each slot
// that is free, if its log could have ended there.
func (w *world) haunt(s *memstore.Store) (ghosts int) {
	w.t.Helper()
	for rev := record.Revision(1); rev <= w.end(); rev++ {
		epoch := record.Epoch(1)
		if rev > 1 {
			epoch = w.history[rev-2].Epoch + 1
		}
		rec := record.EpochStart(rev, epoch, "ghost", record.KeyState{}, time.Time{})
		b, err := datafile.EncodeChunk(datafile.Header{Epoch: epoch, LeaderID: "ghost", ChunkID: "boo"}, []record.Record{rec})
		w.must(err)
		if !w.chunkAt[rev] {
			continue
		}
		if _, err := s.Put(w.ctx(), objectlog.ChunkKey(rev), b, objectstore.IfAbsent()); err == nil {
			ghosts++
		}
	}
	return ghosts
}

// TestKilledBetweenSteps: whatever part of a plan was carried out, readers and the next
// compactor are right, and so they are if paused writers wake up in the slots it freed.
func TestKilledBetweenSteps(t *testing.T) {
	length, plans, cuts := 7, 0, 0
	if testing.Short() {
		length = 5
	}
	rng := rand.New(rand.NewPCG(1, 1))
	for _, script := range scripts(length) {
		for _, damage := range []string{"", "newest", "second"} {
			w := build(t, script)
			w.damage(damage)
			steps := planned(t, w, w.mem)
			w.judge(steps, damage)
			plans++
			for cut := range 1 << len(steps) {
				s := w.mem.Clone()
				for i, step := range steps {
					if cut>>i&1 != 0 {
						apply(t, s, step)
					}
				}
				w.check(s)
				if w.haunt(s); rng.IntN(2) == 0 {
					w.check(s)
				}
				cuts++
				if rng.IntN(8) == 0 {
					w.goOn(s, damage)
				}
			}
			if t.Failed() {
				t.Fatalf("world %s, %s damaged, plan %v", script, damage, steps)
			}
		}
	}
	t.Logf("%d plans, cut in %d ways", plans, cuts)
}

// damage makes a snapshot corrupt.
func (w *world) damage(which string) {
	w.t.Helper()
	revs := keysOf(w.t, w.mem, "snapshots/")
	switch n := len(revs); which {
	case "newest":
		w.corrupt(objectlog.SnapshotKey(record.Revision(revs[n-1])))
	case "second":
		w.corrupt(objectlog.SnapshotKey(record.Revision(revs[n-2])))
	}
}

// judge holds a plan against what must never be in one.
func (w *world) judge(steps []Step, damage string) {
	w.t.Helper()
	revs := keysOf(w.t, w.mem, "snapshots/")
	n := len(revs)
	var second int
	switch {
	case damage == "":
		second = revs[n-2]
	case n >= 3:
		second = revs[n-3]
	}
	for _, s := range steps {
		var rev int
		switch s.Action {
		case DeleteSnapshot:
			fmt.Sscanf(s.Key, "snapshots/%d", &rev)
			if rev >= second {
				w.t.Errorf("%v, the second-newest sound snapshot is %d", s, second)
			}
		default:
			fmt.Sscanf(s.Key, "chunks/%d", &rev)
			if rev > second || w.history[rev-1].Epoch != epochBefore(w, rev) && s.Action == DeleteChunk {
				w.t.Errorf("%v, the second-newest sound snapshot is %d", s, second)
			}
		}
	}
}

func epochBefore(w *world, rev int) record.Epoch {
	if rev == 1 {
		return 0
	}
	return w.history[rev-2].Epoch
}

// goOn lets the log go on, and the next compactor make its pass.
func (w *world) goOn(s *memstore.Store, damage string) {
	w.t.Helper()
	next := *w
	next.mem, next.store, next.keys, next.chunkAt = s, s, map[string]record.KeyState{}, map[record.Revision]bool{}
	for k, v := range w.keys {
		next.keys[k] = v
	}
	for k := range w.chunkAt {
		next.chunkAt[k] = true
	}
	next.history = append([]record.Record(nil), w.history...)
	next.reign()
	next.write(1)
	r, err := next.compactor(nil).Once(next.ctx())
	if err != nil && damage == "" || r.Written != next.end() {
		next.t.Errorf("the next pass: %+v, %v", r, err)
	}
	next.check(s)
	next.pass(2 * retention)
	next.haunt(s)
	if _, err := next.compactor(nil).Once(next.ctx()); err != nil && damage == "" {
		next.t.Errorf("the pass after that: %v", err)
	}
	next.haunt(s)
	next.check(s)
	if damage == "" {
		next.verify(s)
	}
}

// TestTwoPlans: two compactors, the one with a plan from before the log went on, carry out
// their steps in any order, while paused writers wake up in the slots they free.
func TestTwoPlans(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	orders := 0
	for _, script := range scripts(6) {
		w := build(t, script)
		old := planned(t, w, w.mem)
		if rng.IntN(2) == 0 {
			w.reign()
		}
		w.write(2)
		w.snapshot()
		w.pass(2 * retention)
		fresh := planned(t, w, w.mem)
		for _, order := range merges(rng, len(old), len(fresh)) {
			s, i, j := w.mem.Clone(), 0, 0
			for _, first := range order {
				if first {
					apply(t, s, old[i])
					i++
				} else {
					apply(t, s, fresh[j])
					j++
				}
				if rng.IntN(4) == 0 {
					w.haunt(s)
				}
				w.check(s)
			}
			orders++
		}
		if t.Failed() {
			t.Fatalf("world %s, plans %v and %v", script, old, fresh)
		}
	}
	t.Log(orders, "orders")
}

// merges are the orders in which a things and b other things can happen; at most some.
func merges(rng *rand.Rand, a, b int) (all [][]bool) {
	const most = 24
	if a+b > 10 {
		for range most {
			all = append(all, draw(rng, a, b))
		}
		return all
	}
	for mask := range 1 << (a + b) {
		var order []bool
		n := 0
		for i := range a + b {
			order = append(order, mask>>i&1 != 0)
			n += mask >> i & 1
		}
		if n == a {
			all = append(all, order)
		}
	}
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:min(len(all), most)]
}

func draw(rng *rand.Rand, a, b int) (order []bool) {
	for a+b > 0 {
		first := rng.IntN(a+b) < a
		if order = append(order, first); first {
			a--
		} else {
			b--
		}
	}
	return order
}
