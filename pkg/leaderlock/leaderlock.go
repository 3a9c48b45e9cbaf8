// Package leaderlock chooses one of several processes as leader through one
// object in object storage (tier one of Netsy's elections, and the compactor's).
//
// The holder renews the object by compare-and-swap. Others judge it by their own
// monotonic clock, since its version last changed: no two wall clocks are ever
// compared. The holder stops acting the moment it can't have renewed in time,
// which is before anyone else may take over. The only assumption is that clocks run
// at about the same rate. What must stay right without that assumption (who may
// write) doesn't rest on this lock.
package leaderlock

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/netsy-io/netsy/pkg/logevent"
	"github.com/netsy-io/netsy/pkg/objectstore"
)

// Defaults of Options. A holder makes 24 requests a minute. When it dies another
// takes over 6 s after it noticed. A renewal may fail, or hang, once: the next one
// still comes in time.
const (
	DefaultRenewEvery = 2500 * time.Millisecond
	DefaultTimeout    = 6 * time.Second
)

// Where the holder can be asked, others look at the lock itself every pollEvery, 3
// requests a minute, in case it answers and yet doesn't hold it.
const (
	askEvery   = time.Second
	askTimeout = 500 * time.Millisecond
	pollEvery  = 20 * time.Second
)

// Options says whose lock it is. Store, Key, ClusterID and LeaderID are required.
type Options struct {
	Store     objectstore.Store
	Key       string // such as leader/elector.json
	ClusterID string
	LeaderID  string // names this process among those that compete
	Address   string // where the leader can be asked

	// Sole: no other live process can have this LeaderID (it contains the
	// incarnation of a data directory that this process has locked). A lock left
	// behind under it is then that of an earlier, dead life and is taken at once.
	Sole bool

	// Ask asks a holder whether it leads; no error if it says so. renewal is its Renewal,
	// or "" if it doesn't tell. It saves those who wait the looking, and is no more than a hint: only the
	// lock's own versions decide. Ask itself nil: no holder is asked.
	Ask func(context.Context, Holder) (renewal string, err error)

	RenewEvery time.Duration // also how often others look if no holder can be asked
	Timeout    time.Duration // without renewal, until others take over

	Logger hclog.Logger // nil: none
}

func (o *Options) complete() error {
	if o.RenewEvery == 0 {
		o.RenewEvery = DefaultRenewEvery
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	switch {
	case o.Store == nil || o.Key == "" || o.ClusterID == "" || o.LeaderID == "":
		return errors.New("leaderlock: Store, Key, ClusterID and LeaderID are required")
	case o.RenewEvery <= 0 || o.Timeout < 2*o.RenewEvery:
		return fmt.Errorf("leaderlock: timeout %v must be at least twice the renewal interval %v, so that one lost renewal costs nothing", o.Timeout, o.RenewEvery)
	}
	return nil
}

var (
	// ErrLost ends a leader's ctx: the lock can't be assumed held any more.
	ErrLost = errors.New("leaderlock: the lock is lost")
	// errReturned ends a leader's ctx after it returned.
	errReturned = errors.New("leaderlock: lead returned")
)

// Lock competes for one lock object. MayAct and Holder are safe for concurrent
// use; Run is called once at a time.
type Lock struct {
	o Options

	// session names this Lock's own writes. One found while competing is left over
	// from a reign of ours that has ended, or landed late: nobody acts under it.
	session string

	mu       sync.Mutex
	lastSent time.Time // of the renewal last known to have succeeded; zero: not held
	renewal  string    // its write id
	holder   Holder
}

// New makes a Lock; Run competes for it.
func New(o Options) (*Lock, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	return &Lock{o: o, session: newWriteID()}, nil
}

// MayAct reports whether this process may act as leader now. It asks the clock
// itself: the ctx given to lead ends a little later than the right to act if the
// process was paused.
func (l *Lock) MayAct() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return mayAct(time.Now(), l.lastSent, limitOf(l.o.Timeout))
}

// Renewal names the version of the lock that this process wrote last, as far as known; "" while
// it doesn't hold the lock. No two versions have one name, and it is not told before it is written.
func (l *Lock) Renewal() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.renewal
}

// Holder returns who held the lock when it was last looked at; zero if nobody did
// or it was never looked at.
func (l *Lock) Holder() Holder {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.holder
}

func (l *Lock) note(h Holder) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.holder = h
}

// Run competes for the lock until ctx ends. Each time it has it, it calls lead
// with a ctx that ends when the lock can no longer be assumed held (its cause is
// then ErrLost), and waits for lead to return, however long that takes. If the lock
// was lost it competes again. If lead returns while the lock is held, Run releases
// it, so that a successor needn't wait, and returns lead's error. Errors that time
// can't mend (no permission, a damaged lock) are returned.
func (l *Lock) Run(ctx context.Context, lead func(context.Context) error) error {
	for {
		s, sent, err := l.acquire(ctx)
		if err != nil {
			return err
		}
		lost, err := l.reign(ctx, s, sent, lead)
		if !lost {
			return err
		}
		l.o.Logger.Warn("leadership lost", "event", logevent.LeaderLockLost, "key", l.o.Key, "reason", err)
	}
}

// reign leads while the lock is renewed. lost says that the lock is gone, and err
// then why; else err is lead's.
func (l *Lock) reign(ctx context.Context, s seen, sent time.Time, lead func(context.Context) error) (lost bool, err error) {
	l.o.Logger.Info("leadership taken", "event", logevent.LeaderLockTaken, "key", l.o.Key, "leader_id", l.o.LeaderID)
	leadCtx, cancel := context.WithCancelCause(ctx)
	r := &renewal{l: l, held: s, cancel: cancel}
	r.renewed(sent)
	defer r.stop()
	renewCtx, stopRenewing := context.WithCancel(leadCtx)
	var wg sync.WaitGroup
	wg.Go(func() { r.loop(renewCtx) })

	err = lead(leadCtx)
	cause := context.Cause(leadCtx)
	stopRenewing()
	wg.Wait()
	r.end(errReturned) // nobody acts any more, so nobody may
	if errors.Is(cause, ErrLost) {
		return true, cause
	}
	l.release(ctx, r)
	return false, err
}
