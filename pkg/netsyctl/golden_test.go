package netsyctl

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite testdata and docs/netsyctl.md")

// golden compares out, from which what differs from run to run (old, new, ...) is replaced.
func golden(t *testing.T, name, out string, replace ...string) {
	t.Helper()
	out = strings.NewReplacer(replace...).Replace(out)
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(out), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || string(want) != out {
		t.Errorf("%s (%v): got\n%s\nwant\n%s", path, err, out, want)
	}
}
