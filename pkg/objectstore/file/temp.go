package file

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

const tempDir = "~tmp"

// temp is an object that has no name yet. Its file is flocked for as long as its
// writer lives: that tells it from what a crashed process left.
type temp struct {
	sys  sys
	path string
	f    *os.File
	gen  generation
}

// newTemp writes a temporary file with the given content and generation, durably.
func (s *Store) newTemp(ctx context.Context, body io.Reader, size int64) (*temp, error) {
	t, err := s.takeTemp()
	if err != nil {
		return nil, err
	}
	t.sys = s.sys
	defer s.makeSpare()()
	if err := t.fill(ctx, body, size); err != nil {
		return nil, errors.Join(err, t.discard())
	}
	if err := t.stamp(newGeneration(s.now())); err != nil {
		return nil, errors.Join(err, t.discard())
	}
	return t, nil
}

// createTemp tries again when another process, opening the directory, took the
// new file for a leftover in the instant before it was locked.
func (s *Store) createTemp() (*temp, error) {
	for {
		path := filepath.Join(s.dir, tempDir, rand.Text())
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w: %w", errDirectoryGone, err)
		}
		if err != nil {
			return nil, err
		}
		t := &temp{path: path, f: f}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), t.discard())
		}
		if _, err := os.Lstat(path); err == nil {
			return t, nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return nil, errors.Join(err, t.discard())
		}
		f.Close()
	}
}

func (t *temp) fill(ctx context.Context, body io.Reader, size int64) error {
	n, err := io.Copy(t.f, io.LimitReader(&contextReader{ctx, body}, size+1))
	if err != nil {
		return err
	}
	if n != size {
		return fmt.Errorf("%w: it is not %d bytes long", errBodySize, size)
	}
	return nil
}

// stamp gives the file its generation and makes content and generation durable.
func (t *temp) stamp(g generation) error {
	if err := os.Chtimes(t.path, g.time(), g.time()); err != nil {
		return err
	}
	if err := t.sys.syncFile(t.f); err != nil {
		return err
	}
	fi, err := t.f.Stat()
	if err != nil {
		return err
	}
	t.gen = g
	return g.checkStored(fi)
}

// discard removes the temporary name, which after a rename is no longer there.
func (t *temp) discard() error {
	err := os.Remove(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, t.f.Close())
}

// removeLeftovers removes the temporary files whose writers have died.
func removeLeftovers(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	for {
		names, err := d.Readdirnames(256)
		for _, name := range names {
			if err := removeLeftover(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func removeLeftover(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // its writer was alive and has finished
	}
	if err != nil {
		return err
	}
	defer f.Close()
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil // its writer is alive
	}
	if err == nil {
		err = os.Remove(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// contextReader ends a long copy when ctx ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r *contextReader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.r.Read(p)
}
