//go:build linux

package proc

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"sync"
)

// Output is what a process has written to stdout and stderr: kept in memory to be
// searched and waited for, and in a file for people.
type Output struct {
	mu      sync.Mutex
	file    *os.File
	text    []byte
	changed chan struct{} // closed and replaced at each write
}

func newOutput(path string) (*Output, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	return &Output{file: f, changed: make(chan struct{})}, nil
}

func (o *Output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text = append(o.text, b...)
	close(o.changed)
	o.changed = make(chan struct{})
	return o.file.Write(b)
}

func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.text)
}

// Tail returns at most the last n lines.
func (o *Output) Tail(n int) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	lines := bytes.SplitAfter(o.text, []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-n):], nil))
}

// Await waits until the output contains s.
func (o *Output) Await(ctx context.Context, s string, ended <-chan struct{}) error {
	for {
		o.mu.Lock()
		found, changed := bytes.Contains(o.text, []byte(s)), o.changed
		o.mu.Unlock()
		if found {
			return nil
		}
		select {
		case <-changed:
		case <-ended:
			return fmt.Errorf("the process ended without writing %q", s)
		case <-ctx.Done():
			return fmt.Errorf("waiting for the output %q: %w", s, ctx.Err())
		}
	}
}
