package guide

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	page := "# A page\n```sh\necho a\n```\n1. in a list:\n   ```text\n   a\n     b\n   ```\n```yaml file=/etc/x.yaml\nk: v\n```\n```sh skip=needs a cloud\nrm\n```\n```mermaid\nx\n```\n"
	blocks, err := parse(page)
	if err != nil {
		t.Fatal(err)
	}
	want := []block{
		{2, "sh", "", "", "echo a\n"}, {6, "text", "", "", "a\n  b\n"}, {10, "yaml", "/etc/x.yaml", "", "k: v\n"},
		{13, "sh", "", "needs a cloud", "rm\n"}, {16, "mermaid", "", "", "x\n"},
	}
	if len(blocks) != len(want) {
		t.Fatalf("got %d blocks, want %d", len(blocks), len(want))
	}
	for i := range want {
		if blocks[i] != want[i] {
			t.Errorf("block %d is %+v, want %+v", i, blocks[i], want[i])
		}
	}
	for _, bad := range []string{"```console\n```", "```bash\n```", "```\n```", "```sh\nx", "```text skip=x\n```", "```sh fle=x\n```", "```sh file=\n```"} {
		if _, err := parse(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestCompare(t *testing.T) {
	for _, c := range []struct {
		shown, printed string
		want           bool
	}{
		{"a\nb", "a\nb\n", true},
		{"a  b", "a      b", true},
		{"a", "b", false},
		{"a", "a\nb", false},
		{"a\nb", "a", false},
		{"a … c", "a bb c", true},
		{"a … c", "a bb d", false},
		{"a…", "a", true},
		{"…b…d", "a b c d", true},
		{"…b…d", "a c b", false},
		{"ab…bc", "abc", false},
		{"a\n…\nd", "a\nb\nc\nd", true},
		{"a\n…\nd", "a\nd", true},
		{"a\n…\nd", "a\nb", false},
		{"…", "", true},
		{"…\nlast", "x\nlast", true},
		{"…\nlast", "last\nx", false},
		{"a", "bash: line 73:    42 Killed                  netsy-node >> log 2>&1\na\n", true},
	} {
		if got := compare(c.shown, c.printed); got != c.want {
			t.Errorf("compare(%q, %q) = %v", c.shown, c.printed, got)
		}
	}
}

// TestRun runs a page whose commands use a name, a port, /etc and the background.
func TestRun(t *testing.T) {
	o := write(t, "```sh\nX=1; sleep 1000 & echo $X\n```\n```text\n1\n```\n```ini file=/etc/guide/own.ini\na=$X\n```\n"+
		"```sh\ncat /etc/guide/own.ini; printf no-newline$X\n```\n```text\na=$X\nno-newline1\n```\n```sh\ngetent hosts node-1.example.com\npwd\n```\n```text\n10.0.0.11 node-1.example.com\n…\n```\n")
	o.Before, o.After = "mkdir made-before; cd made-before", `case "$PWD" in */made-before) echo last;; *) false;; esac`
	o.Hosts = []Host{{"node-1.example.com", "10.0.0.11"}}
	if out := Run(t, o); !strings.HasSuffix(out, "last\n") {
		t.Errorf("what comes after the page wasn't run:\n%s", out)
	}
	if _, err := os.Stat("/etc/guide"); err == nil {
		t.Error("the page wrote to the machine's own /etc")
	}
}

// TestFailures says that a page that isn't true is noticed, and where.
func TestFailures(t *testing.T) {
	for name, page := range map[string]string{
		"nothing, for comparison":    "```sh\necho a\n```\n```text\na\n```\n",
		"a command fails":            "```sh\necho before\nfalse\necho after\n```\n",
		"a command in a pipe":        "```sh\nfalse | cat\n```\n",
		"the shell ends early":       "```sh\nexit 0\n```\n",
		"another output":             "```sh\necho b\n```\n```text\na\n```\n",
		"no commands":                "```text\n```\n",
		"the last of several blocks": "```sh\ntrue\n```\n```sh\nfalse\n```\n",
	} {
		t.Run(name, func(t *testing.T) {
			o := write(t, page)
			blocks, err := parse(page)
			if err != nil {
				t.Fatal(err)
			}
			o.Dir, o.Timeout = t.TempDir(), 1e10
			output, failure := run(t.Context(), o, script(o, blocks, mark))
			want := name != "nothing, for comparison"
			if got := failed(func(ft *testing.T) { judge(ft, o.Page, blocks, output, failure) }); got != want {
				t.Errorf("noticed: %v, want %v:\n%s", got, want, output)
			}
		})
	}
}

// failed reports whether a test function fails.
func failed(f func(*testing.T)) bool {
	t, done := &testing.T{}, make(chan struct{})
	go func() { // a fatal failure ends its goroutine
		defer close(done)
		defer func() { recover() }() // logs of a test that doesn't run
		f(t)
	}()
	<-done
	return t.Failed()
}

func write(t *testing.T, page string) Options {
	t.Helper()
	path := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(path, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	return Options{Page: path}
}

func TestScriptNamesItsBlocks(t *testing.T) {
	text, done := printed("\n"+begin(mark, 1)+"\nhello\n\n"+end(mark, 1)+"\n", mark, 1)
	if !done || strings.TrimSpace(text) != "hello" {
		t.Errorf("got %q, %v", text, done)
	}
}
