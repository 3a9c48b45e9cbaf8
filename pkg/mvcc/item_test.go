package mvcc

import (
	"bytes"
	"runtime"
	"testing"
)

// TestItemOf: an item has a key of its own, of any length, one object with it if it isn't long;
// whoever has the key alone has it whole.
func TestItemOf(t *testing.T) {
	const longest = 200
	var keys [longest + 1][]byte
	for n := range keys {
		given := bytes.Repeat([]byte{byte(n)}, n)
		it := itemOf(given)
		keys[n] = it.key
		if cap(it.key) != n {
			t.Errorf("%d bytes: room for %d that are another's", n, cap(it.key))
		}
		for i := range given {
			given[i] = 'x'
		}
		want := 1.0
		if n > 112 {
			want = 2
		}
		if got := testing.AllocsPerRun(10, func() { kept = itemOf(given) }); got != want {
			t.Errorf("%d bytes: %v allocations", n, got)
		}
	}
	runtime.GC()
	for n, key := range keys {
		if !bytes.Equal(key, bytes.Repeat([]byte{byte(n)}, n)) {
			t.Errorf("%d bytes: %v", n, key)
		}
	}
}

var kept *item
