package history

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/netsy-io/netsy/pkg/record"
)

// compare holds the target's records against a snapshot and what follows it.
func compare(t *testing.T, base []record.Record, basePurged, baseEnd record.Revision, chunks []record.Record, target []record.Record, purged, end record.Revision) ([]error, bool) {
	t.Helper()
	var first *record.Record
	if len(base) > 0 {
		first = &base[0]
	}
	src := NewSource(basePurged, first)
	c, err := NewComparer(src, baseEnd, Target{Records: &stream{target}, Purged: purged, Last: end})
	if err != nil {
		t.Fatal(err)
	}
	feed := func(recs []record.Record) {
		for i := range recs {
			if err := c.Feed(&recs[i]); err != nil {
				t.Fatal(err)
			}
			if err := src.Add(&recs[i]); err != nil {
				t.Fatalf("the true history: %v", err)
			}
		}
	}
	feed(base)
	src.Strict()
	feed(chunks)
	faults, complete, err := c.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return faults, complete
}

// Every history of four records over two keys; every snapshot of it as what was before
// (and none); every snapshot as what is judged: it is sound, with the chunks and without
// them. Then every way to change one record of it: with the chunks it is always found.
func TestComparerExhaustively(t *testing.T) {
	const n = 4
	cases, holes := 0, 0
	allHistories(n, []string{"a", "b"}, func(recs []record.Record) {
		for baseEnd := record.Revision(0); baseEnd < n; baseEnd++ {
			for basePurged := record.Revision(0); basePurged == 0 || basePurged < baseEnd; basePurged++ {
				for end := baseEnd + 1; end <= n; end++ {
					for purged := record.Revision(0); purged < end; purged++ {
						base := snapshot(recs, basePurged, baseEnd)
						target := snapshot(recs, purged, end)
						chunks := recs[baseEnd:end]
						at := fmt.Sprintf("history %s, base %d/%d, target %d/%d", show(recs), baseEnd, basePurged, end, purged)
						if faults, complete := compare(t, base, basePurged, baseEnd, chunks, target, purged, end); len(faults) > 0 || !complete {
							t.Fatalf("%s: %v, complete %v", at, faults, complete)
						}
						cases++
						if baseEnd > 0 {
							if faults, complete := compare(t, base, basePurged, baseEnd, nil, target, purged, end); len(faults) > 0 || complete {
								t.Fatalf("%s, without chunks: %v, complete %v", at, faults, complete)
							}
							holes++
						}
						// The chunks end somewhere between.
						for upTo := baseEnd + 1; upTo < end; upTo++ {
							if faults, complete := compare(t, base, basePurged, baseEnd, recs[baseEnd:upTo], target, purged, end); len(faults) > 0 || complete {
								t.Fatalf("%s, chunks up to %d: %v, complete %v", at, upTo, faults, complete)
							}
							holes++
						}
						for _, wrong := range mutants(recs, target, end) {
							// What the base doesn't hold any more can't be told.
							if q := max(purged, basePurged); reflect.DeepEqual(snapshot(wrong, q, end), snapshot(target, q, end)) {
								continue
							}
							faults, _ := compare(t, base, basePurged, baseEnd, chunks, wrong, purged, end)
							if len(faults) == 0 {
								t.Fatalf("%s: %s passes for %s", at, show(wrong), show(target))
							}
							cases++
						}
					}
				}
			}
		}
	})
	t.Logf("%d comparisons, %d with a hole", cases, holes)
}

// mutants are the target with one record wrong: lacking, with other contents, an older
// one of its key in its place, or one too much.
func mutants(recs, target []record.Record, end record.Revision) (out [][]record.Record) {
	for i := range target {
		if i < len(target)-1 { // a snapshot without its last record isn't sound
			out = append(out, slices.Delete(slices.Clone(target), i, i+1))
		}
		other := slices.Clone(target)
		other[i].Value = []byte("other")
		out = append(out, other)
		version := slices.Clone(target)
		version[i].Version++
		out = append(out, version)
	}
	for _, r := range recs[:end-1] {
		i, there := slices.BinarySearchFunc(target, r, func(a, b record.Record) int { return int(a.Revision - b.Revision) })
		if there {
			continue
		}
		more := slices.Insert(slices.Clone(target), i, r)
		out = append(out, more)
		j := slices.IndexFunc(target, func(t record.Record) bool { return string(t.Key) == string(r.Key) && t.Revision > r.Revision })
		if j >= 0 && j < len(target)-1 {
			out = append(out, slices.Delete(slices.Clone(more), j+1, j+2))
		}
	}
	alien := record.Record{Revision: 1, Epoch: 1, Key: []byte("z"), Created: true, CreateRevision: 1, Version: 1}
	out = append(out, slices.Insert(slices.Clone(target), 0, alien))
	return out
}

func show(recs []record.Record) (s string) {
	for _, r := range recs {
		s += fmt.Sprintf("%d:%s", r.Revision, r.Key)
		if r.Deleted {
			s += "-"
		}
		s += " "
	}
	return s
}

// What a snapshot says of the time before it is held against that time even when the
// chunks between are gone.
func TestComparerWithoutChunks(t *testing.T) {
	p := newReplay()
	p.epoch = 1
	for _, k := range []string{"a", "b", "c", "a", "d", "b", "d"} {
		p.put(k)
	}
	base := snapshot(p.recs, 3, 4)
	sound := snapshot(p.recs, 6, 7)
	for name, change := range map[string]func([]record.Record) []record.Record{
		"older value":  func(s []record.Record) []record.Record { s[0] = p.recs[0]; s[0].Revision = 1; return s },
		"other value":  func(s []record.Record) []record.Record { s[0].Value = []byte("x"); return s },
		"unknown key":  func(s []record.Record) []record.Record { s[0].Key = []byte("z"); return s },
		"other life":   func(s []record.Record) []record.Record { s[2].CreateRevision--; return s },
		"fewer writes": func(s []record.Record) []record.Record { s[2].Version = 1; s[2].CreateRevision = 2; return s },
		"tombstone":    func(s []record.Record) []record.Record { s[0].Deleted = true; return s },
	} {
		faults, complete := compare(t, base, 3, 4, nil, change(slices.Clone(sound)), 6, 7)
		if len(faults) == 0 || complete {
			t.Errorf("%s: not found (complete %v)", name, complete)
		}
	}
}

// A base that ends where the target's reduced part does is all that is needed for that.
func TestComparerAtTheBase(t *testing.T) {
	p := newReplay()
	p.epoch = 1
	for _, k := range []string{"a", "b", "c", "a", "b"} {
		p.put(k)
	}
	base, target := snapshot(p.recs, 2, 3), snapshot(p.recs, 3, 5)
	if faults, complete := compare(t, base, 2, 3, nil, target, 3, 5); len(faults) > 0 || complete {
		t.Errorf("%v, %v", faults, complete)
	}
	if faults, _ := compare(t, base, 2, 3, nil, slices.Delete(slices.Clone(target), 2, 3), 3, 5); len(faults) == 0 {
		t.Error("a key that lacks isn't found")
	}
}

// Another writer's snapshot doesn't say that it is reduced: its outcome counts.
func TestComparerOfOtherWriters(t *testing.T) {
	p := newReplay()
	for _, k := range []string{"a", "b", "a", "c"} {
		p.put(k)
	}
	reduced := snapshot(p.recs, 3, 4)
	if faults, complete := compare(t, nil, 0, 0, p.recs, reduced, 0, 4); len(faults) > 0 || !complete {
		t.Errorf("as target: %v, %v", faults, complete)
	}
	if faults, _ := compare(t, nil, 0, 0, p.recs, reduced[1:], 0, 4); len(faults) == 0 {
		t.Error("a key that lacks isn't found")
	}
	p.put("c")
	if faults, complete := compare(t, snapshot(p.recs, 5, 5), 0, 5, nil, snapshot(p.recs, 2, 5), 2, 5); len(faults) > 0 || !complete {
		t.Errorf("as base that leaves out what the target has: %v, %v", faults, complete)
	}
	p.recs = p.recs[:4]
	p.put("b")
	if faults, complete := compare(t, reduced, 0, 4, p.recs[4:], snapshot(p.recs, 3, 5), 3, 5); len(faults) > 0 || !complete {
		t.Errorf("as base: %v, %v", faults, complete)
	}
}
