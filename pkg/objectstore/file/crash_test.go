package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

func mustBe(t *testing.T, err, kind error) {
	t.Helper()
	for _, k := range []error{objectstore.ErrNotFound, objectstore.ErrPreconditionFailed, objectstore.ErrUnavailable, objectstore.ErrUnknownOutcome, objectstore.ErrPermanent} {
		if errors.Is(err, k) != (k == kind) {
			t.Fatalf("error is %v, expected the kind %q", err, kind)
		}
	}
}

// traced is the real system calls, with a line for each.
func traced(lines *[]string, dir string) sys {
	real := realSys()
	rel := func(path string) string {
		r, _ := filepath.Rel(dir, path)
		if strings.HasPrefix(r, tempDir+"/") {
			return tempDir + "/…"
		}
		return r
	}
	note := func(format string, args ...any) { *lines = append(*lines, fmt.Sprintf(format, args...)) }
	return sys{
		link:     func(from, to string) error { note("link %s", rel(to)); return real.link(from, to) },
		rename:   func(from, to string) error { note("rename %s", rel(to)); return real.rename(from, to) },
		remove:   func(path string) error { note("remove %s", rel(path)); return real.remove(path) },
		syncFile: func(f *os.File) error { note("sync file %s", rel(f.Name())); return real.syncFile(f) },
		syncDir:  func(path string) error { note("sync dir %s", rel(path)); return real.syncDir(path) },
	}
}

// TestSyncs is the cost and the order of each operation's durable steps.
func TestSyncs(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	var lines []string
	s, err := open(ctx, Config{Dir: dir, Prefix: "p"}, traced(&lines, dir))
	if err != nil {
		t.Fatal(err)
	}
	step := func(name, want string) {
		t.Helper()
		if got := strings.Join(lines, ", "); got != want {
			t.Errorf("%s: %s\nexpected %s", name, got, want)
		}
		lines = nil
	}
	lines = nil
	v, err := s.Put(ctx, "chunks/1", []byte("x"), objectstore.IfAbsent())
	if err != nil {
		t.Fatal(err)
	}
	step("first put", "sync file ~tmp/…, sync dir ., sync dir p, link p/chunks/1, sync dir p/chunks")
	if _, err := s.Put(ctx, "chunks/2", []byte("x"), objectstore.IfAbsent()); err != nil {
		t.Fatal(err)
	}
	step("put if absent", "sync file ~tmp/…, link p/chunks/2, sync dir p/chunks")
	v, err = s.Put(ctx, "chunks/1", []byte("y"), objectstore.IfMatch(v))
	if err != nil {
		t.Fatal(err)
	}
	step("put if match", "sync file ~tmp/…, rename p/chunks/1, sync dir p/chunks")
	if _, err := s.Get(ctx, "chunks/1"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.List(ctx, "", "", 0); err != nil {
		t.Fatal(err)
	}
	step("reads", "")
	mustBe(t, s.Delete(ctx, "chunks/1", objectstore.IfMatch("17")), objectstore.ErrPreconditionFailed)
	step("refused delete", "")
	if err := s.Delete(ctx, "chunks/1", objectstore.IfMatch(v)); err != nil {
		t.Fatal(err)
	}
	step("delete", "remove p/chunks/1, sync dir p/chunks")
}

// TestFailures: what each failing step is reported as, and what is left behind.
func TestFailures(t *testing.T) {
	fail := func(e error) error { return &fs.PathError{Op: "test", Path: "x", Err: e} }
	for _, c := range []struct {
		name    string
		breakIt func(*sys)
		kind    error
		visible bool
	}{
		{"file sync, full", func(s *sys) { s.syncFile = func(*os.File) error { return fail(syscall.ENOSPC) } }, objectstore.ErrUnavailable, false},
		{"file sync, EIO", func(s *sys) { s.syncFile = func(*os.File) error { return fail(syscall.EIO) } }, objectstore.ErrUnavailable, false},
		{"link, read-only", func(s *sys) { s.link = func(_, _ string) error { return fail(syscall.EROFS) } }, objectstore.ErrPermanent, false},
		{"link, full", func(s *sys) { s.link = func(_, _ string) error { return fail(syscall.ENOSPC) } }, objectstore.ErrUnavailable, false},
		{"link, EIO", func(s *sys) { s.link = func(_, _ string) error { return fail(syscall.EIO) } }, objectstore.ErrUnknownOutcome, false},
		{"link, taken", func(s *sys) { s.link = func(_, _ string) error { return fail(syscall.EEXIST) } }, objectstore.ErrPreconditionFailed, false},
		{"dir sync", func(s *sys) { s.syncDir = func(string) error { return fail(syscall.EIO) } }, objectstore.ErrUnknownOutcome, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, dir := t.Context(), t.TempDir()
			s := openTest(t, Config{Dir: dir})
			if _, err := s.Put(ctx, "d/first", []byte("x"), objectstore.IfAbsent()); err != nil {
				t.Fatal(err)
			}
			c.breakIt(&s.sys)
			_, err := s.Put(ctx, "d/k", []byte("x"), objectstore.IfAbsent())
			mustBe(t, err, c.kind)
			s.sys = realSys()
			_, err = s.Stat(ctx, "d/k")
			if got := err == nil; got != c.visible {
				t.Fatalf("visible %v (%v)", got, err)
			}
			if err := (<-s.spares.made).discard(); err != nil { // it was made for the next write
				t.Fatal(err)
			}
			left, err := os.ReadDir(filepath.Join(dir, tempDir))
			if err != nil || len(left) != 0 {
				t.Fatalf("left in ~tmp: %v, %v", left, err)
			}
		})
	}
}

// TestReadsFinishWhatWasLeft: while a change may not be durable, no read returns;
// the next one syncs in the place of the writer that failed or died.
func TestReadsFinishWhatWasLeft(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	s := openTest(t, Config{Dir: dir})
	if _, err := s.Put(ctx, "d/first", []byte("x"), objectstore.IfAbsent()); err != nil {
		t.Fatal(err)
	}
	broken := true
	synced := 0
	s.sys.syncDir = func(path string) error {
		if broken {
			return syscall.EIO
		}
		if path == filepath.Join(dir, "d") {
			synced++
		}
		return syncDir(path)
	}
	_, err := s.Put(ctx, "d/k", []byte("x"), objectstore.IfAbsent())
	mustBe(t, err, objectstore.ErrUnknownOutcome)
	_, err = s.Get(ctx, "d/k")
	mustBe(t, err, objectstore.ErrUnavailable)
	_, err = s.Stat(ctx, "d/other")
	mustBe(t, err, objectstore.ErrUnavailable)
	_, err = s.List(ctx, "", "", 0)
	mustBe(t, err, objectstore.ErrUnavailable)
	_, err = s.Put(ctx, "d/k", []byte("x"), objectstore.IfAbsent())
	mustBe(t, err, objectstore.ErrUnavailable)
	broken = false
	if _, err := s.Stat(ctx, "d/k"); err != nil {
		t.Fatal(err)
	}
	if synced != 1 {
		t.Fatalf("the read synced %d times", synced)
	}
	if _, err := s.Stat(ctx, "d/k"); err != nil || synced != 1 {
		t.Fatalf("the second read: %v, synced %d times", err, synced)
	}
}

// TestTornNote: whatever a power loss left in the lock file doesn't stop the store.
func TestTornNote(t *testing.T) {
	for _, note := range []string{"d", "no/such/dir", "../..", "/etc", "\x00\x00\x00", strings.Repeat("x", 10000)} {
		dir := t.TempDir()
		s := openTest(t, Config{Dir: dir})
		if err := os.WriteFile(filepath.Join(dir, lockName), []byte(note), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Put(t.Context(), "d/k", []byte("x"), objectstore.IfAbsent()); err != nil {
			t.Errorf("note %.20q: %v", note, err)
		}
	}
}

// TestLeftovers: what crashed writers left is removed, what live ones write is not,
// and neither is ever listed.
func TestLeftovers(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	s := openTest(t, Config{Dir: dir})
	dead := filepath.Join(dir, tempDir, "dead")
	if err := os.WriteFile(dead, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	live, err := s.newTemp(ctx, bytes.NewReader([]byte("x")), 1)
	if err != nil {
		t.Fatal(err)
	}
	page, err := s.List(ctx, "", "", 0)
	if err != nil || len(page.Objects) != 0 {
		t.Fatalf("listed %+v, %v", page, err)
	}
	openTest(t, Config{Dir: dir})
	if _, err := os.Stat(dead); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the leftover is still there: %v", err)
	}
	if _, err := os.Stat(live.path); err != nil {
		t.Errorf("a live writer's file was removed: %v", err)
	}
	if err := live.discard(); err != nil {
		t.Fatal(err)
	}
}

// TestClockStepsBack: an overwrite gets a larger version all the same.
func TestClockStepsBack(t *testing.T) {
	ctx := t.Context()
	s := openTest(t, Config{})
	v, err := s.Put(ctx, "k", []byte("x"), objectstore.IfAbsent())
	if err != nil {
		t.Fatal(err)
	}
	s.now = func() time.Time { return time.Unix(1000, 0) }
	for range 10 {
		next, err := s.Put(ctx, "k", []byte("x"), objectstore.IfMatch(v))
		if err != nil {
			t.Fatal(err)
		}
		if next <= v { // same number of digits
			t.Fatalf("version %s after %s", next, v)
		}
		info, err := s.Stat(ctx, "k")
		if err != nil || info.Version != next {
			t.Fatalf("stat: %+v, %v, expected %s", info, err, next)
		}
		v = next
	}
}

// TestForeignFile: a file that an operator copied in is an object.
func TestForeignFile(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	s := openTest(t, Config{Dir: dir})
	if err := os.WriteFile(filepath.Join(dir, "bootstrap.netsy"), []byte("data"), 0o644); err != nil {
		t.Fatal(err)
	}
	b, info, err := objectstore.ReadAll(ctx, s, "bootstrap.netsy", 10)
	if err != nil || string(b) != "data" {
		t.Fatalf("%q, %v", b, err)
	}
	if _, err := s.Put(ctx, "bootstrap.netsy", nil, objectstore.IfAbsent()); !errors.Is(err, objectstore.ErrPreconditionFailed) {
		t.Fatal(err)
	}
	if err := s.Delete(ctx, "bootstrap.netsy", objectstore.IfMatch(info.Version)); err != nil {
		t.Fatal(err)
	}
}

// TestDirectoryGone: a store whose directory went away never says "not found".
func TestDirectoryGone(t *testing.T) {
	for name, replace := range map[string]bool{"removed": false, "replaced": true} {
		t.Run(name, func(t *testing.T) {
			ctx, dir := t.Context(), filepath.Join(t.TempDir(), "store")
			s := openTest(t, Config{Dir: dir})
			if err := os.Rename(dir, dir+".away"); err != nil {
				t.Fatal(err)
			}
			if replace {
				openTest(t, Config{Dir: dir})
			}
			_, err := s.Get(ctx, "k")
			mustBe(t, err, objectstore.ErrPermanent)
			_, err = s.List(ctx, "", "", 0)
			mustBe(t, err, objectstore.ErrPermanent)
			_, err = s.Put(ctx, "k", nil, objectstore.IfAbsent())
			mustBe(t, err, objectstore.ErrPermanent)
			mustBe(t, s.Delete(ctx, "k", objectstore.Always()), objectstore.ErrPermanent)
		})
	}
}

// TestKeyBelowKey: the one thing that a directory can't hold is refused, and said.
func TestKeyBelowKey(t *testing.T) {
	ctx := t.Context()
	s := openTest(t, Config{})
	for _, k := range []string{"a", "d/x"} {
		if _, err := s.Put(ctx, k, nil, objectstore.IfAbsent()); err != nil {
			t.Fatal(err)
		}
	}
	for _, k := range []string{"a/b", "a/b/c", "d"} {
		_, err := s.Put(ctx, k, nil, objectstore.IfAbsent())
		mustBe(t, err, objectstore.ErrPermanent)
	}
}

// TestLockIsWaitedFor: a caller whose ctx ends while another process holds the lock
// learns that nothing was done.
func TestLockIsWaitedFor(t *testing.T) {
	dir := t.TempDir()
	s, other := openTest(t, Config{Dir: dir}), openTest(t, Config{Dir: dir})
	if err := other.lock.acquire(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := s.Put(ctx, "k", nil, objectstore.IfAbsent())
		done <- err
	}()
	cancel()
	mustBe(t, <-done, objectstore.ErrUnavailable)
	go func() {
		_, err := s.Put(t.Context(), "k", nil, objectstore.IfAbsent())
		done <- err
	}()
	if err := other.lock.release(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func BenchmarkPutIfAbsent(b *testing.B) {
	dir := os.Getenv("NETSY_BENCH_DIR") // on the disk to measure; default: the temporary directory
	if dir == "" {
		dir = b.TempDir()
	}
	s, err := Open(b.Context(), Config{Dir: dir, Prefix: fmt.Sprintf("bench-%d", time.Now().UnixNano())})
	if err != nil {
		b.Fatal(err)
	}
	body := make([]byte, 1000)
	i := 0
	for b.Loop() {
		if _, err := s.Put(b.Context(), fmt.Sprintf("chunks/%019d.netsy", i), body, objectstore.IfAbsent()); err != nil {
			b.Fatal(err)
		}
		i++
	}
}
