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
	mu   sync.Mutex
	away Outage
}

// Outage is that requests fail: the first and the last of them since the last answer. How
// often it is asked depends on who asks, and when: between the two, and after the last, nobody
// may have asked.
type Outage struct {
	Since, Last time.Time
	Err         error // the last failure; nil: it answers, or hasn't been asked
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
		r.away = Outage{}
		return
	}
	if r.away.Err == nil {
		r.away.Since = now
	}
	r.away.Last, r.away.Err = now, err
}

// Away returns the outage there is.
func (r *Reach) Away() Outage {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.away
}
