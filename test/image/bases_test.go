//go:build linux

package image

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	suite = "bookworm"
	// What golang:bookworm has of what the build uses, and what the other images are made of.
	include = "gcc,libc6-dev,ca-certificates,tzdata,busybox-static"
)

// debian is an archive of a small Debian, kept in the user's cache directory.
func debian(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	check(t, err)
	cache = filepath.Join(cache, "netsy-image")
	check(t, os.MkdirAll(cache, 0o755))
	archive := filepath.Join(cache, fmt.Sprintf("%s-%.6x.tar", suite, sha256.Sum256([]byte(include))))
	if _, err := os.Stat(archive); err == nil {
		return archive
	}
	part := filepath.Join(t.TempDir(), "debian.tar")
	out, err := exec.CommandContext(t.Context(), "mmdebstrap", "--variant=minbase", "--include="+include, suite, part).CombinedOutput()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		unable(t, "no Debian could be made: mmdebstrap: %v\n%s", err, strings.Join(lines[max(0, len(lines)-15):], "\n"))
	}
	run(t, "cp", part, archive+".part") // the cache may be another file system
	check(t, os.Rename(archive+".part", archive))
	return archive
}

// bases makes the three images that the Containerfile begins with, and returns its build arguments.
func bases(t *testing.T, s *store) []string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "debian")
	check(t, os.Mkdir(root, 0o755))
	run(t, "tar", "-C", root, "-xf", debian(t))

	goroot := strings.TrimSpace(run(t, "go", "env", "GOROOT"))
	s.commit(t, "golang", []copied{{root, "/"}, {goroot, "/usr/local/go"}},
		"--env", "PATH=/usr/local/go/bin:/usr/sbin:/usr/bin:/sbin:/bin", "--env", "GOTOOLCHAIN=local",
		// Modules that this machine has needn't be fetched; go.sum says whether they are the right ones.
		"--env", "GOPROXY=file://"+modules+","+strings.TrimSpace(run(t, "go", "env", "GOPROXY")), "--env", "GONOSUMDB=*")

	busybox := filepath.Join(t.TempDir(), "busybox")
	check(t, os.MkdirAll(busybox+"/bin", 0o755))
	run(t, "cp", root+"/bin/busybox", busybox+"/bin/")
	for applet := range strings.Lines(run(t, root+"/bin/busybox", "--list")) {
		if applet = strings.TrimSpace(applet); applet != "busybox" {
			check(t, os.Symlink("busybox", busybox+"/bin/"+applet))
		}
	}
	s.commit(t, "busybox", []copied{{busybox, "/"}}, "--env", "PATH=/bin:/usr/local/bin")

	static := filepath.Join(t.TempDir(), "static")
	for _, dir := range []string{"/etc/ssl/certs", "/usr/share", "/home/nonroot", "/tmp", "/var/lib"} {
		check(t, os.MkdirAll(static+dir, 0o755))
	}
	run(t, "cp", root+"/etc/ssl/certs/ca-certificates.crt", static+"/etc/ssl/certs/")
	run(t, "cp", "-a", root+"/usr/share/zoneinfo", static+"/usr/share/")
	check(t, os.WriteFile(static+"/etc/passwd", []byte("root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n"), 0o644))
	check(t, os.WriteFile(static+"/etc/group", []byte("root:x:0:\nnonroot:x:65532:\n"), 0o644))
	check(t, os.Chmod(static+"/tmp", 0o777|os.ModeSticky))
	s.commit(t, "static", []copied{{static, "/"}}, "--user", "65532", "--workingdir", "/home/nonroot",
		"--env", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "--env", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt")
	return []string{"GO_IMAGE=localhost/golang", "TOOLS_IMAGE=localhost/busybox", "BASE_IMAGE=localhost/static"}
}
