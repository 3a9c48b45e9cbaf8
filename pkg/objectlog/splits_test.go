package objectlog

import (
	"testing"

	"github.com/netsy-io/netsy/pkg/record"
)

func TestSplits(t *testing.T) {
	s := newSpy()
	plantTombstone(t, s.inner, 2, 1)
	plant(t, s.inner, 1, run(1, 11, 5))
	plant(t, s.inner, 1, run(1, 16, 1))
	plant(t, s.inner, 1, run(1, 17, 3))
	l := New(s, Options{})
	for rev, want := range map[record.Revision]bool{1: false, 2: false, 9: false, 10: false, 11: true, 14: true, 15: false, 16: false, 17: true, 18: true, 19: false, 20: false} {
		if got, err := l.Splits(t.Context(), rev); err != nil || got != want {
			t.Errorf("%d: %t, %v", rev, got, err)
		}
	}
	plantBytes(t, s.inner, ChunkKey(17), []byte("damaged"))
	if _, err := l.Splits(t.Context(), 18); err == nil {
		t.Error("nothing is known of a damaged chunk")
	}
}
