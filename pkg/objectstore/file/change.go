package file

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"syscall"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

// errNoChange is how the function given to change says that there is nothing to do.
var errNoChange = errors.New("nothing to change")

// change runs fn, which makes one name appear, change or disappear, under the lock
// and makes the result durable before anybody else can see it as settled. fn's
// error is final for the caller and must be a typed one. fn must not fail after
// the name changed, except with ErrUnknownOutcome.
func (s *Store) change(ctx context.Context, op, key string, fn func(current *generation) error) (err error) {
	if err := s.acquire(ctx, op, key); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.release(op, key)) }()
	current, err := s.current(key)
	if err != nil {
		return noEffect(op, key, err)
	}
	dir := parentOf(s.prefix + key)
	if err := s.lock.setNote(dir); err != nil {
		return noEffect(op, key, errors.Join(err, s.lock.clearNote()))
	}
	err = fn(current)
	if err != nil && !errors.Is(err, objectstore.ErrUnknownOutcome) {
		clearErr := s.lock.clearNote() // a note too many only costs a sync
		if errors.Is(err, errNoChange) {
			return nil
		}
		return errors.Join(err, clearErr)
	}
	if syncErr := s.settle(); syncErr != nil {
		return objectstore.Errorf(objectstore.ErrUnknownOutcome, op, key, "the change is visible but may not be durable: %w", errors.Join(err, syncErr))
	}
	return err
}

// settled returns once everything that was visible before the call is durable. So
// nobody acts on an object that a power loss could take back.
func (s *Store) settled(ctx context.Context, op, key string) error {
	if err := s.acquire(ctx, op, key); err != nil {
		return err
	}
	return s.release(op, key)
}

// acquire takes the lock, and finishes what a holder that died left unfinished.
func (s *Store) acquire(ctx context.Context, op, key string) error {
	if err := s.lock.acquire(ctx); err != nil {
		return noEffect(op, key, err)
	}
	if err := s.settle(); err != nil {
		return noEffect(op, key, errors.Join(fmt.Errorf("finishing an earlier change: %w", err), s.lock.release()))
	}
	return nil
}

func (s *Store) release(op, key string) error {
	if err := s.lock.release(); err != nil {
		return objectstore.Errorf(objectstore.ErrUnknownOutcome, op, key, "releasing the lock: %w", err)
	}
	return nil
}

// settle makes the directory that the lock's note names durable, if there is one.
// A note that can't be cleared is left: the next holder syncs once more.
func (s *Store) settle() error {
	dir, err := s.lock.note()
	if err != nil || dir == "" {
		return err
	}
	if !filepath.IsLocal(dir) {
		return s.lock.clearNote() // torn by a power loss: nothing is pending after one
	}
	err = s.sys.syncDir(filepath.Join(s.dir, filepath.FromSlash(dir)))
	if err != nil && !isAbsent(err) && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENAMETOOLONG) {
		return err
	}
	return s.lock.clearNote() // synced, or torn and never a directory's name
}
