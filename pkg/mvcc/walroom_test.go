package mvcc

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestCommitsDontLengthenTheLog: not even those after SQLite has moved it into the file.
func TestCommitsDontLengthenTheLog(t *testing.T) {
	dir := t.TempDir()
	s := openDir(t, dir)
	if _, err := s.Serve(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	want := logSize(t, dir)
	if want < 1000*4096 {
		t.Fatalf("the log has %d bytes", want)
	}
	for range 12 { // 100 pages each
		if err := s.Append(t.Context(), next(s, 400_000)); err != nil {
			t.Fatal(err)
		}
	}
	if got := logSize(t, dir); got != want {
		t.Errorf("the log has %d bytes, and had %d before the writes", got, want)
	}
}

// TestLogOfACrashIsLengthened: what a crash left in the log is kept.
func TestLogOfACrashIsLengthened(t *testing.T) {
	dir, copied := t.TempDir(), t.TempDir()
	s := openDir(t, dir)
	if _, err := s.Serve(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if err := s.Append(t.Context(), next(s, 5000)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{dbName, dbName + "-wal"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if name != dbName { // as a version that makes no room leaves it
			b = bytes.TrimRight(b, "\x00")
			b = append(b, make([]byte, (4096+24-(len(b)-32)%(4096+24))%(4096+24))...)
		}
		write(t, filepath.Join(copied, name), b)
	}
	again := openDir(t, copied)
	if again.Tail() != s.Tail() {
		t.Errorf("the tail is %v, and was %v", again.Tail(), s.Tail())
	}
	if got := logSize(t, copied); got < walRoom {
		t.Errorf("the log has %d bytes", got)
	}
}

func logSize(t *testing.T, dir string) int64 {
	t.Helper()
	st, err := os.Stat(filepath.Join(dir, dbName+"-wal"))
	if err != nil {
		t.Fatal(err)
	}
	return st.Size()
}

func TestNoRoomInTheLog(t *testing.T) {
	dir := t.TempDir()
	if err := makeWALRoom(filepath.Join(dir, "absent")); err != nil {
		t.Error(err)
	}
	if err := makeWALRoom(dir); !errors.Is(err, ErrDisk) || !errors.Is(err, syscall.EISDIR) {
		t.Error(err)
	}
}

// fullFile takes room bytes more.
type fullFile struct {
	size, room int64
	err        error
}

func (f *fullFile) WriteAt(p []byte, off int64) (int, error) {
	n := min(int64(len(p)), f.room)
	if f.size = off + n; n < int64(len(p)) {
		return int(n), f.err
	}
	return int(n), nil
}

func (f *fullFile) Truncate(size int64) error {
	f.size = size
	return nil
}

func TestLengthen(t *testing.T) {
	for _, c := range []struct {
		name       string
		from, room int64
		err        error // when the room is used up
		size       int64
		want       error
	}{
		{"room enough", 100, 900, syscall.ENOSPC, 1000, nil},
		{"long enough", 1000, 0, syscall.ENOSPC, 1000, nil},
		{"longer", 2000, 0, syscall.ENOSPC, 2000, nil},
		{"full", 100, 500, syscall.ENOSPC, 100, nil},
		{"quota", 100, 0, syscall.EDQUOT, 100, nil},
		{"broken", 100, 500, io.ErrClosedPipe, 600, io.ErrClosedPipe},
	} {
		f := &fullFile{c.from, c.room, &os.PathError{Op: "write", Err: c.err}}
		if err := lengthen(f, c.from, 1000); !errors.Is(err, c.want) || f.size != c.size {
			t.Errorf("%s: %v, %d bytes; want %v, %d", c.name, err, f.size, c.want, c.size)
		}
	}
}
