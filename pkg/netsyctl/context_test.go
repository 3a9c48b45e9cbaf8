package netsyctl

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/netsy-io/netsy/pkg/objectlog"
)

// withContexts writes a contexts file and makes it the one that is used.
func withContexts(t *testing.T, body string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "contexts.json")
	if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NETSY_CONTEXTS", path)
	return path
}

func TestContexts(t *testing.T) {
	a, b := keep(t), keep(t)
	if err := os.Truncate(filepath.Join(b.dir, objectlog.SnapshotKey(12)), 10); err != nil { // tells b from a
		t.Fatal(err)
	}
	rel, err := filepath.Rel(filepath.Dir(a.config), a.config)
	if err != nil {
		t.Fatal(err)
	}
	body := `{"contexts": {"a": {"config": "` + a.config + `"}, "b": {"config": "` + b.config + `", "tls_cert": "b.crt"}, "rel": {"config": "` + rel + `"}, "none": {}}}`
	path := withContexts(t, body)

	list := func(args ...string) error {
		_, err := split(t, append([]string{"snapshot", "list"}, args...)...)
		return err
	}
	isA := func(err error) bool { return err == nil }
	isB := func(err error) bool { return err != nil && strings.Contains(err.Error(), "1 snapshot damaged") }

	if err := list(); ExitStatus(err) != exitUnjudged || !strings.Contains(err.Error(), "which bucket?") {
		t.Errorf("no context is current: %v", err)
	}
	if !isA(list("--context", "a")) || !isB(list("--context", "b")) {
		t.Error("--context isn't followed")
	}
	if out := mustRun(t, "context", "use", "b"); out != "using b\n" {
		t.Errorf("%q", out)
	}
	if !isB(list()) || !isA(list("--context", "a")) || !isA(list("--config", a.config)) || !isA(list("--dir", a.dir)) {
		t.Error("the current context isn't what is used last")
	}
	if out := mustRun(t, "context", "list"); !strings.Contains(out, "*        b     "+b.config+"  b.crt") || strings.Count(out, "*") != 1 {
		t.Errorf("got\n%s", out)
	}
	t.Setenv("NETSY_CONFIG", a.config)
	if !isA(list()) || !isB(list("--context", "b")) {
		t.Error("NETSY_CONFIG goes before the current context and behind --context")
	}
	t.Setenv("NETSY_CONTEXT", "b")
	if !isB(list()) {
		t.Error("NETSY_CONTEXT goes before NETSY_CONFIG")
	}
	t.Setenv("NETSY_CONFIG", b.config)
	if !isA(list("--config", a.config)) || !isA(list("--context", "a")) || !isA(list("--dir", a.dir)) {
		t.Error("a flag goes before the variables")
	}
	os.Unsetenv("NETSY_CONFIG")
	os.Unsetenv("NETSY_CONTEXT")
	for says, args := range map[string][]string{
		`no context "x"`: {"--context", "x"}, "names no cluster file": {"--context", "none"},
		"both name a cluster": {"--context", "a", "--config", b.config}, "give one": {"--dir", a.dir, "--context", "a"},
	} {
		if err := list(args...); ExitStatus(err) != exitUnjudged || !strings.Contains(err.Error(), says) {
			t.Errorf("%v: %v", args, err)
		}
	}
	if _, err := run(t, "context", "use", "x"); ExitStatus(err) != exitUnjudged {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Dir(path) + "/.*"); len(left) > 0 {
		t.Errorf("left %v", left)
	}
	if err := os.WriteFile(path, []byte(`{"contexts": {"a": {"konfig": "x"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := list("--context", "a"); err == nil || !strings.Contains(err.Error(), "konfig") {
		t.Errorf("a misspelt field: %v", err)
	}
}

// Relative paths are the file's, not the working directory's.
func TestContextRelativePaths(t *testing.T) {
	path := withContexts(t, `{"current": "a", "contexts": {"a": {"config": "x.jsonc", "tls_key": "/k"}}}`)
	f, err := readContexts()
	if err != nil {
		t.Fatal(err)
	}
	x, err := f.get("a")
	if want := filepath.Join(filepath.Dir(path), "x.jsonc"); err != nil || x.Config != want || x.TLSKey != "/k" || x.TLSCA != "" {
		t.Errorf("%+v, %v", x, err)
	}
}
