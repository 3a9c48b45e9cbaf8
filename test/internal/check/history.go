package check

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// History is what all clients together have seen. Its methods are safe for
// concurrent use.
type History struct {
	now   func() time.Duration
	acked atomic.Int64

	mu     sync.Mutex
	ops    []Op
	writes int64
	wake   chan struct{}
}

// NewHistory begins a history. Times in it are since now, by the monotonic clock.
func NewHistory() *History {
	began := time.Now()
	return &History{now: func() time.Duration { return time.Since(began) }, wake: make(chan struct{})}
}

// Do records one call: it notes the time, calls f, which sets the op's Outcome and what
// was answered, notes the time again, and adds the op. A write that nobody answered is
// judged by its error.
func (h *History) Do(o Op, f func(*Op)) Op {
	o.Call = h.now()
	f(&o)
	o.Return = h.now()
	if o.Err != nil && o.Write() {
		o.Outcome = Judge(o.Err)
	}
	h.Add(o)
	return o
}

// Add records an op whose times are set.
func (h *History) Add(o Op) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, o)
	if o.Write() && o.Outcome == Done {
		h.writes++
	}
	if o.Answered() && o.Rev > h.acked.Load() {
		h.acked.Store(o.Rev)
	}
	close(h.wake)
	h.wake = make(chan struct{})
}

// Acked is the highest revision that anyone was told of.
func (h *History) Acked() int64 { return h.acked.Load() }

// Writes returns the number of acknowledged writes, and what is closed when the next op
// is recorded.
func (h *History) Writes() (n int64, next <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.writes, h.wake
}

// Ops returns a copy of what is recorded, in the order in which calls ended.
func (h *History) Ops() []Op {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.ops)
}

// Count returns the number of ops for which f holds.
func (h *History) Count(f func(Op) bool) (n int) {
	for _, o := range h.Ops() {
		if f(o) {
			n++
		}
	}
	return n
}
