package mvcc

import (
	"strings"
	"testing"

	"github.com/netsy-io/netsy/pkg/record"
)

func TestWorthVacuum(t *testing.T) {
	for _, c := range []struct {
		total, inUse int64
		want         bool
	}{
		{0, 0, false}, {keepFree, 0, false}, {keepFree + 1, 0, true}, {100 << 20, 76 << 20, false}, {100 << 20, 75 << 20, false}, {100 << 20, 74 << 20, true},
		{60 << 20, 44 << 20, false}, {60 << 20, 44<<20 - 1, true},
	} {
		if got := worthVacuum(fileSize{c.total, c.inUse}); got != c.want {
			t.Errorf("%d of %d in use: %v", c.inUse, c.total, got)
		}
	}
}

// TestPurgeGivesSpaceBack: after much history is gone the file is small again, and
// what is left is whole.
func TestPurgeGivesSpaceBack(t *testing.T) {
	b := begin(t)
	value := strings.Repeat("v", 64<<10)
	for range 20 {
		var recs []record.Record
		for range 32 {
			ch, err := putChange(b, "k", value)
			if err != nil {
				t.Fatal(err)
			}
			recs = append(recs, ch.Record)
		}
		b.commit(t, recs...)
	}
	full := sizeNow(t, b.Store)
	b.SetLogged(1, b.Tail())
	if err := b.Compact(t.Context(), b.Tail().Revision); err != nil {
		t.Fatal(err)
	}
	purgeAll(t, b.Store)
	for more := true; more; {
		var err error
		if more, err = b.vacuumStep(); err != nil {
			t.Fatal(err)
		}
	}
	total, inUse := b.Size()
	if full < 40<<20 || total > keepFree+inUse+vacuumPages*4096 || inUse > 1<<20 {
		t.Fatalf("%d bytes before, %d after, %d in use", full, total, inUse)
	}
	if err := quickCheck(t.Context(), b.writer.conn); err != nil {
		t.Fatal(err)
	}
	b.put(t, "k", "small")
}

// TestLoadGivesSpaceBack: what a load replaced takes no room in the end, and while one is
// under way nothing is moved.
func TestLoadGivesSpaceBack(t *testing.T) {
	s := openDir(t, t.TempDir())
	value := []byte(strings.Repeat("v", 64<<10))
	for rev := record.Revision(1); rev <= 640; rev += 32 {
		var recs []record.Record
		for i := range record.Revision(32) {
			recs = append(recs, record.Record{Revision: rev + i, Epoch: 1, Key: []byte("k"), Value: value, Version: 1})
		}
		if err := s.AppendLogged(t.Context(), recs); err != nil {
			t.Fatal(err)
		}
	}
	full := sizeNow(t, s)
	recs := aSnapshot()
	if err := loadAll(t, s, recs, aSnapshotEnd, 9); err != nil {
		t.Fatal(err)
	}
	l, err := s.BeginLoad(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for more := true; more; {
		if more, err = s.purger.step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if more, err := s.vacuumStep(); more || err != nil {
		t.Fatal("vacuumed during a load", err)
	}
	if err := l.Abort(); err != nil {
		t.Fatal(err)
	}
	for more := true; more; {
		if more, err = s.purger.step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if total, inUse := s.Size(); full < 40<<20 || total > keepFree+inUse+vacuumPages*4096 || inUse > 1<<20 {
		t.Fatalf("%d bytes before, %d after, %d in use", full, total, inUse)
	}
	if got := revisions(t, s); len(got) != len(recs) {
		t.Fatal(got)
	}
}

// sizeNow is Size as of now: while much is appended it is measured now and then only.
func sizeNow(t testing.TB, s *Store) int64 {
	t.Helper()
	if err := s.CheckDisk(t.Context()); err != nil {
		t.Fatal(err)
	}
	total, _ := s.Size()
	return total
}
