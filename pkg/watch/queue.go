package watch

import (
	"github.com/netsy-io/netsy/pkg/record"
)

type kind int

const (
	created   kind = iota // answer to a create request
	refused               // answer to a create request that made no watch
	canceled              // answer to a cancel request
	compacted             // the server's own cancel
	events                // events of one watch
	progress              // progress of one watch
	broadcast             // progress of all watches of the stream
)

// item is something to send. What it says was true of rev when it was queued, and
// everything queued before is sent before: that is what makes progress
// notifications safe.
type item struct {
	kind    kind
	id      int64
	w       *watcher // events and progress
	rev     record.Revision
	compact record.Revision // compacted
	reason  string          // refused
	batch   batch           // events
}

// queue is a first-in first-out of items.
type queue struct {
	items []item // live part: items[head:]
	head  int
}

func (q *queue) push(it item) { q.items = append(q.items, it) }

func (q *queue) pop() (item, bool) {
	if q.head == len(q.items) {
		return item{}, false
	}
	it := q.items[q.head]
	q.items[q.head] = item{} // let the events go
	q.head++
	switch {
	case q.head == len(q.items):
		q.items, q.head = q.items[:0], 0
	case q.head > 64 && 2*q.head >= len(q.items): // keeps pushing O(1) without growing
		q.items = append(make([]item, 0, 2*(len(q.items)-q.head)), q.items[q.head:]...)
		q.head = 0
	}
	return it, true
}

// tail returns the last item pushed that wasn't popped, nil if there is none.
func (q *queue) tail() *item {
	if q.head == len(q.items) {
		return nil
	}
	return &q.items[len(q.items)-1]
}
