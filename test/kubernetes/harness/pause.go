package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// freeWithin is how long a change in the directory that stands for object storage may take.
const freeWithin = time.Second

// Pause stops a member where it is, as a machine that hangs, until Resume. It doesn't stop it in the
// midst of a change in the directory that stands for object storage: that is locked then for
// everybody, which no real object storage is.
func (s *Store) Pause(ctx context.Context, m *Member) error {
	for range 100 {
		if err := m.Signal(syscall.SIGSTOP); err != nil || s.lock == "" {
			return err
		}
		err := s.awaitFree(ctx)
		if err == nil || !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		if err := s.Resume(m); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s changes object storage whenever it is stopped", m.Name)
}

// Resume lets a paused member go on.
func (s *Store) Resume(m *Member) error { return m.Signal(syscall.SIGCONT) }

// awaitFree waits until nobody holds the lock; EWOULDBLOCK means that somebody goes on holding it.
func (s *Store) awaitFree(ctx context.Context) error {
	f, err := os.Open(s.lock)
	if err != nil {
		return err
	}
	defer f.Close() // frees it, too
	timeout := time.NewTimer(freeWithin)
	defer timeout.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timeout.C:
			return fmt.Errorf("lock %s: %w", s.lock, err)
		case <-time.After(time.Millisecond):
		}
	}
}
