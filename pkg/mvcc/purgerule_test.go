package mvcc

import (
	"slices"
	"testing"

	"github.com/netsy-io/netsy/pkg/record"
)

// TestSupersededKeepsEveryStateFromTheTargetOn: for each history of up to five
// records of a key and each target, reads at and above the target are the same with and
// without the superseded records, and nothing that could go is left.
func TestSupersededKeepsEveryStateFromTheTargetOn(t *testing.T) {
	const n = 5
	for kinds := range 1 << n { // bit i: record i is a tombstone
		for present := range 1 << n { // bit i: revision i+1 has a record of the key
			var all []version
			for i := range n {
				if present&(1<<i) != 0 {
					all = append(all, version{pos: firstOf(record.Revision(i + 1)), deleted: kinds&(1<<i) != 0})
				}
			}
			for target := range record.Revision(n + 1) {
				checkPurge(t, all, target)
			}
		}
	}
}

func checkPurge(t *testing.T, all []version, target record.Revision) {
	t.Helper()
	var upTo []version
	for _, v := range all {
		if v.pos.revision() <= target {
			upTo = append(upTo, v)
		}
	}
	gone := superseded(upTo)
	var left []version
	for _, v := range all {
		if !slices.Contains(gone, v.pos) {
			left = append(left, v)
		}
	}
	stateAt := func(vs []version, rev record.Revision) (at rowPos) {
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
	for rev := target; rev <= 6; rev++ {
		if got, want := stateAt(left, rev), stateAt(all, rev); got != want {
			t.Fatalf("%v without %v: state at %d is %d, want %d", all, gone, rev, got, want)
		}
	}
	for _, v := range left {
		if v.pos.revision() <= target && (v.deleted || v.pos != stateAt(all, target)) {
			t.Fatalf("%v without %v: %v could go", all, gone, v)
		}
	}
	for _, p := range gone {
		if p.revision() > target {
			t.Fatalf("%v: %d is beyond the target %d", all, p, target)
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
