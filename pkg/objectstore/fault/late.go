package fault

import (
	"context"
	"slices"
	"sync"
)

// Late keeps writes back: their callers get ErrUnknownOutcome at once, and they
// land when the test says so, which may be long after others wrote. They land
// with the condition they were sent with.
type Late struct {
	mu   sync.Mutex
	held []lateWrite
}

type lateWrite struct {
	r    Request
	next Next
}

// Fault holds every write that reaches it; combine it with If or Once.
func (l *Late) Fault() Fault {
	return func(ctx context.Context, r *Request, next Next) (Response, error) {
		if !isWrite(r) {
			return next(ctx, r)
		}
		held := *r
		held.Body = slices.Clone(r.Body)
		l.mu.Lock()
		l.held = append(l.held, lateWrite{held, next})
		l.mu.Unlock()
		return Response{}, unanswered(r, errInjected)
	}
}

// Held is the number of writes that have not landed yet.
func (l *Late) Held() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.held)
}

// Land lets the oldest held write happen now and returns what came of it, which
// its caller never learns. ok is false if none is held.
func (l *Late) Land(ctx context.Context) (ok bool, err error) {
	l.mu.Lock()
	if len(l.held) == 0 {
		l.mu.Unlock()
		return false, nil
	}
	w := l.held[0]
	l.held = l.held[1:]
	l.mu.Unlock()
	_, err = w.next(ctx, &w.r)
	return true, err
}

// Drop forgets all held writes: they never happened. It returns how many.
func (l *Late) Drop() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(l.held)
	l.held = nil
	return n
}
