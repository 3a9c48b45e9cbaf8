// Package file is an object store in a directory: the embedded default for
// development and for single-machine use. It is safe between processes of one
// machine, not between machines that share a network file system.
//
// An object is a plain file at {directory}/{key prefix}/{key}, byte for byte what
// was put, so that ordinary tools can look at it and an operator can copy one in.
// What belongs to the store itself is under names no key can have:
//
//	~lock   taken (flock) for the moment in which a write becomes visible
//	~tmp/   objects that are still being written
//
// DESIGN.md tells why what is acknowledged here survives a power loss.
package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

// Config says which directory holds the objects.
type Config struct {
	// Dir is the directory; it is created if it is missing.
	Dir string
	// Prefix is put before every key, as a sub-directory.
	Prefix string
}

// Store is an objectstore.Store in a directory.
type Store struct {
	dir    string // absolute
	prefix string // "" or ending in a slash
	lock   *lock
	dirs   *dirs
	spares *spares
	sys    sys
	now    func() time.Time
}

var _ objectstore.Store = (*Store)(nil)

// Open makes the directory ready: creates what is missing, removes what crashed
// processes left in ~tmp, and proves that the file system can do what the store
// relies on. It holds a file descriptor for as long as the Store is reachable, and from the
// second write on another one.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	return open(ctx, cfg, realSys())
}

func open(ctx context.Context, cfg Config, sys sys) (*Store, error) {
	prefix, err := objectstore.CleanKeyPrefix(cfg.Prefix)
	if err != nil {
		return nil, &objectstore.Error{Kind: objectstore.ErrPermanent, Op: "open", Key: cfg.Dir, Err: err}
	}
	if cfg.Dir == "" {
		return nil, objectstore.Errorf(objectstore.ErrPermanent, "open", "", "no directory is given")
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, noEffect("open", cfg.Dir, err)
	}
	s := &Store{dir: dir, prefix: prefix, sys: sys, now: time.Now}
	if err := s.prepare(); err != nil {
		return nil, noEffect("open", dir, err)
	}
	if err := s.selfTest(ctx); err != nil {
		return nil, noEffect("open", dir, err)
	}
	s.spares = newSpares()
	return s, nil
}

// prepare creates the directory and the store's own names in it.
func (s *Store) prepare() error {
	if err := createAll(s.sys, s.dir); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(s.dir, tempDir), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	s.dirs = newDirs(s.sys, s.dir)
	var err error
	if s.lock, err = openLock(filepath.Join(s.dir, lockName)); err != nil {
		return err
	}
	return removeLeftovers(filepath.Join(s.dir, tempDir))
}

func (s *Store) String() string { return "file://" + filepath.Join(s.dir, s.prefix) }

func (s *Store) path(key string) string {
	return filepath.Join(s.dir, filepath.FromSlash(s.prefix+key))
}

// Get opens the whole object.
func (s *Store) Get(ctx context.Context, key string) (*objectstore.Object, error) {
	return s.GetRange(ctx, key, 0, -1)
}

// GetRange opens part of an object. What it returns was durable before it returned.
func (s *Store) GetRange(ctx context.Context, key string, offset, length int64) (*objectstore.Object, error) {
	if err := objectstore.CheckRange(ctx, key, offset); err != nil {
		return nil, err
	}
	f, info, err := s.openObject(key)
	// Also for a missing object: its deletion may not be durable yet.
	if err := s.settled(ctx, "get", key); err != nil {
		closeIf(f)
		return nil, err
	}
	if err != nil {
		return nil, readError("get", key, err)
	}
	offset = min(offset, info.Size)
	if length < 0 || length > info.Size-offset {
		length = info.Size - offset
	}
	body := &body{section: io.NewSectionReader(f, offset, length), f: f, key: key}
	return &objectstore.Object{Info: info, Body: body}, nil
}

func (s *Store) openObject(key string) (*os.File, objectstore.Info, error) {
	f, err := os.Open(s.path(key))
	if err != nil {
		return nil, objectstore.Info{}, err
	}
	fi, err := f.Stat()
	if err == nil && !fi.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		f.Close()
		return nil, objectstore.Info{}, err
	}
	return f, infoOf(key, fi), nil
}

// Stat describes an object.
func (s *Store) Stat(ctx context.Context, key string) (objectstore.Info, error) {
	if err := objectstore.CheckRead(ctx, "stat", key); err != nil {
		return objectstore.Info{}, err
	}
	fi, err := os.Lstat(s.path(key))
	if err == nil && !fi.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err := s.settled(ctx, "stat", key); err != nil {
		return objectstore.Info{}, err
	}
	if err != nil {
		return objectstore.Info{}, readError("stat", key, err)
	}
	return infoOf(key, fi), nil
}

func infoOf(key string, fi fs.FileInfo) objectstore.Info {
	return objectstore.Info{Key: key, Size: fi.Size(), Version: generationOf(fi).version(), Modified: fi.ModTime()}
}

// body is an open object. A read error is retryable: the file may be read again.
type body struct {
	section *io.SectionReader
	f       *os.File
	key     string
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.section.Read(p)
	if err != nil && err != io.EOF {
		err = &objectstore.Error{Kind: objectstore.ErrUnavailable, Op: "get", Key: b.key, Err: err}
	}
	return n, err
}

func (b *body) Close() error { return b.f.Close() }

func closeIf(f *os.File) {
	if f != nil {
		f.Close()
	}
}

// isAbsent covers the ways in which a path can fail to name an object: nothing
// there, or a file where the key has a directory.
func isAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

func readError(op, key string, err error) error {
	if isAbsent(err) {
		return &objectstore.Error{Kind: objectstore.ErrNotFound, Op: op, Key: key, Err: fmt.Errorf("no such object: %w", err)}
	}
	return noEffect(op, key, err)
}

func parentOf(name string) string {
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		return name[:i]
	}
	return "."
}
