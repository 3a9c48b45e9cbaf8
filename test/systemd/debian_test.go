//go:build linux

package systemd

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What is on the machine beside Debian's essential packages. etcdctl is Debian's, since a client that
// isn't ours says more; curl is what the guide uses.
const (
	defaultSuite = "bookworm"
	include      = "systemd,systemd-sysv,dbus,ca-certificates,curl,etcd-client"
)

// debian unpacks a fresh Debian into a directory. NETSY_SYSTEMD_SUITE names another release.
func debian(t *testing.T) string {
	t.Helper()
	suite := os.Getenv("NETSY_SYSTEMD_SUITE")
	if suite == "" {
		suite = defaultSuite
	}
	cache, err := os.UserCacheDir()
	check(t, err)
	cache = filepath.Join(cache, "netsy-systemd")
	check(t, os.MkdirAll(cache, 0o755))
	archive := filepath.Join(cache, fmt.Sprintf("%s-%.6x.tar", suite, sha256.Sum256([]byte(include))))
	if _, err := os.Stat(archive); err != nil {
		part := filepath.Join(t.TempDir(), "debian.tar")
		cmd := exec.CommandContext(t.Context(), "mmdebstrap", "--variant=minbase", "--include="+include,
			"--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*", suite, part)
		if out, err := cmd.CombinedOutput(); err != nil {
			lines := strings.Split(strings.TrimSpace(string(out)), "\n")
			unable(t, "no Debian could be made: mmdebstrap: %v\n%s", err, strings.Join(lines[max(0, len(lines)-15):], "\n"))
		}
		run(t, "", "cp", part, archive+".part") // the cache may be another file system
		check(t, os.Rename(archive+".part", archive))
	}
	root := filepath.Join(t.TempDir(), "machine")
	check(t, os.Mkdir(root, 0o755))
	run(t, "", "tar", "-C", root, "-xf", archive)
	check(t, os.MkdirAll(filepath.Join(root, "var/log/journal"), 0o755)) // the journal outlives a reboot
	return root
}
