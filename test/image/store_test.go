//go:build linux

package image

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

type output []byte

func (o *output) Write(b []byte) (int, error) { *o = append(*o, b...); return len(b), nil }

type tee [2]io.Writer

func (w tee) Write(b []byte) (int, error) {
	_, _ = w[0].Write(b)
	return w[1].Write(b)
}

// store keeps images and containers apart from this machine's own.
type store struct{ flags []string }

func newStore(t *testing.T) *store {
	t.Helper()
	dir, err := os.MkdirTemp("", "netsy-image-") // short, since a socket's path is
	check(t, err)
	s := &store{flags: []string{"--root", filepath.Join(dir, "store"), "--runroot", filepath.Join(dir, "run"), "--storage-driver", "overlay"}}
	if err := s.try(t, "buildah", "from", "scratch"); err != nil {
		s.flags[5] = "vfs" // where the kernel, or the file system below, has no overlays
	}
	t.Cleanup(func() {
		_ = s.try(t, "podman", "rm", "--all", "--force", "--time=0")
		_ = s.try(t, "buildah", "umount", "--all")
		_ = s.try(t, "buildah", "rm", "--all")
		unmount(t, dir) // else what is left mounted would be removed, not the mounts
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return s
}

// with puts the store's flags before a program's arguments.
func (s *store) with(program string, args []string) []string {
	all := slices.Clone(s.flags)
	if program == "podman" {
		all = append(all, "--cgroup-manager=cgroupfs") // a systemd needn't be there
	}
	return append(all, args...)
}

func (s *store) do(t *testing.T, program string, args ...string) string {
	t.Helper()
	return strings.TrimSpace(run(t, program, s.with(program, args)...))
}

// try is do where failing is an answer, or nothing can be done about it.
func (s *store) try(t *testing.T, program string, args ...string) error {
	t.Helper()
	return exec.Command(program, s.with(program, args)...).Run()
}

type copied struct{ from, to string }

// commit makes an image of directories of this machine.
func (s *store) commit(t *testing.T, name string, content []copied, config ...string) {
	t.Helper()
	container := s.do(t, "buildah", "from", "scratch")
	for _, c := range content {
		s.do(t, "buildah", "copy", "--quiet", container, c.from, c.to)
	}
	s.do(t, "buildah", append(append([]string{"config"}, config...), container)...)
	s.do(t, "buildah", "commit", "--quiet", container, "localhost/"+name)
	s.do(t, "buildah", "rm", container)
}

// unmount ends every mount below dir, the last first.
func unmount(t *testing.T, dir string) {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Error(err)
	}
	lines := strings.Split(string(mounts), "\n")
	for _, line := range slices.Backward(lines) {
		fields := strings.Fields(line)
		if len(fields) > 1 && strings.HasPrefix(fields[1], dir+"/") {
			if err := syscall.Unmount(fields[1], syscall.MNT_DETACH); err != nil {
				t.Errorf("unmounting %s: %v", fields[1], err)
			}
		}
	}
}
