//go:build linux

package packaging

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	// What the packages are made of: go test must not take a result from its cache
	// that was of others.
	_ "github.com/netsy-io/netsy/pkg/daemon"
)

// built is what TestMain made: a release, with the packages, and the deb as it would be installed.
var built struct {
	deb, rpm string
	root     string
}

func TestMain(m *testing.M) {
	if unit := os.Getenv(sandboxVariable); unit != "" {
		fmt.Fprintln(os.Stderr, runSandboxed(unit, os.Args[1:]))
		os.Exit(1)
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "netsy-packages-")
	if err == nil {
		defer os.RemoveAll(dir)
		err = errors.Join(os.Chmod(dir, 0o755), build(dir)) // some programs run as another user
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "building the packages under test:", err)
		return 1
	}
	return m.Run()
}

func build(dir string) error {
	// Another build in these tests has to be of the same version and time.
	for name, command := range map[string]string{
		"VERSION":           "git describe --tags --always --dirty 2>/dev/null || echo dev",
		"COMMIT":            "git rev-parse HEAD 2>/dev/null || :",
		"SOURCE_DATE_EPOCH": "git log -1 --format=%ct 2>/dev/null || date +%s",
	} {
		out, err := exec.Command("sh", "-c", command).Output()
		if err != nil {
			return fmt.Errorf("%s: %w", command, err)
		}
		if err := os.Setenv(name, strings.TrimSpace(string(out))); err != nil {
			return err
		}
	}
	cmd := exec.Command("../../deploy/packages/release.sh", dir)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("release.sh: %w", err)
	}
	for ext, at := range map[string]*string{"deb": &built.deb, "rpm": &built.rpm} {
		found, err := filepath.Glob(filepath.Join(dir, "*."+ext))
		if err != nil || len(found) != 1 {
			return fmt.Errorf("want one %s, got %v (%v)", ext, found, err)
		}
		*at = found[0]
	}
	built.root = filepath.Join(dir, "root")
	p, err := readDeb(built.deb)
	if err != nil {
		return err
	}
	return p.install(built.root)
}

// needs skips the test, and says so, if a program of systemd is missing. Machines that gate
// changes have to have it; with NETSY_PACKAGING_STRICT set its absence is a failure.
func needs(t *testing.T, program string) {
	t.Helper()
	_, err := exec.LookPath(program)
	switch {
	case err == nil:
	case os.Getenv("NETSY_PACKAGING_STRICT") != "":
		t.Fatal(err)
	default:
		t.Skipf("SKIPPED, NOTHING CHECKED: %v (Debian: apt-get install systemd)", err)
	}
}

// output runs a program that must succeed, and returns what it says.
func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}
