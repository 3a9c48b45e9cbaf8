//go:build linux

package process

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// op is one write as its client saw it. Every put writes a value of its own, and
// every key is deleted by one op at most, so each can be recognised in the history.
type op struct {
	Key     string
	Value   string // empty: a deletion
	Node    string // asked
	Outcome outcome
	Rev     int64 // acknowledged; valid if Outcome is done
	Err     error
}

func (o op) delete() bool { return o.Value == "" }

func (o op) String() string {
	what := fmt.Sprintf("put %s=%s", o.Key, o.Value)
	if o.delete() {
		what = "delete " + o.Key
	}
	return fmt.Sprintf("%s (asked %s: %v, revision %d, %v)", what, o.Node, o.Outcome, o.Rev, o.Err)
}

// history is what all clients together have seen.
type history struct {
	mu    sync.Mutex
	ops   []op
	stale []string // reads that were older than what had been acknowledged before they began

	acked  atomic.Int64 // the highest revision acknowledged to, or read by, anyone
	writes atomic.Int64 // acknowledged
}

func newHistory() *history { return &history{} }

func (h *history) add(o op) {
	h.mu.Lock()
	h.ops = append(h.ops, o)
	h.mu.Unlock()
	if o.Outcome == done {
		h.writes.Add(1)
		h.observe(o.Rev)
	}
}

// observe notes that somebody knows of rev now.
func (h *history) observe(rev int64) {
	for old := h.acked.Load(); rev > old && !h.acked.CompareAndSwap(old, rev); old = h.acked.Load() {
	}
}

// read checks a linearizable answer against what was known before the question.
func (h *history) read(node string, before, rev int64) {
	if rev < before {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.stale = append(h.stale, fmt.Sprintf("%s answered a linearizable read as of revision %d, but %d was known before the read began", node, rev, before))
		return
	}
	h.observe(rev)
}

func (h *history) snapshot() (ops []op, stale []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.ops), slices.Clone(h.stale)
}

// count returns the number of ops for which f holds.
func (h *history) count(f func(op) bool) (n int) {
	ops, _ := h.snapshot()
	for _, o := range ops {
		if f(o) {
			n++
		}
	}
	return n
}
