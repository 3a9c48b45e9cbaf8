package mvcc

import (
	"testing"
	"time"
)

// TestPurgeFollowsTheLog: what was compacted before it was in the object log goes once it is.
func TestPurgeFollowsTheLog(t *testing.T) {
	b := begin(t)
	for _, v := range []string{"1", "2", "3", "4"} {
		b.put(t, "k", v)
	}
	if err := b.Compact(t.Context(), b.Tail().Revision); err != nil {
		t.Fatal(err)
	}
	if got := b.Purged(); got != 0 {
		t.Fatalf("purged up to %d, and nothing is in the object log", got)
	}
	for rev := b.Tail().Revision - 2; rev <= b.Tail().Revision; rev++ {
		pos, err := b.PosAt(t.Context(), rev)
		if err != nil {
			t.Fatal(err)
		}
		b.SetLogged(1, pos)
		want := min(rev, b.Tail().Revision-1)
		for deadline := time.Now().Add(10 * time.Second); b.Purged() < want; time.Sleep(time.Millisecond) { // it tells nobody
			if time.Now().After(deadline) {
				t.Fatalf("purged up to %d, want %d", b.Purged(), want)
			}
		}
	}
}
