//go:build linux

package systemd

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"
)

// eventTimeout is how long anything may take that should take seconds: two busy cores, and room.
const eventTimeout = 2 * time.Minute

// unable says that this machine can't run the test: a skip, or a failure where it must run.
func unable(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("NETSY_SYSTEMD_STRICT") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf("SKIPPED, NOTHING CHECKED: "+format, args...)
}

func needs(t *testing.T, programs ...string) {
	t.Helper()
	if os.Getuid() != 0 {
		unable(t, "a machine of its own is root's to make, and this is user %d", os.Getuid())
	}
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			unable(t, "%v (Debian: test/systemd/setup.sh)", err)
		}
	}
}

// run runs a program of this machine that must succeed.
func run(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// until asks again and again, a fifth of a second apart, until the answer is nil.
func until(t *testing.T, what string, ask func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), eventTimeout)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	err := fmt.Errorf("never asked")
	for ctx.Err() == nil {
		if err = ask(ctx); err == nil {
			return
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	t.Fatalf("%s: not within %s: %v", what, eventTimeout, err)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
