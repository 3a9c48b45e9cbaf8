package leaderlock

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/netsy-io/netsy/pkg/logevent"
	"github.com/netsy-io/netsy/pkg/objectstore"
)

// acquire waits until this process has the lock. sent is when the write that took
// it was sent.
func (l *Lock) acquire(ctx context.Context) (s seen, sent time.Time, err error) {
	var w watch
	for {
		now, err := l.look(ctx)
		switch {
		case ctx.Err() != nil:
			return seen{}, time.Time{}, context.Cause(ctx)
		case hopeless(err):
			return seen{}, time.Time{}, err
		case err != nil:
			l.o.Logger.Warn("can't read the leader lock, trying again", "event", logevent.LeaderLockUnreadable, "key", l.o.Key, "error", err)
		default:
			w.see(now, time.Now())
			if l.free(now, w.since) {
				s, sent, err := l.take(ctx, now)
				if err == nil || ctx.Err() != nil || hopeless(err) {
					return s, sent, err
				}
				l.o.Logger.Info("did not get the leader lock", "event", logevent.LeaderLockMissed, "key", l.o.Key, "reason", err)
			}
		}
		if err := l.await(ctx, &w); err != nil {
			return seen{}, time.Time{}, err
		}
	}
}

// await returns when it is time for the next look. As long as the holder, asked now
// and then, says that it leads, there is little to look for. When it stops saying so
// the lock is looked at, at once and then less and less often, and in any case when it goes stale.
func (l *Lock) await(ctx context.Context, w *watch) error {
	h := l.Holder()
	if l.o.Ask == nil || h.LeaderID == "" || h.Address == "" {
		w.silent = 0
		return sleep(ctx, l.pollAfter(w.since))
	}
	if w.silent > 0 {
		soon := askEvery / 8 << min(w.silent, 8)
		if err := sleep(ctx, min(soon, l.pollAfter(w.since))); err != nil {
			return err
		}
		w.silent++
		if l.ask(ctx, h, w) == nil {
			w.silent = 0
		}
		return nil
	}
	for begun := time.Now(); time.Since(begun) < pollEvery; {
		if err := sleep(ctx, askEvery-rand.N(askEvery/10)); err != nil {
			return err
		}
		if err := l.ask(ctx, h, w); err != nil {
			l.o.Logger.Debug("the leader doesn't say that it leads", "key", l.o.Key, "leader_id", h.LeaderID, "reason", err)
			w.silent = 1
			return nil
		}
	}
	return nil
}

// ask asks the holder. While it is silent, an answer isn't waited for beyond the moment in which the lock goes stale.
func (l *Lock) ask(ctx context.Context, h Holder, w *watch) error {
	patience := time.Duration(askTimeout)
	if w.silent > 0 {
		patience = min(patience, l.untilStale(w.since))
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	renewal, err := l.o.Ask(ctx, h)
	if err == nil {
		w.hear(renewal, time.Now())
	}
	return err
}

// untilStale is how long the lock, seen since then, may still be renewed; the whole timeout if it was never seen.
func (l *Lock) untilStale(since time.Time) time.Duration {
	if since.IsZero() {
		return l.o.Timeout
	}
	return l.o.Timeout - time.Since(since)
}

// free says whether this process may try to take the lock as it is.
func (l *Lock) free(now seen, firstSeen time.Time) bool {
	absent, released := now.version == "", now.LeaderID == ""
	formerSelf := now.Session == l.session || l.o.Sole && now.LeaderID == l.o.LeaderID
	return absent || released || formerSelf || stale(time.Now(), firstSeen, l.o.Timeout)
}

// pollAfter is the time to the next look: the renewal interval with jitter, so
// that those who wait don't all ask at once, but not later than the lock as
// last seen goes stale.
func (l *Lock) pollAfter(firstSeen time.Time) time.Duration {
	d := l.o.RenewEvery - rand.N(l.o.RenewEvery/10+1)
	if left := l.untilStale(firstSeen); left > 0 {
		d = min(d, left)
	}
	return d
}

// hopeless reports errors that trying again can't mend.
func hopeless(err error) bool {
	var damaged *DamagedError
	return errors.As(err, &damaged) || errors.Is(err, objectstore.ErrPermanent)
}

// look reads the lock. A missing lock is a seen without version.
func (l *Lock) look(ctx context.Context) (seen, error) {
	ctx, cancel := context.WithTimeout(ctx, l.o.requestTimeout())
	defer cancel()
	b, info, err := objectstore.ReadAll(ctx, l.o.Store, l.o.Key, maxSize)
	if errors.Is(err, objectstore.ErrNotFound) {
		l.note(Holder{})
		return seen{}, nil
	}
	if err != nil {
		return seen{}, fmt.Errorf("leaderlock: reading %s: %w", l.o.Key, err)
	}
	s, err := parse(b, info.Version, l.o.Key, l.o.ClusterID)
	if err != nil {
		return seen{}, err
	}
	l.note(Holder{LeaderID: s.LeaderID, Address: s.Address})
	return s, nil
}

// take tries once to get the lock away from what was seen.
func (l *Lock) take(ctx context.Context, from seen) (seen, time.Time, error) {
	s, sent, err := l.swap(ctx, from, l.o.LeaderID)
	if err == nil || errors.Is(err, objectstore.ErrUnavailable) || hopeless(err) {
		return s, sent, err
	}
	// Refused, or no reply: a client library that retried may have won all the
	// same. If the write lands after this look, the next round finds it by its session.
	now, rerr := l.look(ctx)
	if rerr != nil {
		return seen{}, time.Time{}, fmt.Errorf("%w; reading it back: %w", err, rerr)
	}
	if now.version != "" && now.WriteID == s.WriteID {
		return now, sent, nil
	}
	return seen{}, time.Time{}, err
}

// swap writes the version after from in leader's name. On errors the write it
// tried is returned too, without version.
func (l *Lock) swap(ctx context.Context, from seen, leader string) (seen, time.Time, error) {
	next := seen{body: body{
		ClusterID: l.o.ClusterID, LeaderID: leader, Address: l.o.Address,
		UpdatedAt: time.Now().UTC().Round(0), Session: l.session, Seq: from.Seq + 1, WriteID: newWriteID(),
	}}
	cond := objectstore.IfAbsent()
	if from.version != "" {
		cond = objectstore.IfMatch(from.version)
	}
	ctx, cancel := context.WithTimeout(ctx, l.o.requestTimeout())
	defer cancel()
	sent := time.Now()
	v, err := l.o.Store.Put(ctx, l.o.Key, next.encode(), cond)
	if err != nil {
		return next, sent, fmt.Errorf("leaderlock: writing %s: %w", l.o.Key, err)
	}
	next.version = v
	if leader == l.o.LeaderID {
		l.note(Holder{LeaderID: leader, Address: l.o.Address})
	}
	return next, sent, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
