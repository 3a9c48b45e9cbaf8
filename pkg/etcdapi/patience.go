package etcdapi

import (
	"context"
	"sync"
	"time"
)

// patience is a context that ends after a time, like context.WithTimeout's, except that
// its timer starts only when somebody asks for Done or Err. Most reads end before: they
// have nothing to wait for. Safe for concurrent use.
type patience struct {
	parent context.Context
	until  time.Time

	mu    sync.Mutex
	timed context.Context // with the timer; nil until it is needed
	stop  context.CancelFunc
}

// withPatience returns a context that ends with ctx, and d from now at the latest. The
// caller must call end.
func withPatience(ctx context.Context, d time.Duration) *patience {
	return &patience{parent: ctx, until: time.Now().Add(d)}
}

// start returns the context with the timer.
func (p *patience) start() context.Context {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timed == nil {
		p.timed, p.stop = context.WithDeadline(p.parent, p.until)
	}
	return p.timed
}

// end frees what p holds, and ends what was derived from it.
func (p *patience) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.timed == nil {
		p.timed, p.stop = ended, func() {} // whoever asks only now
	}
	p.stop()
}

var ended = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

func (p *patience) Done() <-chan struct{} { return p.start().Done() }
func (p *patience) Err() error            { return p.start().Err() }

func (p *patience) Deadline() (time.Time, bool) {
	if t, ok := p.parent.Deadline(); ok && t.Before(p.until) {
		return t, true
	}
	return p.until, true
}

// Value leads contexts derived from p to the one with the timer, so that they end with
// it without a goroutine of their own.
func (p *patience) Value(key any) any {
	p.mu.Lock()
	timed := p.timed
	p.mu.Unlock()
	if timed != nil && timed != ended {
		return timed.Value(key)
	}
	return p.parent.Value(key)
}
