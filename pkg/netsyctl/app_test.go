package netsyctl

import (
	"bytes"
	"context"
	"encoding/json"
	"runtime"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/netsy-io/netsy/pkg/version"
)

// run executes one command line and returns what it wrote to stdout.
func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	app := App()
	app.Writer, app.ErrWriter = &out, &out
	err := app.RunContext(context.Background(), append([]string{"netsyctl"}, args...))
	return out.String(), err
}

func mustRun(t *testing.T, args ...string) string {
	t.Helper()
	out, err := run(t, args...)
	if err != nil {
		t.Fatalf("netsyctl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// Every command explains itself, with examples that name it.
func TestHelpTeaches(t *testing.T) {
	var walk func(path []string, list []*cli.Command)
	walk = func(path []string, list []*cli.Command) {
		for _, c := range list {
			p := append(append([]string{}, path...), c.Name)
			if c.Usage == "" || !strings.Contains(c.Description, "netsyctl "+strings.Join(p, " ")) {
				t.Errorf("%v: help lacks a usage line or an example", p)
			}
			if out := mustRun(t, append(p, "--help")...); !strings.Contains(out, c.Usage) {
				t.Errorf("%v --help shows\n%s", p, out)
			}
			if c.Action == nil {
				t.Errorf("%v does nothing", p)
			}
			walk(p, c.Subcommands)
		}
	}
	walk(nil, App().Commands)
}

func TestWrongUse(t *testing.T) {
	for says, args := range map[string][]string{
		`no command "bogus" (see netsyctl --help)`:      {"bogus"},
		`no command "bogus" (see netsyctl cert --help)`: {"cert", "bogus"},
		"-bogus (see netsyctl cert ca --help)":          {"cert", "ca", "--bogus"},
		`Required flag "cluster-id"`:                    {"cert", "ca"},
		"flags go before NODE_ID: put --dns first":      {"cert", "node", "node-1", "--dns", "x"},
		"exactly one argument, NODE_ID, got 0":          {"cert", "node", "--dns", "x"},
		"exactly one argument, FILE, got 2":             {"config", "validate", "a", "b"},
		"want no arguments":                             {"config", "sample", "x"},
		"--output must be one of table, json, yaml":     {"cert", "inspect", "-o", "xml", "x"},
	} {
		out, err := run(t, args...)
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v: got %v, want %q", args, err, says)
		}
		if ExitStatus(err) != exitUnjudged {
			t.Errorf("%v: status %d", args, ExitStatus(err))
		}
		if strings.Contains(out, "Incorrect Usage") {
			t.Errorf("%v prints the whole help:\n%s", args, out)
		}
	}
	for _, args := range [][]string{{}, {"cert"}, {"config"}} {
		if out := mustRun(t, args...); !strings.Contains(out, "COMMANDS:") {
			t.Errorf("%v shows no help:\n%s", args, out)
		}
	}
}

func TestVersion(t *testing.T) {
	flag, command := mustRun(t, "--version"), mustRun(t, "version")
	if flag != command || !strings.HasPrefix(flag, "netsyctl version dev (commit ") || !strings.Contains(flag, runtime.Version()) {
		t.Errorf("%q, %q", flag, command)
	}
	var i version.Info
	if err := json.Unmarshal([]byte(mustRun(t, "version", "-o", "json")), &i); err != nil || i != version.Get() {
		t.Errorf("%+v, %v", i, err)
	}
}
