//go:build linux

package image

import (
	"os/exec"
	"testing"
	"time"
)

// eventTimeout is how long a start may take that should take seconds: two busy cores, and room.
const eventTimeout = time.Minute

// ready awaits a node that says that it is, in the network of a container's process.
func ready(t *testing.T, s *store, pid string) {
	t.Helper()
	for deadline := time.Now().Add(eventTimeout); ; time.Sleep(200 * time.Millisecond) {
		out, err := exec.CommandContext(t.Context(), "nsenter", "--target", pid, "--net", "--", "curl", "-sS", "--fail-with-body", "http://127.0.0.1:8080/readyz").CombinedOutput()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the node isn't ready: %v %s\nits container: %s", err, out, s.do(t, "podman", "ps", "--all"))
		}
	}
}
