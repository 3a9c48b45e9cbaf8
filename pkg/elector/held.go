package elector

import (
	"context"
	"errors"
	"time"

	"github.com/netsy-io/netsy/pkg/origin"
)

// Held says what this elector can't do anything about until somebody does: the cluster can't
// begin with what is in the bucket (*origin.Error), a document is damaged, a permission is
// missing. nil: nothing is, or it isn't this elector's to find out.
func (e *Elector) Held() error {
	if p := e.held.Load(); p != nil {
		return *p
	}
	return nil
}

// hold notes what that is; nil: nothing.
func (e *Elector) hold(err error) {
	if err == nil {
		e.held.Store(nil)
		e.opt.Metrics.refused.Set(0)
		return
	}
	e.held.Store(&err)
	if errors.As(err, new(*origin.Error)) {
		e.opt.Metrics.refused.Set(1)
	}
}

// refusedPause is between two looks at a bucket that somebody has to change: a person
// doesn't notice it, and with six requests a look it costs 72 a minute, none of them large.
const refusedPause = 5 * time.Second

// heldFor is how long what held this elector up still shows while it tries again: if
// nothing is wrong any more, it waits for office without another word.
const heldFor = 2 * refusedPause

// compete is one attempt to take office, and the term in it.
func (e *Elector) compete(ctx context.Context) error {
	if e.Held() != nil {
		forget := time.AfterFunc(heldFor, func() { e.hold(nil) })
		defer forget.Stop()
	}
	return e.lock.Run(ctx, e.lead)
}

// established: this elector was in office, or knew one who was, so its settings are right.
func (e *Elector) established() bool {
	id := e.lock.Holder().LeaderID
	return e.served.Load() || id != "" && id != e.opt.LeaderID
}
