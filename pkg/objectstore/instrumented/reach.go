package instrumented

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

// Reach knows whether object storage answers, from what is asked of it anyway. The zero
// value knows of no failure. Safe for concurrent use.
type Reach struct {
	mu    sync.Mutex
	since time.Time // of the first failure after the last answer; zero: it answers
	err   error     // the last failure
}

// note takes the outcome of a request. That an object is missing or a condition not met is
// an answer; what the caller gave up says nothing.
func (r *Reach) note(now time.Time, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil || errors.Is(err, objectstore.ErrNotFound) || errors.Is(err, objectstore.ErrPreconditionFailed) {
		r.since, r.err = time.Time{}, nil
		return
	}
	if r.err = err; r.since.IsZero() {
		r.since = now
	}
}

// Away returns since when nothing was answered, and the last failure; nil: it answers, or
// hasn't been asked.
func (r *Reach) Away() (since time.Time, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.since, r.err
}
