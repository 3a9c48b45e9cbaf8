package primary

import (
	"context"
	"sync"
)

// confirmer proves, without a lease, that a reign goes on: it asks ask (a fresh
// read of cluster.json) and shares the answer among all who were waiting before
// the question was sent. Who comes later joins the next question: an answer that
// may be older than the one who asks proves nothing.
type confirmer struct {
	ask  func(context.Context) error
	wake chan struct{} // of capacity 1: somebody waits

	mu   sync.Mutex
	next *question // not sent yet; nil if nobody waits
}

type question struct {
	done chan struct{}
	err  error
}

func newConfirmer(ask func(context.Context) error) *confirmer {
	return &confirmer{ask: ask, wake: make(chan struct{}, 1)}
}

// confirm returns nil once a question that was sent after the call is answered
// well. over ends the wait, as ctx does.
func (c *confirmer) confirm(ctx context.Context, over <-chan struct{}) error {
	q := c.join()
	select {
	case c.wake <- struct{}{}:
	default:
	}
	select {
	case <-q.done:
		return q.err
	case <-ctx.Done():
		return ctx.Err()
	case <-over:
		return ErrNotPrimary
	}
}

func (c *confirmer) join() *question {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.next == nil {
		c.next = &question{done: make(chan struct{})}
	}
	return c.next
}

// take closes the next question to further joiners; nil if nobody waits.
func (c *confirmer) take() *question {
	c.mu.Lock()
	defer c.mu.Unlock()
	q := c.next
	c.next = nil
	return q
}

// run asks, one question at a time, until ctx ends.
func (c *confirmer) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		}
		if q := c.take(); q != nil {
			q.err = c.ask(ctx)
			close(q.done)
		}
	}
}
