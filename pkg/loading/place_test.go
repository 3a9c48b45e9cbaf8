package loading

import (
	"errors"
	"testing"

	"github.com/netsy-io/netsy/pkg/record"
)

// TestPlaceExhaustively builds every small world: a log of up to four revisions,
// snapshots at any of them, and a local copy that shares any part of it and then goes
// its own way; that remembers any agreed position as logged, whose chunk is there
// unless it may have been freed (then: there or not), and that may have purged up to it.
func TestPlaceExhaustively(t *testing.T) {
	const n = 4
	loads, worlds := 0, 0
	for _, log := range allHistories(n, 3) {
		for _, local := range allHistories(n+1, 3) {
			common := commonPrefix(log, local)
			if !matches(log, local, common) {
				continue
			}
			everySnapshotSet(len(log), func(listed []record.Revision) {
				for logged := 0; logged <= common; logged++ {
					for purged := 0; purged <= logged; purged++ {
						for _, held := range []bool{true, false} { // false, where it may have been freed
							worlds++
							if checkPlace(t, log, local, common, listed, logged, purged, held) {
								loads++
							}
						}
					}
				}
			})
		}
	}
	if worlds < 10000 || loads < 1000 {
		t.Fatalf("%d worlds, %d loads", worlds, loads)
	}
}

// matches: log matching holds, as it does for real copies: behind where they part, no
// (epoch, revision) is in both.
func matches(log, local []record.Epoch, common int) bool {
	for i := common; i < min(len(log), len(local)); i++ {
		if log[i] == local[i] {
			return false
		}
	}
	return true
}

// checkPlace says whether the world led to a load.
func checkPlace(t *testing.T, log, local []record.Epoch, common int, listed []record.Revision, logged, purged int, held bool) bool {
	t.Helper()
	f := facts{tail: at(local, len(local)), purged: record.Revision(purged), listed: listed}
	if logged > 0 {
		f.logged = at(local, logged)
		f.held = held || !freeable(f.logged.Revision, listed)
	}
	for i := len(listed) - 1; i >= 0 && i >= len(listed)-2; i-- {
		rev := int(listed[i])
		m := mark{pos: at(log, rev)}
		if rev <= len(local) && rev > purged {
			m.local = at(local, rev)
		}
		f.snapshots = append(f.snapshots, m)
	}
	p, err := place(f)
	if err != nil {
		if purged == 0 || len(listed) > 0 && int(listed[len(listed)-1]) > purged || f.held && !freeable(f.logged.Revision, listed) {
			t.Fatalf("log %v, local %v, snapshots %v, logged %d, purged %d: %v", log, local, listed, logged, purged, err)
		}
		return false
	}
	if freeable(p.after, listed) {
		t.Fatalf("log %v, local %v, snapshots %v, logged %d, purged %d: reads from %d on, where slots may have been freed", log, local, listed, logged, purged, p.after)
	}
	switch {
	case !p.load:
		if int(p.after) > common || int(p.after) < purged {
			t.Fatalf("log %v, local %v, snapshots %v, logged %d, purged %d: agreed up to %d", log, local, listed, logged, purged, p.after)
		}
	case len(local) >= int(p.after) && common >= int(p.after):
		t.Fatalf("log %v, local %v, snapshots %v, logged %d, purged %d: a copy that agrees at %d is thrown away", log, local, listed, logged, purged, p.after)
	}
	return p.load
}

func at(h []record.Epoch, rev int) record.Pos {
	if rev == 0 {
		return record.Pos{}
	}
	return record.Pos{Epoch: h[rev-1], Revision: record.Revision(rev)}
}

func commonPrefix(a, b []record.Epoch) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

func everySnapshotSet(n int, fn func([]record.Revision)) {
	for mask := range 1 << n {
		var revs []record.Revision
		for i := range n {
			if mask>>i&1 == 1 {
				revs = append(revs, record.Revision(i+1))
			}
		}
		fn(revs)
	}
}

// TestPlaceKeepsWhatItCannotJudge: not knowing what the copy had at the snapshot's
// revision is no reason to throw away what it has beyond.
func TestPlaceKeepsWhatItCannotJudge(t *testing.T) {
	s := record.Pos{Epoch: 2, Revision: 5}
	tail := record.Pos{Epoch: 2, Revision: 9}
	for name, f := range map[string]facts{
		"purged there":                {tail: tail, purged: 5, logged: record.Pos{Epoch: 2, Revision: 5}, snapshots: []mark{{pos: s}}, listed: []record.Revision{5}},
		"purged beyond":               {tail: tail, purged: 7, snapshots: []mark{{pos: s, local: s}}, listed: []record.Revision{5}},
		"purged without any snapshot": {tail: tail, purged: 3},
	} {
		if p, err := place(f); !errors.Is(err, ErrUnplaced) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}

// TestPlacePassesOverDamage: with the newest snapshot unreadable the one before it serves,
// and without any the chunks alone.
func TestPlacePassesOverDamage(t *testing.T) {
	older := mark{pos: record.Pos{Epoch: 1, Revision: 3}}
	p, err := place(facts{snapshots: []mark{older}, listed: []record.Revision{3, 6}})
	if err != nil || p != (placement{after: 3, load: true}) {
		t.Fatalf("%+v, %v", p, err)
	}
	if p, err = place(facts{listed: []record.Revision{6}}); err != nil || p != (placement{}) {
		t.Fatalf("%+v, %v", p, err)
	}
}
