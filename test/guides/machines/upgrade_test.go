package machines

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// earlier is the commit that the cluster is upgraded from, and goes back to. It speaks the whole protocol
// between nodes and electors, and lacks what came after: among it fields of messages and of headers.
const earlier = "e2acc045aa5e05645d2af8aa9723a05f8857a548"

func TestUpgrade(t *testing.T) {
	o := world(t, "upgrade.md")
	dir, err := tools()
	if err != nil {
		t.Fatal(err)
	}
	old := filepath.Join(dir, "netsy-old.deb")
	if _, err := os.Stat(old); err != nil {
		cmd := exec.CommandContext(t.Context(), "lab/old.sh", earlier, dir)
		cmd.Stderr = os.Stderr
		if err := cmd.Run(); err != nil {
			if e := (*exec.ExitError)(nil); errors.As(err, &e) && e.ExitCode() == 3 {
				t.Skipf("this clone doesn't have commit %s, to upgrade from (a shallow one? git fetch --unshallow)", earlier)
			}
			t.Fatalf("lab/old.sh: %v", err)
		}
	}
	o.Env = append(o.Env, "PACKAGE="+old)
	o.Before += `; . "$LAB/cluster.sh"`
	o.Timeout = max(o.Timeout, 15*time.Minute)
	run(t, o)
}
