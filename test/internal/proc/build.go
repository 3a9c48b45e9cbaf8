//go:build linux

package proc

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

// Race reports whether the tests, and so the binaries, have the race detector.
const Race = raceEnabled

// binaries is the directory of the binaries under test.
var binaries string

// Main runs a package's tests with the binaries of the given main packages (paths
// relative to the test's directory, for the files to count in go test's cache) and
// fails if goroutines are left. It is called by TestMain.
func Main(m *testing.M, commands ...string) int {
	dir, err := os.MkdirTemp("", "netsy-bin-")
	if err == nil {
		defer os.RemoveAll(dir)
		err = build(dir, commands)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "building the binaries under test:", err)
		return 1
	}
	binaries = dir
	code := m.Run()
	if err := goleak.Find(IgnoreSpawner()); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	return code
}

// build builds the binaries, with the race detector if the tests run with it.
func build(dir string, commands []string) error {
	for _, c := range commands { // what was read counts for go test's cache, as an import would
		if _, err := os.ReadFile(filepath.Join(c, "main.go")); err != nil {
			return err
		}
	}
	args := []string{"build", "-o", dir + string(filepath.Separator)}
	if Race {
		args = append(args, "-race")
	}
	for _, c := range commands {
		args = append(args, "./"+filepath.Base(c))
	}
	cmd := exec.Command("go", args...)
	cmd.Dir = filepath.Dir(commands[0]) // of the main module, whichever the tests are of
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%v: %w", cmd.Args, err)
	}
	// Some tests run them as another user.
	return os.Chmod(dir, 0o755)
}
