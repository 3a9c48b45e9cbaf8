package mvcc

import (
	"context"
	"sync/atomic"
)

// queue lets long work that holds the writer's mutex, and can be begun again, make way
// for those who wait. The zero value is ready.
type queue struct {
	waiting atomic.Int64 // who waits, or writes
	yield   atomic.Pointer[context.CancelFunc]
}

// enter comes before the mutex is asked for. Either it sees the work under way, or the
// work sees it.
func (q *queue) enter() {
	q.waiting.Add(1)
	if stop := q.yield.Load(); stop != nil {
		(*stop)()
	}
}

func (q *queue) leave() { q.waiting.Add(-1) }

// interruptible runs fn, with the mutex held, under a context that ends when somebody
// enters, or already has.
func (q *queue) interruptible(ctx context.Context, fn func(context.Context) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	q.yield.Store(&stop)
	defer q.yield.Store(nil)
	if q.waiting.Load() > 0 {
		stop()
	}
	return fn(ctx)
}
