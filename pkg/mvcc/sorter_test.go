package mvcc

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestSorter(t *testing.T) {
	for _, n := range []int{0, 1, 2, sortRun - 1, sortRun, sortRun + 1, 2*sortRun + 5, 4*sortRun + 1, 6 * sortRun} {
		var s sorter
		for _, i := range rand.Perm(n) {
			s.add(&item{key: fmt.Appendf(nil, "%07d", i)})
		}
		got := s.sorted()
		if len(got) != n || !slices.IsSortedFunc(got, byKey) {
			t.Fatalf("%d of %d keys", len(got), n)
		}
		for i, it := range got {
			if string(it.key) != fmt.Sprintf("%07d", i) {
				t.Fatalf("%q at %d", it.key, i)
			}
		}
	}
}
