package file

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

func temporary(t *testing.T, dir string) []os.DirEntry {
	t.Helper()
	names, err := os.ReadDir(filepath.Join(dir, tempDir))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestSpare: the first write leaves nothing, the second a file that the third becomes.
func TestSpare(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	s := openTest(t, Config{Dir: dir})
	put := func(ctx context.Context, key string) error {
		_, err := s.Put(ctx, key, []byte(key), objectstore.IfAbsent())
		return err
	}
	if err := put(ctx, "a"); err != nil || len(temporary(t, dir)) != 0 {
		t.Fatalf("%v, left: %v", err, temporary(t, dir))
	}
	if err := put(ctx, "b"); err != nil {
		t.Fatal(err)
	}
	made := <-s.spares.made
	if left := temporary(t, dir); len(left) != 1 || filepath.Base(made.path) != left[0].Name() {
		t.Fatalf("made %s; there are %v", made.path, left)
	}
	// Another process that opens the directory leaves it alone.
	openTest(t, Config{Dir: dir})
	want, err := made.f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	s.spares.made <- made
	if err := put(ctx, "c"); err != nil {
		t.Fatal(err)
	}
	if got, err := os.Stat(s.path("c")); err != nil || !os.SameFile(got, want) {
		t.Errorf("the write made another file (%v)", err)
	}
	if len(s.spares.made) != 1 {
		t.Error("there is none for the write after it")
	}
	// A write that fails takes nothing from the next.
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if err := put(gone, "d"); err == nil {
		t.Error("written although cancelled")
	}
	if err := put(ctx, "d"); err != nil {
		t.Error(err)
	}
	// A spare that was removed, perhaps with its directory, isn't used.
	removed := <-s.spares.made
	if err := os.Remove(removed.path); err != nil {
		t.Fatal(err)
	}
	s.spares.made <- removed
	if err := put(ctx, "e"); err != nil {
		t.Error(err)
	}
}

// TestSpareOnce: writers that come at once make one spare at a time, and each object has its own bytes.
func TestSpareOnce(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	s := openTest(t, Config{Dir: dir})
	var g sync.WaitGroup
	for i := range 8 {
		g.Go(func() {
			for j := range 20 {
				key := fmt.Sprintf("k/%d-%d", i, j)
				if _, err := s.Put(ctx, key, []byte(key), objectstore.IfAbsent()); err != nil {
					t.Error(err)
				}
				if b, _, err := objectstore.ReadAll(ctx, s, key, 100); err != nil || string(b) != key {
					t.Errorf("%s: %q, %v", key, b, err)
				}
			}
		})
	}
	g.Wait()
	if err := (<-s.spares.made).discard(); err != nil {
		t.Error(err)
	}
	if left := temporary(t, dir); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}
