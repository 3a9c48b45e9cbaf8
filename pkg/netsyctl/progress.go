package netsyctl

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// progressInterval is how often a long command says how far it is.
const progressInterval = 2 * time.Second

// progress writes lines for people about how far a command is, not too many of them. It
// may be used concurrently.
type progress struct {
	w    io.Writer
	mu   sync.Mutex
	last time.Time
}

// step says what begins now.
func (p *progress) step(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = time.Now()
	fmt.Fprintf(p.w, format+"\n", args...)
}

// at says how far the step is.
func (p *progress) at(what string, n, of int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.last) < progressInterval {
		return
	}
	p.last = time.Now()
	if of > 0 {
		fmt.Fprintf(p.w, "  %d of %d %s\n", n, of, what)
		return
	}
	fmt.Fprintf(p.w, "  %d %s\n", n, what)
}
