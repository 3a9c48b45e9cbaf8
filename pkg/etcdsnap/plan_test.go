package etcdsnap

import (
	"testing"

	"github.com/netsy-io/netsy/pkg/record"
)

// TestSpanExhaustively goes through all histories of up to four revisions and two places in
// each, some of them fillers, with any compaction, and holds the span to its definition.
func TestSpanExhaustively(t *testing.T) {
	const first, revisions = 2, 4
	for compacted := record.Revision(0); compacted <= first+revisions; compacted++ {
		for shape := range pow(5, revisions) {
			var places []place
			fillers := map[record.Revision]bool{}
			for i, s := 0, shape; i < revisions; i, s = i+1, s/5 {
				rev := record.Revision(first + i)
				switch s % 5 {
				case 1:
					places = append(places, place{revision: rev})
				case 2:
					places = append(places, place{revision: rev}, place{revision: rev, sub: 1})
				case 3:
					places = append(places, place{revision: rev, sub: 1})
				case 4:
					places = append(places, place{revision: rev})
					fillers[rev] = true
				}
			}
			got := newSpan(compacted)
			for _, p := range places {
				got.add(p, fillers[p.revision])
			}
			if floor, last := defined(places, fillers, compacted); got.floor != floor || got.last != last {
				t.Fatalf("compacted %d, %v, fillers %v: floor %d, last %d; want %d, %d", compacted, places, fillers, got.floor, got.last, floor, last)
			}
		}
	}
}

// defined is the definition: the lowest floor, not below the compaction or 1, above which
// every revision up to the last has all its records.
func defined(places []place, fillers map[record.Revision]bool, compacted record.Revision) (floor, last record.Revision) {
	subs := map[record.Revision][]int64{}
	last = max(compacted, 1)
	for _, p := range places {
		subs[p.revision] = append(subs[p.revision], p.sub)
		last = max(last, p.revision)
	}
	whole := func(rev record.Revision) bool {
		for i, sub := range subs[rev] {
			if sub != int64(i) {
				return false
			}
		}
		return len(subs[rev]) > 0 && !fillers[rev]
	}
	for floor = last; floor > max(compacted, 1) && whole(floor); floor-- {
	}
	return floor, last
}

func pow(x, n int) int {
	if n == 0 {
		return 1
	}
	return x * pow(x, n-1)
}
