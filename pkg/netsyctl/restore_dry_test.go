package netsyctl

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestRestoreDryRun: whatever place is named, nothing is written there, and nothing made.
func TestRestoreDryRun(t *testing.T) {
	k := keep(t)
	dir := filepath.Join(t.TempDir(), "new")
	empty := t.TempDir()
	for flag, value := range map[string]string{
		"--into-dir": dir, "--into-file": filepath.Join(t.TempDir(), "out.netsy"), "--into-config": configOf(t, empty),
	} {
		var r restoreResult
		if err := splitJSON(t, &r, "restore", "--dir", k.dir, "--to-revision", "9", flag, value, "--dry-run", "-o", "json"); err != nil || r.Result != dryRun || r.Into != "" {
			t.Errorf("%s: %+v, %v", flag, r, err)
		}
		if flag == "--into-config" {
			value = filepath.Join(empty, "snapshots")
		}
		if _, err := os.Lstat(value); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %s is there: %v", flag, value, err)
		}
	}
}
