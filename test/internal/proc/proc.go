//go:build linux

package proc

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

// Proc is one process. Its methods are for one goroutine, but Done, Out and Running
// are for all.
type Proc struct {
	Name string
	Out  *Output
	Done chan struct{} // closed when the process has ended

	t   testing.TB
	cmd *exec.Cmd
}

// Config says what to start.
type Config struct {
	Name    string // for messages
	Binary  string // base name of one of the commands given to Main, or a path
	Args    []string
	Env     []string // all of it
	LogFile string   // also names the working directory
	Attr    *syscall.SysProcAttr
}

// Start starts a process. It is killed at the end of the test at the latest; its
// output is shown if the test fails.
func Start(t testing.TB, c Config) *Proc {
	t.Helper()
	out, err := newOutput(c.LogFile)
	if err != nil {
		t.Fatal(err)
	}
	path := c.Binary
	if !filepath.IsAbs(path) {
		path = filepath.Join(binaries, path)
	}
	cmd := exec.Command(path, c.Args...)
	cmd.Env = append([]string{fmt.Sprintf("GORACE=halt_on_error=1 exitcode=%d", raceExit)}, c.Env...)
	cmd.Dir, cmd.SysProcAttr = filepath.Dir(c.LogFile), c.Attr
	cmd.Stdout, cmd.Stderr = out, out // the same: one pipe, one copier, which Wait waits for
	p := &Proc{t: t, Name: c.Name, cmd: cmd, Out: out, Done: make(chan struct{})}
	if err := start(cmd); err != nil {
		t.Fatalf("starting %s: %v", c.Name, err)
	}
	go func() { // ends with the process, which the cleanup below kills
		defer close(p.Done)
		_ = cmd.Wait() // ProcessState says it
	}()
	t.Cleanup(p.cleanup)
	return p
}

func (p *Proc) cleanup() {
	if p.Running() {
		p.Signal(syscall.SIGKILL)
	}
	<-p.Done
	if strings.Contains(p.Out.String(), "WARNING: DATA RACE") {
		p.t.Errorf("the race detector stopped %s", p.Name)
	}
	if p.t.Failed() {
		p.t.Logf("---- end of the output of %s (pid %d, %v)\n%s", p.Name, p.Pid(), p.State(), p.Out.Tail(60))
	}
	if err := p.Out.file.Close(); err != nil {
		p.t.Error(err)
	}
}

// Pid is the process's id, its own as long as it runs.
func (p *Proc) Pid() int { return p.cmd.Process.Pid }

// State says how the process ended, once Done is closed.
func (p *Proc) State() *os.ProcessState { return p.cmd.ProcessState }

// Running reports whether the process has not ended: a stopped one runs.
func (p *Proc) Running() bool {
	select {
	case <-p.Done:
		return false
	default:
		return true
	}
}

// Signal sends s, if the process runs.
func (p *Proc) Signal(s syscall.Signal) {
	p.t.Helper()
	// By way of os.Process, which knows when the pid is no longer the process's.
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("sending %v to %s: %v", s, p.Name, err)
	}
}

// Kill is kill -9. It is an error if the process had ended by itself.
func (p *Proc) Kill() {
	p.t.Helper()
	if !p.Running() {
		p.t.Fatalf("%s ended before it was killed: %v", p.Name, p.State())
	}
	p.Signal(syscall.SIGKILL)
	<-p.Done
}

// stopTimeout bounds a graceful stop: three times the drain timeout of a node, and
// room for a busy machine.
const stopTimeout = 30 * time.Second

// Stop asks the process to end and returns its exit status.
func (p *Proc) Stop() int {
	p.t.Helper()
	p.Signal(syscall.SIGTERM)
	return p.Exit(stopTimeout)
}

// Exit waits for the process to end by itself and returns its exit status.
func (p *Proc) Exit(within time.Duration) int {
	p.t.Helper()
	select {
	case <-p.Done:
		return p.State().ExitCode()
	case <-time.After(within):
		p.Signal(syscall.SIGQUIT) // shows what it is doing
		<-p.Done
		p.t.Fatalf("%s did not end within %v", p.Name, within)
		return -1
	}
}

// AwaitOutput waits until the process has written s.
func (p *Proc) AwaitOutput(ctx context.Context, s string) {
	p.t.Helper()
	if err := p.Out.Await(ctx, s, p.Done); err != nil {
		p.t.Fatalf("%s: %v", p.Name, err)
	}
}

// Binary is the base name of what runs.
func (p *Proc) Binary() string { return filepath.Base(p.cmd.Path) }
