//go:build linux

package guide

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Options say which page to run, and in what world.
type Options struct {
	Page string   // path of the Markdown file
	Dir  string   // where the commands begin; a temporary directory if empty
	Path []string // directories that come first in PATH
	Env  []string // variables beside the test's own
	// Hosts get an address on loopback each, and a name for it.
	Hosts []Host
	// Own are directories, beside /etc, to which changes are not kept. They must exist.
	Own []string
	// Before is run first: what the page takes for granted.
	Before string
	// After is run last: what the page leaves to machines that the test doesn't have, or
	// more proof of what it says.
	After string
	// Timeout is for all of it; 0 means 5 minutes.
	Timeout time.Duration
}

// Host is a machine of a page. All of them are this one.
type Host struct{ Name, IP string }

// mark tells the script's own lines from what the commands print.
const mark = "#guide:3f1c9a#"

// Run runs a page and compares what is printed with what it shows. It returns all that
// was printed, for further checks.
func Run(t *testing.T, o Options) string {
	t.Helper()
	page, err := os.ReadFile(o.Page)
	if err != nil {
		t.Fatal(err)
	}
	blocks, err := parse(string(page))
	if err != nil {
		t.Fatalf("%s: %v", o.Page, err)
	}
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Minute
	}
	output, failure := run(t.Context(), o, script(o, blocks, mark))
	judge(t, o.Page, blocks, output, failure)
	return output
}

// run runs the script in namespaces of its own. Its shell is the first process of the
// process tree: all others end with it.
func run(ctx context.Context, o Options, script string) (output string, err error) {
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", script)
	cmd.Env = append(os.Environ(), o.Env...)
	cmd.Env = append(cmd.Env, "PATH="+strings.Join(append(o.Path, os.Getenv("PATH")), ":"))
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
	}
	if uid := os.Geteuid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return string(out), err
}

// judge fails the test where the page isn't true.
func judge(t *testing.T, page string, blocks []block, output string, failure error) {
	t.Helper()
	last, ran := "", 0
	for i, b := range blocks {
		switch {
		case b.skip != "":
			t.Logf("%s:%d: not run: %s", page, b.line, b.skip)
		case b.commands():
			text, done := printed(output, mark, i)
			if !done {
				t.Fatalf("%s:%d: %v\n%s\nprinted:\n%s", page, b.line, failure, b.text, orAll(text, output))
			}
			last, ran = text, ran+1
		case b.language == "text" && b.file == "" && !compare(b.text, last):
			t.Errorf("%s:%d: the commands above print\n%s\nthe page shows\n%s", page, b.line, strings.TrimSpace(last), b.text)
		}
	}
	if failure != nil {
		t.Fatalf("%s: %v\n%s", page, failure, output)
	}
	if ran == 0 {
		t.Fatalf("%s has no commands", page)
	}
	t.Logf("%s: %d blocks of commands ran", page, ran)
}

// orAll returns what a block printed, or everything if it didn't begin.
func orAll(text, output string) string {
	if text == "" {
		return output
	}
	return text
}
