//go:build linux

package image

import (
	"os"
	"os/exec"
	"testing"
)

// unable says that this machine can't run the test: a skip, or a failure where it must run.
func unable(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("NETSY_IMAGE_STRICT") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf("SKIPPED, NOTHING CHECKED: "+format, args...)
}

func needs(t *testing.T, programs ...string) {
	t.Helper()
	if os.Getuid() != 0 {
		unable(t, "the images to begin with are root's to make, and this is user %d", os.Getuid())
	}
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			unable(t, "%v (Debian: test/image/setup.sh)", err)
		}
	}
}

// run runs a program that must succeed, and returns what it says on its standard output.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	var all, out output
	cmd.Stdout, cmd.Stderr = tee{&out, &all}, &all
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, all)
	}
	return string(out)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
