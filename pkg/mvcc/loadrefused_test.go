package mvcc

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/netsy-io/netsy/pkg/record"
)

// TestLoadRefused: what is not a snapshot, or would take something away, changes nothing.
func TestLoadRefused(t *testing.T) {
	recs := aSnapshot()
	without := func(i int) []record.Record { return slices.Delete(slices.Clone(recs), i, i+1) }
	with := func(i int, r record.Record) []record.Record { return slices.Insert(slices.Clone(recs), i, r) }
	b := begin(t)
	b.put(t, "a", "1")
	before := *b.state.Load()
	for name, c := range map[string]struct {
		recs   []record.Record
		last   record.Pos
		purged record.Revision
		as     any
	}{
		"nothing":               {nil, aSnapshotEnd, 9, new(*LoadError)},
		"revisions go back":     {with(3, rec(2, 8, "h", "")), aSnapshotEnd, 9, new(*OrderError)},
		"twice the same":        {with(3, recs[2]), aSnapshotEnd, 9, new(*OrderError)},
		"epochs go back":        {with(3, rec(1, 10, "h", "")), aSnapshotEnd, 9, new(*OrderError)},
		"epochs to none":        {with(3, rec(0, 10, "h", "")), aSnapshotEnd, 9, new(*OrderError)},
		"two epochs":            {append(slices.Clone(recs), record.Record{Revision: 12, Sub: 1, Epoch: 4, Key: []byte("h")}), aSnapshotEnd, 9, new(*OrderError)},
		"ends before last":      {recs[:5], aSnapshotEnd, 9, new(*OrderError)},
		"ends after last":       {recs, recs[4].Pos(), 9, new(*OrderError)},
		"ends in another epoch": {recs, record.Pos{Epoch: 2, Revision: 12}, 9, new(*OrderError)},
		"a hole":                {without(4), aSnapshotEnd, 9, new(*LoadError)},
		"a hole at purged+1":    {without(3), aSnapshotEnd, 9, new(*LoadError)},
		"purged is too low":     {recs, aSnapshotEnd, 8 - 1, new(*LoadError)},
		"all purged":            {recs, aSnapshotEnd, 12, new(*LoadError)},
		"purged below nothing":  {recs, aSnapshotEnd, -1, new(*LoadError)},
		"a key twice":           {with(2, rec(2, 8, "b", "8")), aSnapshotEnd, 9, new(*LoadError)},
		"a tombstone at purged": {recs, aSnapshotEnd, 11, new(*LoadError)},
		"a tombstone below":     {with(2, gone(2, 8, 1, "h")), aSnapshotEnd, 9, new(*LoadError)},
	} {
		if err := loadAll(t, b.Store, c.recs, c.last, c.purged); !errors.As(err, c.as) {
			t.Errorf("%s: %v", name, err)
		}
		unchanged(t, b.Store, before)
	}
	if got := revisions(t, b.Store); len(got) != 2 {
		t.Fatal(got)
	}
	if err := loadAll(t, b.Store, recs, aSnapshotEnd, 9); err != nil {
		t.Fatal(err)
	}
}

// TestLoadNeverTakesAway what is published or compacted, whichever is known when.
func TestLoadNeverTakesAway(t *testing.T) {
	dir := t.TempDir()
	s := openDir(t, dir)
	if err := s.AppendLogged(t.Context(), reign(1, 1, 20)); err != nil {
		t.Fatal(err)
	}
	l, err := s.BeginLoad(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Add(t.Context(), aSnapshot()); err != nil {
		t.Fatal(err)
	}
	publishAt(t, s, 13) // while loading
	var te *TruncateError
	if err := l.Commit(t.Context(), aSnapshotEnd, 9); !errors.As(err, &te) || te.What != "published" || te.Floor != 13 {
		t.Fatal(err)
	}
	if err := l.replace(aSnapshotEnd, 9); !errors.As(err, &te) {
		t.Fatalf("in the transaction: %v", err)
	}
	if err := s.Compact(t.Context(), 13); err != nil {
		t.Fatal(err)
	}
	if err := l.Abort(); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, s, dir) // nothing is published now
	if err := loadAll(t, s, aSnapshot(), aSnapshotEnd, 9); !errors.As(err, &te) || te.What != "compaction" {
		t.Fatal(err)
	}
	if got := revisions(t, s); len(got) != 20 {
		t.Fatal(got)
	}
}

func TestLoadEnds(t *testing.T) {
	dir := t.TempDir()
	s := openDir(t, dir)
	l, err := s.BeginLoad(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.BeginLoad(t.Context()); !errors.Is(err, ErrLoading) {
		t.Fatal(err)
	}
	if err := l.Add(t.Context(), aSnapshot()); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Commit(ended, aSnapshotEnd, 9); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := l.Abort(); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{l.Add(t.Context(), aSnapshot()), l.Commit(t.Context(), aSnapshotEnd, 9)} {
		if !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	}
	if l, err = s.BeginLoad(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := l.Add(t.Context(), aSnapshot()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Commit(t.Context(), aSnapshotEnd, 9); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
	if err := l.Abort(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.BeginLoad(t.Context()); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
	s = openDir(t, dir)
	if s.Tail().Revision != 0 {
		t.Fatal("a load that never ended has taken effect")
	}
	if err := loadAll(t, s, aSnapshot(), aSnapshotEnd, 9); err != nil {
		t.Fatal(err)
	}
}

// TestBeginLoadDropsWhatIsLeft of a load that could not be aborted.
func TestBeginLoadDropsWhatIsLeft(t *testing.T) {
	s := openDir(t, t.TempDir())
	l, err := s.BeginLoad(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Add(t.Context(), aSnapshot()[:2]); err != nil {
		t.Fatal(err)
	}
	if err := l.release(); err != nil { // as Abort does on a full disk
		t.Fatal(err)
	}
	if err := loadAll(t, s, aSnapshot()[2:], aSnapshotEnd, 9); err != nil {
		t.Fatal(err)
	}
	if got := revisions(t, s); len(got) != 4 {
		t.Fatal(got)
	}
}

// TestStatementsSurviveALoad: those prepared before it, on every connection, see
// the new table; a reader in the middle of it sees the old one to its end.
func TestStatementsSurviveALoad(t *testing.T) {
	b := begin(t)
	b.put(t, "a", "1")
	stmt, err := b.readDB.PrepareContext(t.Context(), "SELECT count(*), max(pos) FROM records")
	if err != nil {
		t.Fatal(err)
	}
	defer stmt.Close()
	counts := func() (n, pos int64) {
		if err := stmt.QueryRowContext(t.Context()).Scan(&n, &pos); err != nil {
			t.Fatal(err)
		}
		return n, pos
	}
	if n, _ := counts(); n != 2 {
		t.Fatal(n)
	}
	reader, err := b.readDB.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Rollback()
	old, err := reader.Query("SELECT key FROM records ORDER BY pos")
	if err != nil || !old.Next() {
		t.Fatal(err)
	}
	for round := range record.Revision(3) { // the names of tables and indexes must do for more than one load
		recs := aSnapshot()
		for i := range recs {
			recs[i].Revision += 20 * round
		}
		last := recs[len(recs)-1].Pos()
		if err := loadAll(t, b.Store, recs, last, 9+20*round); err != nil {
			t.Fatal(err)
		}
		if n, pos := counts(); n != 6 || rowPos(pos).revision() != last.Revision {
			t.Fatal(n, pos)
		}
		more := []record.Record{rec(3, last.Revision+1, "m", "1")} // the writer's own statements
		if err := b.AppendLogged(t.Context(), more); err != nil {
			t.Fatal(err)
		}
		if n, _ := counts(); n != 7 {
			t.Fatal(n)
		}
	}
	if !old.Next() || old.Next() || old.Err() != nil {
		t.Fatal("the reader lost what it was reading", old.Err())
	}
	old.Close()
}

// TestDiscardedRecordsGo in steps, whatever loads left, and nothing else goes.
func TestDiscardedRecordsGo(t *testing.T) {
	b := begin(t)
	for range 3 {
		var recs []record.Record
		for range discardRows - 1 {
			ch, err := putChange(b, "k", "v")
			if err != nil {
				t.Fatal(err)
			}
			recs = append(recs, ch.Record)
		}
		b.commit(t, recs...)
	}
	recs := aSnapshot()
	for i := range recs {
		recs[i].Revision += 2000
	}
	if err := loadAll(t, b.Store, recs, recs[5].Pos(), 2009); err != nil {
		t.Fatal(err)
	}
	for more := true; more; {
		var err error
		if more, err = b.discardStep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var tables, indexes int
	if err := b.readDB.QueryRow("SELECT count(*) FILTER (WHERE type = 'table'), count(*) FILTER (WHERE type = 'index') FROM sqlite_schema").
		Scan(&tables, &indexes); err != nil || tables != 2 || indexes != 1 {
		t.Fatal(tables, indexes, err)
	}
	if got := revisions(t, b.Store); len(got) != 6 {
		t.Fatal(got)
	}
	if err := quickCheck(t.Context(), b.writer.conn); err != nil {
		t.Fatal(err)
	}
}

// TestRecordsOfALoadComeBackWhole, of other writers too: no epoch, several subs, odd values.
func TestRecordsOfALoadComeBackWhole(t *testing.T) {
	var recs []record.Record
	for i := range 3*rowsPerInsert[0] + 13 {
		r := rec(0, record.Revision(10+i), string(rune('a'+i%26))+string(rune('a'+i/26)), "v")
		r.Lease, r.DEK, r.CompactedAt = int64(-i), int64(i), testNow
		recs = append(recs, r)
	}
	recs[1].Revision, recs[1].Sub = 10, 3
	recs[2].Value, recs[2].LeaderID, recs[2].CreatedAt = nil, "", recs[2].ReplicatedAt
	last := recs[len(recs)-1].Pos()
	s := openDir(t, t.TempDir())
	if err := loadAll(t, s, recs, last, last.Revision-1); err != nil {
		t.Fatal(err)
	}
	i := 0
	err := s.Records(t.Context(), 1, maxRevision, func(r *record.Record) error {
		want := &recs[i]
		if string(r.Key) != string(want.Key) || string(r.Value) != string(want.Value) || r.Pos() != want.Pos() || r.Sub != want.Sub || r.Lease != want.Lease ||
			r.DEK != want.DEK || !r.CreatedAt.Equal(want.CreatedAt) || !r.CompactedAt.Equal(want.CompactedAt) || r.LeaderID != want.LeaderID || r.Created != want.Created {
			t.Errorf("%+v\nwant %+v", r, want)
		}
		i++
		return nil
	})
	if err != nil || i != len(recs) {
		t.Fatal(i, err)
	}
	w, err := s.NewWorking(t.Context())
	if err != nil || w.Revision() != last.Revision || w.Snapshot().Len() != len(recs) {
		t.Fatal(w, err)
	}
}

// TestLoadIsForTheHistoryItBeganWith: why a copy is replaced was decided by what it was
// then.
func TestLoadIsForTheHistoryItBeganWith(t *testing.T) {
	b := begin(t)
	b.put(t, "a", "1")
	l, err := b.BeginLoad(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	recs := aSnapshot()
	if err := l.Add(t.Context(), recs); err != nil {
		t.Fatal(err)
	}
	b.put(t, "b", "2")
	before := *b.state.Load()
	if err := l.Commit(t.Context(), aSnapshotEnd, 9); !errors.Is(err, ErrStaleLoad) {
		t.Fatal(err)
	}
	if err := l.Abort(); err != nil {
		t.Fatal(err)
	}
	unchanged(t, b.Store, before)
}
