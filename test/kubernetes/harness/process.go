package harness

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// stopTimeout bounds a graceful stop. kube-apiserver drains requests for up to a minute, and waits
// for its watches.
const stopTimeout = 90 * time.Second

// Process is a command that can be stopped, killed, and started again with the same arguments. It
// isn't safe for concurrent use. Its log is appended to LogPath over all its lives.
type Process struct {
	Name, Path, LogPath string
	Args, Env           []string
	// DiesOfSignal is for a process that ends a graceful stop by the signal itself, as etcd does.
	DiesOfSignal bool

	cmd   *exec.Cmd
	ended chan error // holds the result of Wait once the process has ended
}

// Start starts the process.
func (p *Process) Start() error {
	log, err := os.OpenFile(p.LogPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	p.cmd = exec.Command(p.Path, p.Args...)
	p.cmd.Env = append(os.Environ(), p.Env...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.Name, err)
	}
	p.ended = make(chan error, 1)
	go func(cmd *exec.Cmd, ended chan<- error) { ended <- cmd.Wait() }(p.cmd, p.ended)
	return nil
}

// Running tells whether the process is there.
func (p *Process) Running() bool { return p.cmd != nil && len(p.ended) == 0 }

// Stop asks the process to end, and waits. That it ends with an error, or doesn't, is an error.
func (p *Process) Stop() error {
	if p.cmd == nil {
		return nil
	}
	for _, signal := range []os.Signal{syscall.SIGTERM, syscall.SIGCONT} { // it may be paused
		if err := p.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return err
		}
	}
	timeout := time.NewTimer(stopTimeout)
	defer timeout.Stop()
	select {
	case err := <-p.ended:
		p.cmd = nil
		if err != nil && !(p.DiesOfSignal && terminated(err)) {
			return fmt.Errorf("%s ended badly, see %s: %w", p.Name, p.LogPath, err)
		}
		return nil
	case <-timeout.C:
		return errors.Join(fmt.Errorf("%s didn't stop within %s", p.Name, stopTimeout), p.Kill())
	}
}

// Kill ends the process at once, as `kill -9` does.
func (p *Process) Kill() error {
	if p.cmd == nil {
		return nil
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.ended // always "signal: killed"
	p.cmd = nil
	return nil
}

// Signal sends a signal to the process, which must be running.
func (p *Process) Signal(signal os.Signal) error { return p.cmd.Process.Signal(signal) }

// terminated tells whether a process ended by SIGTERM.
func terminated(err error) bool {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGTERM
}
