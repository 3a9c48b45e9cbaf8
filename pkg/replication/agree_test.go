package replication

import (
	"testing"

	"github.com/netsy-io/netsy/pkg/record"
)

// universe is every history there can be of a few epochs: each epoch's records are one
// run, which begins right after one position of a lower epoch. So two histories that
// hold the same position are equal up to there, as in the real thing.
type universe struct {
	parent map[record.Epoch]record.Pos // what the epoch's first record follows
	length map[record.Epoch]int
}

// path lists the positions of the history that ends at p.
func (u universe) path(p record.Pos) []record.Pos {
	if p == (record.Pos{}) {
		return nil
	}
	parent := u.parent[p.Epoch]
	if p.Revision == parent.Revision+1 {
		return append(u.path(parent), p)
	}
	return append(u.path(record.Pos{Epoch: p.Epoch, Revision: p.Revision - 1}), p)
}

func (u universe) positions(below record.Epoch) []record.Pos {
	all := []record.Pos{{}}
	for e := record.Epoch(1); e < below; e++ {
		for i := range u.length[e] {
			all = append(all, record.Pos{Epoch: e, Revision: u.parent[e].Revision + 1 + record.Revision(i)})
		}
	}
	return all
}

// each calls fn with every universe of so many epochs with up to longest records each.
func (u universe) each(e, epochs record.Epoch, longest int, fn func()) {
	if e > epochs {
		fn()
		return
	}
	for _, p := range u.positions(e) {
		for n := 1; n <= longest; n++ {
			u.parent[e], u.length[e] = p, n
			u.each(e+1, epochs, longest, fn)
		}
	}
	delete(u.parent, e)
	delete(u.length, e)
}

func outline(path []record.Pos) (starts []record.Pos) {
	for i, p := range path {
		if i == 0 || path[i-1].Epoch != p.Epoch {
			starts = append(starts, p)
		}
	}
	return starts
}

func common(a, b []record.Pos) (pos record.Pos) {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			break
		}
		pos = a[i]
	}
	return pos
}

// dialogue is both sides' part in finding the agreement.
func dialogue(t *testing.T, h history, replica []record.Pos) (agreed record.Pos, known bool) {
	t.Helper()
	held, last := record.Pos{}, record.Pos{}
	if len(replica) > 0 {
		held = replica[len(replica)-1]
	}
	for first := true; ; first = false {
		pos, known, err := h.commonWith(held)
		if err != nil {
			t.Fatalf("%v of %v: %v", held, replica, err)
		}
		if !known {
			return record.Pos{}, false
		}
		if !first && !descends(last, pos) {
			t.Fatalf("%v against %+v: %v after %v", replica, h, pos, last)
		}
		if pos.Revision > record.Revision(len(replica)) {
			t.Fatalf("%v against %+v: asked for %v, beyond the tail", replica, h, pos)
		}
		if held = (record.Pos{}); pos.Revision > 0 {
			held = replica[pos.Revision-1]
		}
		if held == pos {
			return pos, true
		}
		last = pos
	}
}

// TestAgreement: for every two histories of a few epochs, the dialogue ends at exactly
// their longest common prefix. When the starts of old reigns are missing on the
// Primary, it does so too, or says that the answer lies below what is left.
func TestAgreement(t *testing.T) {
	u := universe{parent: map[record.Epoch]record.Pos{}, length: map[record.Epoch]int{}}
	const epochs = 4
	pairs := 0
	u.each(1, epochs, 3, func() {
		all := u.positions(epochs + 1)
		for _, p := range all[1:] {
			primary := u.path(p)
			starts := outline(primary)
			for _, f := range all {
				replica := u.path(f)
				want := common(primary, replica)
				for cut := range starts {
					pairs++
					got, known := dialogue(t, history{starts: starts[cut:], end: p}, replica)
					switch {
					case known && got != want:
						t.Fatalf("primary %v (%d starts missing), replica %v: agreed on %v, want %v", primary, cut, replica, got, want)
					case !known && (cut == 0 || want.Revision >= starts[cut].Revision):
						t.Fatalf("primary %v (%d starts missing), replica %v: not known, want %v", primary, cut, replica, want)
					}
				}
			}
		}
	})
	if pairs < 1_000_000 {
		t.Fatalf("only %d pairs", pairs)
	}
}

// TestImpossibleTail: no copy of this history can hold an epoch's record from before
// the epoch began.
func TestImpossibleTail(t *testing.T) {
	h := history{starts: []record.Pos{{Epoch: 1, Revision: 1}, {Epoch: 3, Revision: 5}}, end: record.Pos{Epoch: 3, Revision: 9}}
	if pos, _, err := h.commonWith(record.Pos{Epoch: 3, Revision: 4}); err == nil {
		t.Fatalf("agreed on %v", pos)
	}
}

func TestIsBehind(t *testing.T) {
	for agreed := range record.Revision(6) {
		for compaction := range record.Revision(6) {
			for logged := range record.Revision(6) {
				for _, known := range []bool{true, false} {
					// Every revision that purging may have touched must be in the copy already.
					purged := max(0, compaction-1)
					if known {
						purged = min(purged, logged)
					}
					want := false
					for rev := agreed + 1; rev <= purged; rev++ {
						want = true
					}
					if got := isBehind(agreed, compaction, logged, known); got != want {
						t.Errorf("agreed %d, compacted to %d, logged %d (%v): %v", agreed, compaction, logged, known, got)
					}
				}
			}
		}
	}
}

func TestSuccession(t *testing.T) {
	for rev := range record.Revision(5) {
		for sub := range int32(4) {
			s := succession{rev: 2, sub: 1}
			want := rev == 3 && sub == 0 || rev == 2 && sub == 2
			if got := s.next(&record.Record{Revision: rev, Sub: sub}); got != want {
				t.Errorf("%d.%d after 2.1: %v", rev, sub, got)
			}
			if want != (s == succession{rev: rev, sub: sub}) && want {
				t.Errorf("%d.%d after 2.1 left %+v", rev, sub, s)
			}
		}
	}
}
