package netsyctl

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/netsy-io/netsy/pkg/objectlog"
)

// Each command that judges tells a bad verdict from none.
func TestExitStatuses(t *testing.T) {
	good, bad := keep(t), keep(t)
	bad.remove(objectlog.ChunkKey(13))
	bad.write(objectlog.SnapshotKey(12), []byte("\x05abcdefgh"))
	bad.write("bad.jsonc", []byte("{}"))
	none := filepath.Join(good.dir, "none")
	ca := t.TempDir()
	mustRun(t, "cert", "ca", "--cluster-id", "x", "--dir", ca)
	mustRun(t, "cert", "node", "--dir", ca, "--ip", "127.0.0.1", "n1")
	mustRun(t, "cert", "ca", "--cluster-id", "y", "--dir", filepath.Join(ca, "y"))
	if err := os.WriteFile(filepath.Join(ca, "no.crt"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	crt := func(name string) string { return filepath.Join(ca, name) }
	for _, c := range []struct {
		status int
		args   []string
	}{
		{exitDone, []string{"verify", "--dir", good.dir}},
		{exitFailed, []string{"verify", "--dir", bad.dir}},
		{exitUnjudged, []string{"verify", "--dir", none}},
		{exitDone, []string{"log", "--dir", good.dir}},
		{exitFailed, []string{"log", "--dir", bad.dir}},
		{exitUnjudged, []string{"log", "--dir", none}},
		{exitDone, []string{"snapshot", "list", "--dir", good.dir}},
		{exitFailed, []string{"snapshot", "list", "--dir", bad.dir}},
		{exitUnjudged, []string{"snapshot", "list", "--dir", none}},
		{exitDone, []string{"snapshot", "verify", "--dir", good.dir, "--all"}},
		{exitFailed, []string{"snapshot", "verify", "--dir", bad.dir, "--all"}},
		{exitUnjudged, []string{"snapshot", "verify", "--dir", good.dir, "99"}},
		{exitUnjudged, []string{"snapshot", "verify", "--dir", none, "--all"}},
		{exitDone, []string{"config", "validate", good.config}},
		{exitFailed, []string{"config", "validate", filepath.Join(bad.dir, "bad.jsonc")}},
		{exitUnjudged, []string{"config", "validate", none}},
		{exitDone, []string{"cert", "inspect", "--ca", crt("ca.crt"), crt("n1.crt")}},
		{exitFailed, []string{"cert", "inspect", "--ca", crt("y/ca.crt"), crt("n1.crt")}},
		{exitUnjudged, []string{"cert", "inspect", crt("no.crt")}},
		{exitDone, []string{"status", "--config", good.config}},
		{exitFailed, []string{"status", "--config", none}},
		{exitUnjudged, []string{"status"}},
	} {
		if out, err := split(t, c.args...); ExitStatus(err) != c.status {
			t.Errorf("%v: status %d, want %d: %v\n%s", c.args, ExitStatus(err), c.status, err, out)
		}
	}
}
