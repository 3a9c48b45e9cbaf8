package leaderlock

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/netsy-io/netsy/pkg/logevent"
	"github.com/netsy-io/netsy/pkg/objectstore"
)

// retryAfter is the pause after a renewal that failed: short, since a holder that
// can't renew has only the rest of the timeout.
const retryAfter = 500 * time.Millisecond

// renewal keeps the lock for one reign. Its loop is the only user of held and
// pending until it has ended.
type renewal struct {
	l       *Lock
	held    seen                 // the version last known to be ours
	pending map[string]time.Time // writes on top of held whose fate is unknown, by write id, with when they were sent
	cancel  context.CancelCauseFunc
	expiry  *time.Timer
	over    bool // guarded by Lock.mu: the reign has ended, nothing revives it
}

// renewed records that held was written, sent when its request was, and lets the reign last
// until then plus the limit.
func (r *renewal) renewed(sent time.Time) {
	r.pending = map[string]time.Time{}
	r.l.mu.Lock()
	if !r.over {
		r.l.lastSent, r.l.renewal = sent, r.held.WriteID
	}
	r.l.mu.Unlock()
	left := limitOf(r.l.o.Timeout) - elapsed(sent, time.Now())
	if r.expiry == nil {
		r.expiry = time.AfterFunc(left, func() {
			r.end(fmt.Errorf("%w: %s could not be renewed within %v", ErrLost, r.l.o.Key, r.l.o.Timeout))
		})
		return
	}
	// Reset fails to matter if the timer has fired: the ctx has ended for good.
	r.expiry.Reset(left)
}

// end ends the right to act, whatever the clock says, and then the leader's ctx.
func (r *renewal) end(cause error) {
	r.l.mu.Lock()
	r.over, r.l.lastSent, r.l.renewal = true, time.Time{}, ""
	r.l.mu.Unlock()
	r.cancel(cause)
}

func (r *renewal) stop() { r.expiry.Stop() }

func (r *renewal) loop(ctx context.Context) {
	wait := r.l.o.RenewEvery
	for sleep(ctx, wait) == nil {
		err := r.renew(ctx)
		switch {
		case err == nil:
			wait = r.l.o.RenewEvery
		case errors.Is(err, ErrLost) || hopeless(err):
			r.end(fmt.Errorf("%w: %w", ErrLost, err))
			return
		default:
			wait = retryAfter
			r.l.o.Logger.Warn("renewing the leader lock failed, trying again", "event", logevent.LeaderLockRenewalFailed, "key", r.l.o.Key, "error", err)
		}
	}
}

// renew tries once. ErrLost: the lock is someone else's. Any other error: not
// known to be renewed.
func (r *renewal) renew(ctx context.Context) error {
	next, sent, err := r.l.swap(ctx, r.held, r.l.o.LeaderID)
	if err == nil {
		r.held = next
		r.renewed(sent)
		return nil
	}
	if errors.Is(err, objectstore.ErrUnavailable) || hopeless(err) {
		return err
	}
	r.pending[next.WriteID] = sent
	return r.resolve(ctx, err)
}

// resolve looks at what became of the pending writes.
func (r *renewal) resolve(ctx context.Context, cause error) error {
	now, err := r.l.look(ctx)
	if err != nil {
		return fmt.Errorf("%w; reading it back: %w", cause, err)
	}
	switch judge(now, r.held, r.pending) {
	case ours:
		r.held = now
		r.renewed(r.pending[now.WriteID])
		return nil
	case unchanged:
		return cause
	default:
		return fmt.Errorf("%w: %s is held by %q", ErrLost, r.l.o.Key, now.LeaderID)
	}
}

type verdict int

const (
	lost      verdict = iota
	ours              // one of the pending writes is there
	unchanged         // what was held before is still there
)

// judge tells by write id what the lock as it is now means for a holder. All
// pending writes are conditional on the same version, so at most one of them ever lands.
func judge(now, held seen, pending map[string]time.Time) verdict {
	if now.version == "" {
		return lost
	}
	if _, ok := pending[now.WriteID]; ok {
		return ours
	}
	if now.version == held.version {
		return unchanged
	}
	return lost
}

// release gives the lock up so that a successor needn't wait for the timeout. It
// may fail: the lock then goes stale by itself.
func (l *Lock) release(ctx context.Context, r *renewal) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.o.requestTimeout())
	defer cancel()
	from := r.held
	if len(r.pending) > 0 {
		now, err := l.look(ctx)
		if err == nil && judge(now, from, r.pending) == ours {
			from = now
		}
	}
	if _, _, err := l.swap(ctx, from, ""); err != nil {
		l.o.Logger.Info("leader lock not released, it will go stale", "event", logevent.LeaderLockNotReleased, "key", l.o.Key, "reason", err)
		return
	}
	l.note(Holder{})
	l.o.Logger.Info("leadership released", "event", logevent.LeaderLockReleased, "key", l.o.Key)
}
