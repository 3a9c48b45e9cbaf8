//go:build linux

package process

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	// What the binaries are made of: go test must not take a result from its cache
	// that was of other binaries.
	_ "github.com/netsy-io/netsy/pkg/daemon"
)

// binaries is the directory of the binaries under test.
var binaries string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "netsy-process-bin-")
	if err == nil {
		defer os.RemoveAll(dir)
		err = build(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "building the binaries under test:", err)
		return 1
	}
	binaries = dir
	code := m.Run()
	if err := goleak.Find(goleak.IgnoreTopFunction(spawnerName)); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	return code
}

// commands are the binaries' main packages.
var commands = []string{"../../cmd/netsy-node", "../../cmd/netsy-elector"}

// build builds both binaries, with the race detector if the tests run with it.
func build(dir string) error {
	for _, c := range commands { // what was read counts for go test's cache, as an import would
		if _, err := os.ReadFile(filepath.Join(c, "main.go")); err != nil {
			return err
		}
	}
	args := []string{"build", "-o", dir + string(filepath.Separator)}
	if raceEnabled {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, commands...)...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%v: %w", cmd.Args, err)
	}
	// Some tests run them as another user.
	return os.Chmod(dir, 0o755)
}
