package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// suiteTimeout bounds one package's tests: the longest takes about three minutes against etcd
// on two cores.
const suiteTimeout = "20m"

// maxLine bounds one line of test output; a failed comparison of objects prints long ones.
const maxLine = 16 << 20

// How package testserver learns which command to run, and with which arguments.
const (
	serverEnv     = "NETSY_TEST_SERVER"
	serverArgsEnv = "NETSY_TEST_SERVER_ARGS"
)

type suiteOptions struct {
	modfile, overlay, server, pattern string
	suites, serverArgs                []string
	count, parallel                   int
	verbose                           bool
}

// runSuites runs the suites and returns what became of each test. Its error is go test's own: it
// is there whenever a test failed, and also when a package didn't build.
func runSuites(ctx context.Context, o suiteOptions) (*results, error) {
	args := []string{"test", "-json", "-vet=off", "-modfile", o.modfile, "-overlay", o.overlay, "-timeout", suiteTimeout,
		"-count", strconv.Itoa(o.count), "-p", strconv.Itoa(o.parallel)}
	if o.pattern != "" {
		args = append(args, "-run", o.pattern)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, o.suites...)...)
	cmd.Env = append(os.Environ(), serverEnv+"="+o.server, serverArgsEnv+"="+strings.Join(o.serverArgs, " "))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start go test: %w", err)
	}
	r := newResults()
	readErr := r.read(out, os.Stdout, o.verbose)
	return r, errors.Join(readErr, cmd.Wait())
}

// event is one line of `go test -json`; the fields are documented in cmd/test2json.
type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64 // seconds
}

// read takes in the output of `go test -json` and prints that of failed tests, or of all.
func (r *results) read(in io.Reader, out io.Writer, verbose bool) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			fmt.Fprintln(out, lines.Text()) // a message of go itself
			continue
		}
		if text := r.add(e, verbose); text != "" {
			fmt.Fprint(out, text)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read the output of go test: %w", err)
	}
	return nil
}
