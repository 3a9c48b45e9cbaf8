//go:build linux

package faults

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/netsy-io/netsy/test/internal/proc"
)

// smallDisk puts a file system of its own, of so many bytes, around the node's data
// directory. It is false where that is not permitted.
func (c *cluster) smallDisk(id string, size int) bool {
	c.t.Helper()
	dir := c.path(id + "-disk")
	c.must(os.MkdirAll(dir, 0o755))
	if err := unix.Mount("netsy-faults", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		c.t.Logf("%s has no file system of its own: mount: %v", id, err)
		return false
	}
	c.t.Cleanup(func() { c.must(unix.Unmount(dir, unix.MNT_DETACH)) }) // its user is dead, or soon
	c.members[id].data = filepath.Join(dir, "data")
	return true
}

// fill fills the file system of a data directory, from beside it, and returns how to
// make room again.
func fill(data string) (undo func() error, err error) {
	path := filepath.Join(filepath.Dir(data), "ballast")
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(bytes.Repeat([]byte{1}, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			return nil, err
		}
	}
	return func() error { return os.Remove(path) }, nil
}

// TestFullDisks fills the disk of a replica, which the others do without, and then that
// of the Primary, which another replaces.
func TestFullDisks(t *testing.T) {
	c := newCluster(t, nil, usual...)
	for _, id := range c.nodes() {
		if !c.smallDisk(id, 64<<20) {
			t.Skip("disks can't be filled here")
		}
	}
	c.startAll()
	c.awaitVoters()
	u := c.use(t)
	u.more(50)
	for _, replica := range []bool{true, false} {
		victim := c.awaitActive()
		if replica {
			victim = c.other(victim)
		}
		ballast, err := fill(c.members[victim].data)
		c.must(err)
		c.members[victim].AwaitHealth(c.ctx, c.members[victim].health, "/readyz", "says that its disk is full", func(h proc.Health) bool {
			return h.Status == 503 && strings.Contains(h.Reason, "full")
		})
		if !replica {
			c.deposed(victim)
		}
		u.more(50)
		c.must(ballast())
		c.awaitVoters()
		u.more(50)
	}
	u.conclude()
}
