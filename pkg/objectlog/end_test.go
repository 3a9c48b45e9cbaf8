package objectlog

import (
	"errors"
	"testing"

	"github.com/netsy-io/netsy/pkg/record"
)

// subsets calls fn with every ascending list of revisions from 1 to n.
func subsets(n int, fn func([]record.Revision)) {
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

// TestJudgeEndExhaustively says the rule otherwise: count the snapshots above after and
// at or above next.
func TestJudgeEndExhaustively(t *testing.T) {
	seen := map[error]int{}
	subsets(7, func(snapshots []record.Revision) {
		for after := range record.Revision(9) {
			aboveStart := 0
			for _, s := range snapshots {
				if s > after {
					aboveStart++
				}
			}
			if got, want := judgeStart(after, snapshots), aboveStart >= 2; errors.Is(got, ErrSuperseded) != want || (got != nil) != want {
				t.Fatalf("start %d, snapshots %v: %v", after, snapshots, got)
			}
			for next := record.Revision(1); next < 10; next++ {
				behind := 0
				for _, s := range snapshots {
					if s >= next {
						behind++
					}
				}
				var want error
				switch {
				case aboveStart >= 2:
					want = ErrSuperseded
				case behind > 0:
					want = ErrGap
				}
				got := judgeEnd(after, next, snapshots)
				if !errors.Is(got, want) || (got == nil) != (want == nil) {
					t.Fatalf("after %d, next %d, snapshots %v: %v, want %v", after, next, snapshots, got, want)
				}
				seen[want]++
			}
		}
	})
	if len(seen) != 3 {
		t.Errorf("a verdict never came up: %v", seen)
	}
}

func TestNewestUpToExhaustively(t *testing.T) {
	subsets(6, func(snapshots []record.Revision) {
		for rev := range record.Revision(8) {
			var want record.Revision
			for _, s := range snapshots {
				if s <= rev && s > want {
					want = s
				}
			}
			if got := newestUpTo(rev, snapshots); got != want {
				t.Fatalf("up to %d of %v: %d, want %d", rev, snapshots, got, want)
			}
		}
	})
}
