package etcdsnap

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// lockTimeout bounds the wait for the lock of a file that etcd may have open.
const lockTimeout = time.Second

// File is an open etcd snapshot that was checked. It is only read, and safe for concurrent
// use. It must not be changed meanwhile.
type File struct {
	db      *bolt.DB
	faulted atomic.Bool // bbolt was left in the midst of something, with its locks held
}

// OpenOptions say how careful to be.
type OpenOptions struct {
	// SkipHash takes a file without a hash, or with a wrong one: a member's own database.
	SkipHash bool
	// Progress is told how much of the file was checked; nil is nobody.
	Progress func(bytes, of int64)
}

// Open checks the file at path, hash and structure, and opens it.
func Open(ctx context.Context, path string, o OpenOptions) (*File, error) {
	if err := checkFile(ctx, path, o); err != nil {
		return nil, err
	}
	db, err := openDB(path)
	if err != nil {
		return nil, err
	}
	f := &File{db: db}
	if err := f.checkBuckets(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Close closes the file; after a fault that is left to the end of the process.
func (f *File) Close() error {
	if f.faulted.Load() {
		return nil
	}
	return f.db.Close()
}

func checkFile(ctx context.Context, path string, o OpenOptions) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("etcdsnap: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("etcdsnap: %w", err)
	}
	size := info.Size()
	if hasHash(size) {
		size -= sha256.Size
	} else if !o.SkipHash {
		return &Error{Class: ErrNoHash, Err: fmt.Errorf("%d bytes are not what `etcdctl snapshot save` writes: "+
			"take a member's own database only when etcd is stopped, and say so with --skip-hash-check", size)}
	}
	if hasHash(info.Size()) && !o.SkipHash {
		if err := checkHash(ctx, f, size, o.Progress); err != nil {
			return err
		}
	}
	return checkPages(f, size)
}

// hasHash says whether a file of n bytes ends with a hash: databases are of whole pages,
// and pages of whole sectors.
func hasHash(n int64) bool { return n%512 == sha256.Size }

// hashPiece is read between two looks at the context.
const hashPiece = 4 << 20

func checkHash(ctx context.Context, f io.ReaderAt, size int64, progress func(bytes, of int64)) error {
	h := sha256.New()
	for at := int64(0); at < size; at += hashPiece {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(hashPiece, size-at)
		if _, err := io.Copy(h, io.NewSectionReader(f, at, n)); err != nil {
			return fmt.Errorf("etcdsnap: read: %w", err)
		}
		if progress != nil {
			progress(at+n, size)
		}
	}
	var want [sha256.Size]byte
	if _, err := f.ReadAt(want[:], size); err != nil {
		return fmt.Errorf("etcdsnap: read: %w", err)
	}
	if got := h.Sum(nil); !bytes.Equal(got, want[:]) {
		return corrupt("", "its SHA-256 is %x, but it says %x", got, want)
	}
	return nil
}

func openDB(path string) (db *bolt.DB, err error) {
	defer recovered(&err, nil)()
	db, err = bolt.Open(path, 0, &bolt.Options{ReadOnly: true, Timeout: lockTimeout})
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, &Error{Class: ErrInUse, Err: fmt.Errorf("by an etcd that runs: use `etcdctl snapshot save`: %w", err)}
	case err != nil:
		return nil, corrupt("", "%w", err)
	}
	return db, nil
}

// recovered turns panics into errors: bbolt's, and faults in its map of the file, which
// someone may cut short while it is read. Call what it returns, deferred.
func recovered(err *error, faulted *atomic.Bool) func() {
	old := debug.SetPanicOnFault(true)
	return func() {
		debug.SetPanicOnFault(old)
		if p := recover(); p != nil {
			*err = corrupt("", "%v", p)
			if faulted != nil {
				faulted.Store(true)
			}
		}
	}
}

// view runs fn over the database.
func (f *File) view(fn func(tx *bolt.Tx) error) (err error) {
	defer recovered(&err, &f.faulted)()
	return f.db.View(fn)
}

func (f *File) checkBuckets() error {
	return f.view(func(tx *bolt.Tx) error {
		for _, name := range [][]byte{bucketKey, bucketMeta} {
			if tx.Bucket(name) == nil {
				return corrupt("", "it has no bucket %q: it is some other bbolt database", name)
			}
		}
		return nil
	})
}
