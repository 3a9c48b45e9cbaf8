package mvcc

import (
	"sync"

	"github.com/netsy-io/netsy/pkg/record"
)

// turnover is what a Working has written and the value cache hasn't been told: a value may
// only be let go once it can be read from SQLite, and one that was replaced stays the present one if what
// replaced it is never committed. One goroutine adds, another may take.
type turnover struct {
	mu      sync.Mutex
	entries []turn // by revision
}

// turn is one write: new took the place of old. Either may be nil.
type turn struct {
	rev      record.Revision
	new, old *item
}

func (t *turnover) add(e turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.entries = append(t.entries, e)
}

// drop removes the write at a revision, the last one.
func (t *turnover) drop(rev record.Revision) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := len(t.entries) - 1; n >= 0 && t.entries[n].rev == rev {
		t.entries = t.entries[:n]
	}
}

// take removes what was written up to a revision.
func (t *turnover) take(to record.Revision) []turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for n < len(t.entries) && t.entries[n].rev <= to {
		n++
	}
	taken := t.entries[:n:n]
	if t.entries = t.entries[n:]; len(t.entries) == 0 {
		t.entries = nil
	}
	return taken
}
