package etcdsnap

import (
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"
)

// sample is a small database with every kind of entry.
func sample() *database {
	return &database{
		entries: []entry{
			putAt(2, 0, "a", "1", 2, 1, 0), putAt(2, 1, "b", "1", 2, 1, 7), putAt(3, 0, "a", "2", 2, 2, 0),
			deleteAt(4, 0, "a"), putAt(5, 0, "c", "3", 5, 1, 0),
		},
		leases:    []etcdLease{{id: 7, ttl: 60}},
		scheduled: 3, finished: 2,
	}
}

func without(t testing.TB, path string, hash bool) string {
	t.Helper()
	b, err := os.ReadFile(path)
	check(t, err)
	if hash {
		b = b[:len(b)-sha256.Size]
	}
	return written(t, b)
}

func written(t testing.TB, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db")
	check(t, os.WriteFile(path, b, 0o600))
	return path
}

func TestHash(t *testing.T) {
	path := sample().write(t)
	bare := without(t, path, true)
	_, err := Open(t.Context(), bare, OpenOptions{})
	wantError(t, err, ErrNoHash)
	f, err := Open(t.Context(), bare, OpenOptions{SkipHash: true})
	check(t, err)
	if _, recs, err := convertFile(t, f); err != nil || len(recs) != 5 {
		t.Errorf("%d records, %v", len(recs), err)
	}
	check(t, f.Close())

	b, err := os.ReadFile(path)
	check(t, err)
	b[len(b)-1] ^= 1
	_, err = Open(t.Context(), written(t, b), OpenOptions{})
	wantError(t, err, ErrCorrupt)
}

func TestOpenIsCancelled(t *testing.T) {
	path := sample().write(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, path, OpenOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestNotASnapshot(t *testing.T) {
	if _, err := Open(t.Context(), filepath.Join(t.TempDir(), "none"), OpenOptions{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	for name, b := range map[string][]byte{"empty": {}, "text": []byte("not a database"), "zeros": make([]byte, 64<<10)} {
		_, err := Open(t.Context(), written(t, b), OpenOptions{SkipHash: true})
		t.Log(name, err)
		wantError(t, err, ErrCorrupt)
	}
	d := sample()
	d.noMeta = true
	_, err := Open(t.Context(), d.write(t), OpenOptions{})
	wantError(t, err, ErrCorrupt)
}

func TestFileInUse(t *testing.T) {
	path := without(t, sample().write(t), true)
	db, err := bolt.Open(path, 0o600, nil)
	check(t, err)
	defer db.Close()
	_, err = Open(t.Context(), path, OpenOptions{SkipHash: true})
	wantError(t, err, ErrInUse)
}
