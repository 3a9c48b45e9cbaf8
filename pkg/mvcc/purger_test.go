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
		awaitPurger(t, func() bool { return b.Purged() >= want })
	}
}

// TestPurgeTriesAgain: work that failed is tried again when the log grows, also what isn't of the purge.
func TestPurgeTriesAgain(t *testing.T) {
	b := begin(t)
	b.put(t, "k", "1")
	if err := b.writer.exec("CREATE TABLE " + discardPrefix + "1 (other)"); err != nil { // one that can't be emptied
		t.Fatal(err)
	}
	b.purger.wake()
	awaitPurger(t, b.purger.failed.Load)
	if err := b.writer.exec("DROP TABLE " + discardPrefix + "1; CREATE TABLE " + discardPrefix + "1 (pos)"); err != nil {
		t.Fatal(err)
	}
	b.SetLogged(1, b.Tail())
	awaitPurger(t, func() bool {
		var n int
		if err := b.readDB.QueryRowContext(t.Context(), "SELECT count(*) FROM sqlite_schema WHERE name GLOB '"+discardPrefix+"*'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n == 0
	})
	awaitPurger(t, func() bool { return !b.purger.failed.Load() })
}

// awaitPurger waits until done; the purger tells nobody.
func awaitPurger(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it never came to that")
		}
	}
}
