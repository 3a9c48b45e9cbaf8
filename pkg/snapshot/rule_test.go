package snapshot

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/netsy-io/netsy/pkg/record"
)

var ruleRevisions = flag.Int("rule.revisions", 4, "length of the histories that the rule of merging is tried on; 5 takes half a minute")

// memSpool is a spool in memory.
type memSpool []record.Record

func (m *memSpool) add(r *record.Record) error {
	*m = append(*m, *r)
	return nil
}

func (m *memSpool) each(fn func(*record.Record) error) error {
	for i := range *m {
		if err := fn(&(*m)[i]); err != nil {
			return err
		}
	}
	return nil
}

// snap is a snapshot in memory.
type snap struct {
	purged record.Revision
	recs   []record.Record
}

// reduce merges a base and the records of full behind it, up to to.
func reduce(base snap, behind record.Revision, full []record.Record, to, compaction, limit record.Revision) (out snap, err error) {
	r := newReducer(base.purged, compaction, limit, &memSpool{}, func(rec *record.Record) error {
		out.recs = append(out.recs, *rec)
		return nil
	})
	for _, rec := range append(base.recs[:len(base.recs):len(base.recs)], since(full, behind)...) {
		if rec.Revision > to {
			break
		}
		if err := r.add(&rec); err != nil {
			return out, err
		}
	}
	out.purged, err = r.end()
	return out, err
}

// stateAt is what a store shows at rev after loading recs, said the slow way.
func stateAt(recs []record.Record, rev record.Revision) map[string]place {
	state := map[string]place{}
	for i := range recs {
		switch r := &recs[i]; {
		case r.Revision > rev:
		case r.Deleted:
			delete(state, string(r.Key))
		default:
			state[string(r.Key)] = placeOf(r)
		}
	}
	return state
}

func same(a, b record.Record) bool {
	return placeOf(&a) == placeOf(&b) && a.Deleted == b.Deleted && bytes.Equal(a.Key, b.Key)
}

// since are the records above rev.
func since(recs []record.Record, rev record.Revision) []record.Record {
	i := slices.IndexFunc(recs, func(r record.Record) bool { return r.Revision > rev })
	if i < 0 {
		return nil
	}
	return recs[i:]
}

// checkReduced holds a snapshot at to against the full history.
func checkReduced(s snap, full []record.Record, to, purged record.Revision) error {
	if s.purged != purged {
		return fmt.Errorf("reduced up to %d, want %d", s.purged, purged)
	}
	var upTo []record.Record
	for _, r := range full {
		if r.Revision <= to {
			upTo = append(upTo, r)
		}
	}
	// At P it is the state and nothing else: each key once, no tombstone.
	want := stateAt(upTo, purged)
	got := map[string]place{}
	for i := range s.recs {
		if r := &s.recs[i]; purged > 0 && r.Revision <= purged {
			if _, twice := got[string(r.Key)]; twice || r.Deleted {
				return fmt.Errorf("%s: %d/%d does not belong to a state", brief(s.recs), r.Revision, r.Sub)
			}
			got[string(r.Key)] = placeOf(r)
		}
	}
	if purged > 0 && !maps.Equal(got, want) {
		return fmt.Errorf("%s: the state at %d is %v, want %v", brief(s.recs), purged, got, want)
	}
	// Above it are the same events, and so the same states.
	if got, want := since(s.recs, purged), since(upTo, purged); !slices.EqualFunc(got, want, same) {
		return fmt.Errorf("events above %d:%s, want%s", purged, brief(got), brief(want))
	}
	for rev := purged + 1; rev <= to; rev++ {
		if got, want := stateAt(s.recs, rev), stateAt(upTo, rev); !maps.Equal(got, want) {
			return fmt.Errorf("%s: the state at %d is %v, want %v", brief(s.recs), rev, got, want)
		}
	}
	return nil
}

// histories calls fn with all histories of n revisions of two keys, with puts and
// deletions, and revisions of several records.
func histories(n int, fn func(*history)) {
	steps := []func(h *history, rev record.Revision) bool{
		func(h *history, rev record.Revision) bool { h.add(rev, 0, "a", nil, false); return true },
		func(h *history, rev record.Revision) bool { h.add(rev, 0, "b", nil, false); return true },
		func(h *history, rev record.Revision) bool { return h.gone(rev, 0, "a") },
		func(h *history, rev record.Revision) bool { return h.gone(rev, 0, "b") },
		func(h *history, rev record.Revision) bool { // both, one of them away
			return h.gone(rev, 0, "a") && h.add(rev, 1, "b", nil, false) != nil
		},
		func(h *history, rev record.Revision) bool { // twice within one revision
			return h.add(rev, 0, "a", nil, false).add(rev, 1, "a", nil, false) != nil
		},
		func(h *history, rev record.Revision) bool { // away and back within one revision
			return h.gone(rev, 0, "b") && h.add(rev, 1, "b", nil, false) != nil
		},
	}
	var walk func(choice []int)
	walk = func(choice []int) {
		h := newHistory(1)
		for i, c := range choice {
			if !steps[c](h, record.Revision(i+1)) {
				return
			}
		}
		if len(choice) > 0 {
			fn(h)
		}
		if len(choice) < n {
			for c := range steps {
				walk(append(choice[:len(choice):len(choice)], c))
			}
		}
	}
	walk(nil)
}

// gone deletes a key that is there.
func (h *history) gone(rev record.Revision, sub int32, key string) bool {
	if _, ok := h.keys[key]; !ok {
		return false
	}
	h.add(rev, sub, key, nil, true)
	return true
}

// wantPurged is the revision to reduce to, as docs/data-files.md and the compactor have it.
func wantPurged(base, compaction, last record.Revision) record.Revision {
	p := compaction - 1
	if p > last-1 {
		p = last - 1
	}
	if p < base {
		p = base
	}
	if p < 0 {
		p = 0
	}
	return p
}

// TestReduceExhaustively merges every small history: at every compaction revision, ending
// at every revision, in one step and in two, with every base, whether the end is known
// from the beginning or not.
func TestReduceExhaustively(t *testing.T) {
	merges := 0
	histories(*ruleRevisions, func(h *history) {
		full, end := h.recs, h.last()
		// In one step, by end and compaction revision. Each is held against the history.
		var once [8][10]snap
		for to := record.Revision(1); to <= end; to++ {
			for c := range end + 2 {
				s, err := reduce(snap{}, 0, full, to, c, 0)
				if err == nil {
					err = checkReduced(s, full, to, wantPurged(0, c, to))
				}
				if err != nil {
					t.Fatalf("%s: up to %d, compaction %d: %v", brief(full), to, c, err)
				}
				once[to][c] = s
			}
		}
		// In two, each with each: the same as in one.
		for baseEnd := record.Revision(1); baseEnd <= end; baseEnd++ {
			for baseC := range baseEnd + 2 {
				base := once[baseEnd][baseC]
				for to := base.purged + 1; to <= end; to++ {
					for c := range end + 2 {
						purged := wantPurged(base.purged, c, to)
						want := once[to][purged+1]
						for _, limit := range []record.Revision{0, to} {
							merges++
							got, err := reduce(base, baseEnd, full, to, c, limit)
							if err == nil && (got.purged != purged || !slices.EqualFunc(got.recs, want.recs, same)) {
								err = fmt.Errorf("reduced up to %d:%s, in one step up to %d:%s", got.purged, brief(got.recs), purged, brief(want.recs))
							}
							if err != nil {
								t.Fatalf("%s: base at %d, compaction %d, then up to %d, compaction %d, limit %d: %v", brief(full), baseEnd, baseC, to, c, limit, err)
							}
						}
					}
				}
			}
		}
	})
	if merges < 10_000 {
		t.Errorf("only %d merges", merges)
	}
	t.Logf("%d merges", merges)
}

func TestPurgedBy(t *testing.T) {
	for base := range record.Revision(4) {
		for c := range record.Revision(6) {
			for last := base + 1; last < 6; last++ {
				got := purgedBy(base, c, last)
				if got != wantPurged(base, c, last) || got >= last || got < base || c > 0 && got >= max(c, base+1) {
					t.Errorf("base %d, compaction %d, last %d: %d", base, c, last, got)
				}
			}
		}
	}
}
