package history

import (
	"flag"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/netsy-io/netsy/pkg/record"
)

// object is what is in a slot: a chunk's records, or none for a tombstone.
type object struct {
	first record.Revision
	recs  []record.Record
}

// world is a true history as its chunks, and what deposed writers may have known of it.
type world struct {
	recs   []record.Record
	chunks []object
}

// allWorlds calls fn with every history up to n revisions: reigns with even epochs, each
// with a seal of its own, and chunks of one or two puts.
func allWorlds(n int, fn func(world)) {
	var grow func(ops []int)
	grow = func(ops []int) {
		p := newReplay()
		w := world{}
		for _, op := range ops {
			first := p.next()
			switch op {
			case 0:
				p.seal(p.epoch + 2)
			default:
				for i := range op {
					p.put([]string{"a", "b"}[i])
				}
			}
			w.chunks = append(w.chunks, object{first, p.recs[first-1:]})
		}
		w.recs = p.recs
		if len(p.recs) > n {
			return
		}
		fn(w)
		for op := range 3 {
			grow(append(ops[:len(ops):len(ops)], op))
		}
	}
	grow([]int{0})
}

func (w world) at(rev record.Revision) record.Record { return w.recs[rev-1] }

// last is a chunk's last revision.
func (o object) last() record.Revision { return o.recs[len(o.recs)-1].Revision }

func (o object) seal() bool { return string(o.recs[0].Key) == record.EpochStartKey }

// leftovers are what a deposed writer, a Primary that has read the log up to l and was
// paused before its first PUT, may write into slot l+1 long after it was freed: its seal;
// records that it has and that are in the log too; and, after such, records of an epoch
// that ended there, which nobody else has.
func (w world) leftovers(l record.Revision) (out []object) {
	i := l + 1
	var epoch record.Epoch
	p := newReplay()
	for _, r := range w.recs[:l] {
		p.recs, p.keys[string(r.Key)], epoch = append(p.recs, r), r, r.Epoch
	}
	for e := epoch + 1; e <= 9; e += 2 { // odd: never a reign in the log
		s := *p
		s.recs, s.keys = slices.Clone(p.recs), map[string]record.Record{}
		for k, v := range p.keys {
			s.keys[k] = v
		}
		s.seal(e)
		out = append(out, object{i, s.recs[l:]})
	}
	for d := i; int(d) <= len(w.recs); d++ {
		shared := w.recs[l:d]
		out = append(out, object{i, shared})
		if int(d) < len(w.recs) && string(w.at(d+1).Key) == record.EpochStartKey {
			for n := 1; n <= 2; n++ {
				var own []record.Record
				for k := range n {
					rev := d + 1 + record.Revision(k)
					own = append(own, record.Record{Revision: rev, Epoch: w.at(d).Epoch, Key: fmt.Appendf(nil, "own%d", rev), Created: true, CreateRevision: rev, Version: 1})
				}
				out = append(out, object{i, append(slices.Clone(shared), own...)})
			}
		}
	}
	return out
}

// slots calls fn with every way in which the slots up to freed may look.
func (w world) slots(freed record.Revision, fn func([]object)) {
	var fill func(i int, have []object)
	fill = func(i int, have []object) {
		if i == len(w.chunks) {
			fn(have)
			return
		}
		c := w.chunks[i]
		have = have[:len(have):len(have)]
		fill(i+1, append(have, c))
		switch {
		case c.last() > freed:
		case c.seal():
			fill(i+1, append(have, object{first: c.first}))
		default:
			fill(i+1, have)
			for _, l := range w.leftovers(c.first - 1) {
				fill(i+1, append(have, l))
			}
		}
	}
	fill(0, nil)
}

var revisions = flag.Int("revisions", 5, "length of the longest histories of TestRunExhaustively")

// Whatever the compactor has freed and deposed writers have left in freed slots: what a
// Run has proven is the history, and if nothing was freed it proves everything.
func TestRunExhaustively(t *testing.T) {
	runs, proofs, lies := 0, 0, 0
	allWorlds(*revisions, func(w world) {
		end := record.Revision(len(w.recs))
		for i := range w.chunks {
			for j := -1; j < i; j++ { // snapshots at the ends of chunks i and, unless -1, j
				var freed record.Revision
				var witnesses []record.Pos
				if j >= 0 {
					freed = w.chunks[j].last()
					r := w.at(freed)
					witnesses = append(witnesses, r.Pos())
				}
				r := w.at(w.chunks[i].last())
				witnesses = append(witnesses, r.Pos())
				for k := -1; k < len(witnesses); k++ { // what is begun with; -1: nothing
					var base record.Pos
					if k >= 0 {
						base = witnesses[k]
					}
					w.slots(freed, func(slots []object) {
						runs++
						run := NewRun(base, w.startAt(base.Revision), freed, witnesses)
						held := map[record.Revision]record.Record{}
						whole := true
						for _, s := range slots {
							if s.first <= base.Revision {
								continue
							}
							whole = whole && len(s.recs) > 0 && reflect.DeepEqual(s.recs[0], w.at(s.first))
							if run.Add(s.first, s.recs) == nil {
								for _, r := range s.recs {
									held[r.Revision] = r
								}
							}
						}
						_ = run.End()
						for rev := base.Revision + 1; rev <= run.Proven(); rev++ {
							if !reflect.DeepEqual(held[rev], w.at(rev)) {
								t.Fatalf("history %s, slots %s, base %v, freed to %d: revision %d is proven to be %+v", show(w.recs), showSlots(slots), base, freed, rev, held[rev])
							}
							proofs++
						}
						if reflect.DeepEqual(slots, w.chunks) && (run.Err() != nil || run.Proven() != end) {
							t.Fatalf("history %s, base %v: %v, proven up to %d", show(w.recs), base, run.Err(), run.Proven())
						}
						if !whole {
							lies++
						}
					})
				}
			}
		}
	})
	t.Logf("%d runs, %d with slots that were freed or lie, %d revisions proven", runs, lies, proofs)
}

// startAt is the newest epoch start at or below rev.
func (w world) startAt(rev record.Revision) (start record.Revision) {
	for _, r := range w.recs[:rev] {
		if string(r.Key) == record.EpochStartKey {
			start = r.Revision
		}
	}
	return start
}

func showSlots(slots []object) (s string) {
	for _, o := range slots {
		s += fmt.Sprintf("[%d", o.first)
		for _, r := range o.recs {
			s += fmt.Sprintf(" %d@%d:%s", r.Revision, r.Epoch, r.Key)
		}
		s += "] "
	}
	return s
}
