package mvcc

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"go.etcd.io/etcd/api/v3/mvccpb"
)

func TestSorter(t *testing.T) {
	for _, n := range []int{0, 1, 2, sortRun - 1, sortRun, sortRun + 1, 2*sortRun + 5, 4*sortRun + 1, 6 * sortRun} {
		var s sorter
		for _, i := range rand.Perm(n) {
			s.add(&mvccpb.KeyValue{Key: fmt.Appendf(nil, "%07d", i)})
		}
		got := s.sorted()
		if len(got) != n || !slices.IsSortedFunc(got, byKey) {
			t.Fatalf("%d of %d keys", len(got), n)
		}
		for i, kv := range got {
			if string(kv.Key) != fmt.Sprintf("%07d", i) {
				t.Fatalf("%q at %d", kv.Key, i)
			}
		}
	}
}
