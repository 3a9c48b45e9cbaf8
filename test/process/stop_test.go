//go:build linux

package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/netsy-io/netsy/test/internal/proc"
)

// freeWithin is how long another process may hold the object store's lock: it does
// so for one directory sync.
const freeWithin = time.Second

// freeze stops a process at an arbitrary moment, except one: while it holds the lock
// of the directory that stands for object storage. A paused process can't block a
// real bucket, but it would block this one for everybody.
func (c *cluster) freeze(t testing.TB, ctx context.Context, p *proc.Proc) {
	t.Helper()
	for range 100 {
		p.Signal(syscall.SIGSTOP)
		wait, cancel := context.WithTimeout(ctx, freeWithin)
		err := proc.Poll(wait, func(context.Context) error { return c.storeIsFree() })
		cancel()
		if err == nil {
			return
		}
		p.Signal(syscall.SIGCONT)
	}
	t.Fatalf("%s holds the object store's lock whenever it is stopped", p.Name)
}

func (c *cluster) storeIsFree() error {
	f, err := os.Open(filepath.Join(c.objects, "~lock"))
	if err != nil {
		return err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err != nil {
		err = fmt.Errorf("the object store's lock: %w", err)
	}
	return errors.Join(err, f.Close())
}
