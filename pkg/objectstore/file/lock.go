package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

const lockName = "~lock"

// lock excludes every other writer of the directory, in this process and in
// others, while a write becomes visible and durable. The kernel drops it when its
// holder dies. It is held for one directory sync, never while an object is written.
//
// The lock file carries a note: the directory whose change may not be durable yet.
// A holder that is killed leaves it behind, and the next holder finishes the work.
// The note itself is never synced: after a power loss nothing is pending.
type lock struct {
	path string
	turn chan struct{} // of this process; the flock below is between processes
	f    *os.File
}

func openLock(path string) (*lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	return &lock{path: path, turn: make(chan struct{}, 1), f: f}, nil
}

// acquire waits for the lock or for ctx.
func (l *lock) acquire(ctx context.Context) error {
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("waiting for the lock of the directory: %w", context.Cause(ctx))
	}
	err := l.flock(ctx)
	if err == nil {
		if err = l.stillThere(); err != nil {
			err = errors.Join(err, syscall.Flock(int(l.f.Fd()), syscall.LOCK_UN))
		}
	}
	if err != nil {
		<-l.turn
	}
	return err
}

// flock polls, because a blocking flock can't be given up when ctx ends. Between
// processes the lock is held for a directory sync, a millisecond or so: hence the pace.
func (l *lock) flock(ctx context.Context) error {
	const longest = 5 * time.Millisecond
	for pause := 50 * time.Microsecond; ; pause = min(2*pause, longest) {
		err := syscall.Flock(int(l.f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return fmt.Errorf("lock %s: %w", l.path, err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("another process holds %s: %w", l.path, context.Cause(ctx))
		}
	}
}

// stillThere fails when the directory was removed or put in another's place under
// the store: every object would seem missing, and the lock would exclude nobody.
func (l *lock) stillThere() error {
	mine, err := l.f.Stat()
	if err != nil {
		return err
	}
	there, err := os.Stat(l.path)
	if err != nil {
		return fmt.Errorf("%w: %w", errDirectoryGone, err)
	}
	if !os.SameFile(mine, there) {
		return fmt.Errorf("%w: %s is not the file that was opened", errDirectoryGone, l.path)
	}
	return nil
}

func (l *lock) release() error {
	err := syscall.Flock(int(l.f.Fd()), syscall.LOCK_UN)
	<-l.turn
	return err
}

// note is read and written only by the holder.
func (l *lock) note() (string, error) {
	b := make([]byte, 4096) // longer than any key
	n, err := l.f.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return "", err
	}
	return string(b[:n]), nil
}

func (l *lock) setNote(dir string) error {
	_, err := l.f.WriteAt([]byte(dir), 0)
	return err
}

func (l *lock) clearNote() error { return l.f.Truncate(0) }
