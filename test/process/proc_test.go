//go:build linux

package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// raceExit is the exit status of a binary in which the race detector found something.
const raceExit = 66

// proc is one process. Its methods are for one goroutine, but done and out are for all.
type proc struct {
	t    testing.TB
	name string
	cmd  *exec.Cmd
	out  *output
	done chan struct{} // closed when the process has ended
	err  error         // of Wait; valid once done is closed
}

// launch starts a binary with nothing but the given environment. It is killed at
// the end of the test at the latest; its output is shown if the test fails.
func launch(t testing.TB, name, logFile, binary string, env []string, attr *syscall.SysProcAttr, args ...string) *proc {
	t.Helper()
	out, err := newOutput(logFile)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(binaries, binary), args...)
	cmd.Env = append([]string{fmt.Sprintf("GORACE=halt_on_error=1 exitcode=%d", raceExit)}, env...)
	cmd.Dir, cmd.SysProcAttr = filepath.Dir(logFile), attr
	cmd.Stdout, cmd.Stderr = out, out // the same: one pipe, one copier, which Wait waits for
	p := &proc{t: t, name: name, cmd: cmd, out: out, done: make(chan struct{})}
	if err := start(cmd); err != nil {
		t.Fatalf("starting %s: %v", name, err)
	}
	go func() { // ends with the process, which the cleanup below kills
		defer close(p.done)
		p.err = cmd.Wait()
	}()
	t.Cleanup(p.cleanup)
	return p
}

func (p *proc) cleanup() {
	if p.running() {
		p.signal(syscall.SIGKILL)
	}
	<-p.done
	if strings.Contains(p.out.String(), "WARNING: DATA RACE") {
		p.t.Errorf("the race detector stopped %s", p.name)
	}
	if p.t.Failed() {
		p.t.Logf("---- end of the output of %s (pid %d, %v)\n%s", p.name, p.cmd.Process.Pid, p.cmd.ProcessState, p.out.tail(60))
	}
	if err := p.out.file.Close(); err != nil {
		p.t.Error(err)
	}
}

func (p *proc) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

func (p *proc) signal(s syscall.Signal) {
	p.t.Helper()
	// By way of os.Process, which knows when the pid is no longer the process's.
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("sending %v to %s: %v", s, p.name, err)
	}
}

// kill is kill -9.
func (p *proc) kill() {
	p.t.Helper()
	if !p.running() {
		p.t.Fatalf("%s ended before it was killed: %v", p.name, p.cmd.ProcessState)
	}
	p.signal(syscall.SIGKILL)
	<-p.done
}

// stopTimeout bounds a graceful stop: three times the drain timeout of a node, and
// room for a busy machine.
const stopTimeout = 30 * time.Second

// stop asks the process to end and returns its exit status.
func (p *proc) stop() int {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	return p.exit(stopTimeout)
}

// exit waits for the process to end by itself and returns its exit status.
func (p *proc) exit(within time.Duration) int {
	p.t.Helper()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(within):
		p.signal(syscall.SIGQUIT) // shows what it is doing
		<-p.done
		p.t.Fatalf("%s did not end within %v", p.name, within)
		return -1
	}
}

func (p *proc) awaitOutput(ctx context.Context, s string) {
	p.t.Helper()
	if err := p.out.await(ctx, s, p.done); err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
}
