package mvcc

import (
	"slices"
	"testing"

	"github.com/netsy-io/netsy/pkg/record"
)

// TestSupersededKeepsEveryStateFromTheTargetOn: for each history of up to six revisions
// of a key, each target, and each way there in two steps, reads at and above the target are the
// same with and without the superseded records, and nothing that could go is left.
func TestSupersededKeepsEveryStateFromTheTargetOn(t *testing.T) {
	const n = 6
	for kinds := range 1 << n { // bit i: record i is a tombstone, if there is something to delete
		for present := range 1 << n { // bit i: revision i+1 has a record of the key
			var all []succession
			for i := range n {
				if present&(1<<i) == 0 {
					continue
				}
				r := succession{pos: firstOf(record.Revision(i + 1))}
				if k := len(all); k > 0 && !all[k-1].deleted {
					r.before, r.deleted = all[k-1].pos, kinds&(1<<i) != 0
				}
				all = append(all, r)
			}
			for target := range record.Revision(n + 1) {
				for half := range target + 1 {
					gone := append(superseded(span(all, 0, half)), superseded(span(all, half, target))...)
					checkPurge(t, all, target, gone)
				}
			}
		}
	}
}

// span is what is in all after a revision, up to another.
func span(all []succession, after, to record.Revision) (out []succession) {
	for _, r := range all {
		if rev := r.pos.revision(); rev > after && rev <= to {
			out = append(out, r)
		}
	}
	return out
}

func checkPurge(t *testing.T, all []succession, target record.Revision, gone []rowPos) {
	t.Helper()
	var left []succession
	for _, v := range all {
		if !slices.Contains(gone, v.pos) {
			left = append(left, v)
		}
	}
	stateAt := func(vs []succession, rev record.Revision) (at rowPos) {
		for _, v := range vs {
			if v.pos.revision() <= rev {
				at = v.pos
				if v.deleted {
					at = 0
				}
			}
		}
		return at
	}
	for rev := target; rev <= 7; rev++ {
		if got, want := stateAt(left, rev), stateAt(all, rev); got != want {
			t.Fatalf("%v without %v: state at %d is %d, want %d", all, gone, rev, got, want)
		}
	}
	for _, v := range left {
		if v.pos.revision() <= target && (v.deleted || v.pos != stateAt(all, target)) {
			t.Fatalf("%v without %v: %v could go", all, gone, v)
		}
	}
	for i, p := range gone {
		if p.revision() > target || slices.Contains(gone[:i], p) {
			t.Fatalf("%v: %v of %d up to %d", all, p, gone, target)
		}
	}
}

func TestPurgeTarget(t *testing.T) {
	for compact := range record.Revision(6) {
		for logged := range record.Revision(6) {
			got := purgeTarget(compact, logged)
			if got > logged || (compact > 0 && got >= compact) || got < 0 {
				t.Errorf("compact %d, logged %d: purge up to %d", compact, logged, got)
			}
			if compact > 0 && got != logged && got != compact-1 {
				t.Errorf("compact %d, logged %d: purge stops at %d", compact, logged, got)
			}
		}
	}
}
