package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

// Put writes an object. It costs two syncs: of the file before it gets its name,
// of the directory after (and, once per process and directory, of its parents).
func (s *Store) Put(ctx context.Context, key string, body []byte, cond objectstore.Condition) (objectstore.Version, error) {
	return s.put(ctx, key, bytes.NewReader(body), int64(len(body)), cond)
}

// PutStream is Put from a reader.
func (s *Store) PutStream(ctx context.Context, key string, body io.ReadSeeker, size int64, cond objectstore.Condition) (objectstore.Version, error) {
	if body == nil || size < 0 {
		return "", objectstore.Errorf(objectstore.ErrPermanent, "put", key, "no body, or its size %d is negative", size)
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return "", objectstore.Errorf(objectstore.ErrPermanent, "put", key, "rewinding the body: %w", err)
	}
	return s.put(ctx, key, body, size, cond)
}

func (s *Store) put(ctx context.Context, key string, body io.Reader, size int64, cond objectstore.Condition) (objectstore.Version, error) {
	if err := objectstore.CheckPut(ctx, key, cond); err != nil {
		return "", err
	}
	t, err := s.newTemp(ctx, body, size)
	if err != nil {
		return "", noEffect("put", key, err)
	}
	// Whether the temporary name goes away now or when the directory is next
	// opened changes nothing for the object.
	defer func() { _ = t.discard() }()
	if err := s.dirs.ensure(parentOf(s.prefix + key)); err != nil {
		return "", noEffect("put", key, err)
	}
	err = s.change(ctx, "put", key, func(current *generation) error {
		if err := check(current, cond); err != nil {
			return &objectstore.Error{Kind: objectstore.ErrPreconditionFailed, Op: "put", Key: key, Err: err}
		}
		return s.install(t, key, current)
	})
	if err != nil {
		return "", err
	}
	return t.gen.version(), nil
}

// install gives the temporary file its name. A missing object is created by
// link(2), which refuses an existing name by itself, whatever locks may be worth.
func (s *Store) install(t *temp, key string, current *generation) error {
	if current == nil {
		err := s.sys.link(t.path, s.path(key))
		if errors.Is(err, fs.ErrExist) {
			return &objectstore.Error{Kind: objectstore.ErrPreconditionFailed, Op: "put", Key: key, Err: err}
		}
		return s.installError(key, err)
	}
	if t.gen <= *current { // the clock stepped back, or others were faster
		if err := t.stamp(current.after()); err != nil {
			return noEffect("put", key, err)
		}
	}
	return s.installError(key, s.sys.rename(t.path, s.path(key)))
}

func (s *Store) installError(key string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		s.dirs.forget()
		return objectstore.Errorf(objectstore.ErrUnavailable, "put", key, "its directory, or the temporary file, was removed by something else: %w", err)
	}
	return changeError("put", key, err)
}

// Delete removes an object, durably.
func (s *Store) Delete(ctx context.Context, key string, cond objectstore.Condition) error {
	if err := objectstore.CheckDelete(ctx, key, cond); err != nil {
		return err
	}
	return s.change(ctx, "delete", key, func(current *generation) error {
		if err := check(current, cond); err != nil {
			return &objectstore.Error{Kind: objectstore.ErrPreconditionFailed, Op: "delete", Key: key, Err: err}
		}
		if current == nil {
			return errNoChange
		}
		return changeError("delete", key, s.sys.remove(s.path(key)))
	})
}

// check is the precondition; current is nil for a missing object.
func check(current *generation, cond objectstore.Condition) error {
	want, match := cond.Match()
	switch {
	case cond.IsAbsent() && current != nil:
		return fmt.Errorf("the object exists, with version %s", current.version())
	case match && current == nil:
		return errors.New("the object does not exist")
	case match && current.version() != want:
		return fmt.Errorf("the object has version %s, not %s", current.version(), want)
	}
	return nil
}

// current reads the generation of a key, nil if there is no such object.
func (s *Store) current(key string) (*generation, error) {
	fi, err := os.Lstat(s.path(key))
	if isAbsent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: it is the directory of other keys, or no file at all", errUnsuitable)
	}
	g := generationOf(fi)
	return &g, nil
}
