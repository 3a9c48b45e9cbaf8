//go:build linux

package proc

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Dir makes a directory for one test: in memory where possible, for a kill -9 leaves
// the kernel's caches as they are, so a disk would prove nothing more and cost much
// time. It is removed at the end of the test, unless keep names a directory to put it in.
func Dir(t testing.TB, keep string) string {
	t.Helper()
	parent := keep
	if parent == "" {
		parent = memoryDir()
	}
	dir, err := os.MkdirTemp(parent, "netsy-"+strings.ReplaceAll(t.Name(), "/", "-")+"-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if keep != "" {
			t.Log("kept", dir)
		} else if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// memoryDir returns a directory in memory, or "" for the usual one.
func memoryDir() string {
	const dir, room = "/dev/shm", 1 << 30
	var fs unix.Statfs_t
	if unix.Statfs(dir, &fs) != nil || unix.Access(dir, unix.W_OK) != nil || fs.Bavail*uint64(fs.Bsize) < room {
		return ""
	}
	return dir
}
