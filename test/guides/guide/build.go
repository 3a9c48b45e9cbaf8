package guide

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Netsy builds the four programs of the source tree at root, and returns their directory.
// If NETSY_BIN names a directory, they are there already.
func Netsy(t *testing.T, root string) string {
	t.Helper()
	if bin := os.Getenv("NETSY_BIN"); bin != "" {
		return bin
	}
	bin := t.TempDir()
	build(t, root, "-o", bin+"/", "./cmd/netsy-node", "./cmd/netsy-elector", "./cmd/netsy-compactor", "./cmd/netsyctl")
	return bin
}

// Tools builds commands that the calling test's module requires, and returns the
// directory that they are in, under the last element of their paths. Flags, such as
// -ldflags, come before them. It is in the user's cache, where what hasn't changed is
// found again: to link kube-apiserver takes a minute.
func Tools(t *testing.T, flagsAndPackages ...string) string {
	t.Helper()
	return ToolsOf(t, ".", flagsAndPackages...)
}

// ToolsOf is Tools of the module in another directory.
func ToolsOf(t *testing.T, dir string, flagsAndPackages ...string) string {
	t.Helper()
	abs, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(cache, "netsy-guides", filepath.Base(abs))
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	build(t, dir, append([]string{"-o", bin + "/"}, flagsAndPackages...)...)
	return bin
}

// Tool builds one command under a name of its own into the directory bin.
func Tool(t *testing.T, bin, name, pkg string) {
	t.Helper()
	build(t, ".", "-o", filepath.Join(bin, name), pkg)
}

func build(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("go", append([]string{"build", "-p", "2"}, args...)...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
