package compactor

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/netsy-io/netsy/pkg/leaderlock"
)

// LockKey is the lock of the compactors.
const LockKey = "leader/compactor.json"

// lockPatience is how long a pass waits for the lock: long enough to see that a dead
// holder's goes stale. One that is renewed meanwhile has a live holder.
const lockPatience = leaderlock.DefaultTimeout + 4*time.Second

var (
	errBusy = errors.New("compactor: another compactor has the lock")
	errLost = errors.New("compactor: another compactor took the lock")
)

func randomSuffix() string { return strings.ToLower(rand.Text()[:8]) }

// quiet logs what is news of an elector's lock, and of a compactor's is routine, as such.
type quiet struct{ hclog.Logger }

func (l quiet) Info(msg string, args ...any) { l.Debug(msg, args...) }

// locked makes the pass while holding the lock. Work that two do is wasted, no more:
// nothing in a pass relies on being alone.
func (c *Compactor) locked(ctx context.Context, p *pass) error {
	lock, err := leaderlock.New(leaderlock.Options{
		Store: c.o.Store, Key: LockKey, ClusterID: c.o.ClusterID, LeaderID: c.leaderID, Logger: quiet{c.logger.Named("lock")},
	})
	if err != nil {
		return err
	}
	competing, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	patience := time.AfterFunc(lockPatience, func() { cancel(errBusy) })
	defer patience.Stop()
	err = lock.Run(competing, func(ctx context.Context) error {
		if !patience.Stop() {
			return errBusy
		}
		err := p.run(ctx)
		if errors.Is(context.Cause(ctx), leaderlock.ErrLost) {
			cancel(errLost) // else Run would compete for another pass
		}
		return err
	})
	cause, holder := context.Cause(competing), lock.Holder().LeaderID
	if errors.Is(cause, errLost) { // who has it now?
		h, readErr := leaderlock.Read(ctx, c.o.Store, LockKey, c.o.ClusterID)
		if readErr != nil {
			return errors.Join(err, readErr)
		}
		holder = h.LeaderID
	}
	return p.settle(cause, holder, err)
}

// settle tells what became of the lock from why competing for it ended. That another has
// it, or had it since, is an outcome; that object storage could not be asked is an error.
func (p *pass) settle(cause error, holder string, err error) error {
	switch {
	case errors.Is(cause, errBusy) && holder != "":
		p.report.Outcome, p.report.Holder = Busy, holder
		return nil
	case errors.Is(cause, errLost) && holder != p.leaderID:
		p.report.Outcome, p.report.Holder = LockLost, holder
		return nil
	case errors.Is(cause, errBusy):
		return fmt.Errorf("compactor: no lock within %v: %s could not be read or written (the log has the reasons)", lockPatience, LockKey)
	default:
		return err
	}
}
