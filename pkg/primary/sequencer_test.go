package primary

import (
	"math/bits"
	"testing"
)

// TestFewBatchesUnderWay: of n writers that come one by one, while nothing is released, the
// first is begun at once, and there are never more batches under way than log n + 1; none
// waits once as many as before it have come.
func TestFewBatchesUnderWay(t *testing.T) {
	for n := 1; n <= 5000; n++ {
		batches, gathered, underWay := 0, 0, 0
		for range n {
			if gathered++; worthHandingOver(gathered, underWay) {
				batches, gathered, underWay = batches+1, 0, underWay+gathered
			}
		}
		if underWay == 0 || gathered > underWay || batches > bits.Len(uint(n)) {
			t.Fatalf("%d writers: %d batches of %d under way, %d wait", n, batches, underWay, gathered)
		}
	}
}
