package mvcc

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/mattn/go-sqlite3"

	"github.com/netsy-io/netsy/pkg/record"
)

// next makes a record that follows the tail, with a value of n bytes.
func next(s *Store, n int) []record.Record {
	tail := s.Tail()
	return []record.Record{{
		Revision: tail.Revision + 1, Epoch: max(1, tail.Epoch), Key: fmt.Appendf(nil, "k%d", tail.Revision), Value: []byte(strings.Repeat("v", n)),
		Created: true, CreateRevision: tail.Revision + 1, Version: 1,
	}}
}

// unchanged checks that memory, file and election state are as before.
func unchanged(t *testing.T, s *Store, want durable) {
	t.Helper()
	if got := *s.state.Load(); got != want {
		t.Fatalf("in memory %+v, want %+v", got, want)
	}
	got, err := readDurable(t.Context(), s.readDB)
	if err != nil || got != want {
		t.Fatalf("in the file %+v, %v, want %+v", got, err, want)
	}
}

// TestDiskFull: SQLite's own limit stands in for the disk's.
func TestDiskFull(t *testing.T) {
	s := openDir(t, t.TempDir())
	if _, err := s.Serve(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if err := s.writer.exec("PRAGMA max_page_count = 40"); err != nil {
		t.Fatal(err)
	}
	var err error
	before := *s.state.Load()
	for range 100 {
		before = *s.state.Load()
		if err = s.Append(t.Context(), next(s, 5000)); err != nil {
			break
		}
	}
	if !errors.Is(err, ErrDisk) || errors.Is(err, ErrPoisoned) {
		t.Fatalf("append on a full disk: %v", err)
	}
	var se sqlite3.Error
	if !errors.As(err, &se) || se.Code != sqlite3.ErrFull {
		t.Fatalf("the cause is lost: %v", err)
	}
	unchanged(t, s, before)
	if err := s.writer.exec("PRAGMA max_page_count = 100000"); err != nil {
		t.Fatal(err)
	}
	if err := s.CheckDisk(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Append(t.Context(), next(s, 5000)); err != nil {
		t.Fatalf("append once there is room: %v", err)
	}
}

func TestDiskReadOnly(t *testing.T) {
	s := openDir(t, t.TempDir())
	if _, err := s.Serve(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	before := *s.state.Load()
	if err := s.writer.exec("PRAGMA query_only = ON"); err != nil {
		t.Fatal(err)
	}
	for name, op := range map[string]func() error{
		"append":  func() error { return s.Append(t.Context(), next(s, 1)) },
		"promise": func() error { _, err := s.Promise(t.Context(), 9); return err },
		"serve":   func() error { _, err := s.Serve(t.Context(), 9); return err },
		"check":   func() error { return s.CheckDisk(t.Context()) },
	} {
		if err := op(); !errors.Is(err, ErrDisk) || errors.Is(err, ErrPoisoned) {
			t.Errorf("%s: %v", name, err)
		}
		unchanged(t, s, before)
	}
	if err := s.writer.exec("PRAGMA query_only = OFF"); err != nil {
		t.Fatal(err)
	}
	if err := s.Append(t.Context(), next(s, 1)); err != nil {
		t.Fatal(err)
	}
}

// TestRefusedCommitChangesNothing: the commit itself fails, cleanly.
func TestRefusedCommitChangesNothing(t *testing.T) {
	s := openDir(t, t.TempDir())
	if _, err := s.Serve(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	before := *s.state.Load()
	refuse := 1
	err := s.writer.conn.Raw(func(c any) error {
		c.(*sqlite3.SQLiteConn).RegisterCommitHook(func() int { return refuse })
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Append(t.Context(), next(s, 1)); err == nil || errors.Is(err, ErrPoisoned) {
		t.Fatalf("append: %v", err)
	}
	if _, err := s.Promise(t.Context(), 4); err == nil {
		t.Fatal("promise")
	}
	unchanged(t, s, before)
	refuse = 0
	if err := s.Append(t.Context(), next(s, 1)); err != nil {
		t.Fatal(err)
	}
}

// TestCommitRule: what is not known to have stored nothing is not taken for it.
func TestCommitRule(t *testing.T) {
	for code := range sqlite3.ErrNo(30) {
		want := code == sqlite3.ErrFull || code == sqlite3.ErrReadonly || code == sqlite3.ErrConstraint || code == sqlite3.ErrBusy
		if got := commitRefused(fmt.Errorf("wrapped: %w", sqlite3.Error{Code: code})); got != want {
			t.Errorf("code %d: %v", code, got)
		}
	}
	if commitRefused(errors.New("lost")) || commitRefused(nil) {
		t.Error("an unknown error is no refusal")
	}
}

// TestUnknownCommitPoisons: after it every write is refused, reads go on, and opening
// the file again finds the truth.
func TestUnknownCommitPoisons(t *testing.T) {
	dir := t.TempDir()
	b := &begun{Store: openDir(t, dir), stamp: Stamp{Epoch: 1, LeaderID: "n1"}}
	b.reign(t, 1)
	b.put(t, "a", "1")
	before := *b.state.Load()
	b.writer.mu.Lock()
	err := b.commitFailed("append", sqlite3.Error{Code: sqlite3.ErrIoErr})
	b.writer.mu.Unlock()
	if !errors.Is(err, ErrPoisoned) || !errors.Is(err, ErrDisk) {
		t.Fatal(err)
	}
	for name, op := range map[string]func() error{
		"append":  func() error { return b.Append(t.Context(), next(b.Store, 1)) },
		"promise": func() error { _, err := b.Promise(t.Context(), 9); return err },
		"check":   func() error { return b.CheckDisk(t.Context()) },
		"compact": func() error { return b.Compact(t.Context(), 2) },
	} {
		if err := op(); !errors.Is(err, ErrPoisoned) {
			t.Errorf("%s: %v", name, err)
		}
	}
	unchanged(t, b.Store, before)
	s := reopen(t, b.Store, dir)
	if err := s.Append(t.Context(), next(s, 1)); err != nil {
		t.Fatal(err)
	}
}

// TestAnotherWriterPoisons: memory and file must not drift apart unnoticed.
func TestAnotherWriterPoisons(t *testing.T) {
	s := openDir(t, t.TempDir())
	if err := s.writer.exec("UPDATE meta SET promised = 7"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Promise(t.Context(), 3); !errors.Is(err, ErrPoisoned) {
		t.Fatal(err)
	}
}
