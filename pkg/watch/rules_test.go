package watch

import (
	"slices"
	"testing"

	"github.com/netsy-io/netsy/pkg/record"
)

// Every rule is checked on every combination of small numbers against its meaning,
// said another way.

const most = record.Revision(5)

func TestAdmit(t *testing.T) {
	for start := record.Revision(-2); start <= most; start++ {
		for rev := record.Revision(1); rev <= most; rev++ {
			for compacted := record.Revision(0); compacted <= rev; compacted++ {
				wants := func(r record.Revision) bool { // of the past
					return start != 0 && start <= r && r <= rev
				}
				needsPast, gone := false, false
				for r := record.Revision(1); r <= rev; r++ {
					needsPast = needsPast || wants(r)
					gone = gone || wants(r) && r < compacted
				}
				want := admitLive
				switch {
				case start < 0:
					want = admitRefused
				case gone:
					want = admitCompacted
				case needsPast:
					want = admitCatchUp
				}
				if got := admit(start, rev, compacted); got != want {
					t.Errorf("admit(%d, %d, %d) = %d, want %d", start, rev, compacted, got, want)
				}
			}
		}
	}
}

func TestCaughtUpAndOutrun(t *testing.T) {
	for next := record.Revision(1); next <= most; next++ {
		for rev := record.Revision(0); rev <= most; rev++ {
			missing, lost := false, false
			for r := next; r <= most; r++ {
				missing = missing || r <= rev
				lost = lost || r < rev
			}
			if got := caughtUp(next, rev); got == missing {
				t.Errorf("caughtUp(%d, %d) = %v", next, rev, got)
			}
			if got := outrun(next, rev); got != lost {
				t.Errorf("outrun(%d, %d) = %v", next, rev, got)
			}
		}
	}
}

// standings returns all sets of up to n standings with starts up to top.
func standings(n int, top record.Revision) [][]standing {
	sets := [][]standing{nil}
	for prev := sets; n > 0; n-- {
		var longer [][]standing
		for _, set := range prev {
			for start := range top + 1 {
				for _, is := range []bool{false, true} {
					longer = append(longer, append(slices.Clone(set), standing{is, start}))
				}
			}
		}
		sets, prev = append(sets, longer...), longer
	}
	return sets
}

func TestMayBroadcast(t *testing.T) {
	for _, set := range standings(3, 3) {
		for rev := record.Revision(1); rev <= 4; rev++ {
			synced, started := 0, 0
			for _, st := range set {
				if st.synced {
					synced++
				}
				if st.start <= rev {
					started++
				}
			}
			want := len(set) > 0 && synced == len(set) && started == len(set)
			if got := mayBroadcast(slices.Values(set), rev); got != want {
				t.Errorf("mayBroadcast(%v, %d) = %v", set, rev, got)
			}
			if len(set) == 1 && mayNotify(set[0], rev) != want {
				t.Errorf("mayNotify(%v, %d) = %v", set[0], rev, !want)
			}
		}
	}
}

func TestFitsAndDrained(t *testing.T) {
	limit := load{4, 40}
	for pe := range 6 {
		for pb := range 6 {
			pending := load{pe, pb * 10}
			for ae := 1; ae < 6; ae++ {
				for ab := range 6 {
					add := load{ae, ab * 10}
					over := pe+ae > 4 || pb+ab > 4
					if got := fits(pending, add, limit); got != (pe == 0 || !over) {
						t.Errorf("fits(%v, %v) = %v", pending, add, got)
					}
				}
			}
			if got := drained(pending, limit); got != (pe <= 2 && pb <= 2) {
				t.Errorf("drained(%v) = %v", pending, got)
			}
		}
	}
	if !drained(load{}, load{1, 1}) {
		t.Error("an empty queue must count as drained, or its watch would wait for ever")
	}
}
