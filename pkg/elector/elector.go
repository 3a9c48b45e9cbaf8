// Package elector picks the Primary (tier two of Netsy's elections). Electors
// compete for a lock (package leaderlock); the one that has it takes office with a
// compare-and-swap on cluster.json, then watches the nodes and begins a new reign
// whenever there is no Primary. DESIGN.md tells why it is safe.
package elector

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"github.com/netsy-io/netsy/pkg/leaderlock"
	"github.com/netsy-io/netsy/pkg/logevent"
	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/origin"
	"github.com/netsy-io/netsy/pkg/registry"
	"github.com/netsy-io/netsy/pkg/snapshot"
)

// errSuperseded: another elector took office.
var errSuperseded = errors.New("elector: another elector took office")

// Elector competes for office and, in office, elects. All it knows is in object
// storage or asked of the nodes again: it can be killed at any point.
type Elector struct {
	opt    Options
	reg    *registry.Registry
	lock   *leaderlock.Lock
	origin *origin.Settler        // of whoever leads
	asker  *asker                 // used by the lock alone; nil: no elector is asked
	office atomic.Pointer[office] // nil: not in office
	held   atomic.Pointer[error]  // see Held; nil: nothing
	served atomic.Bool            // was in office
}

// New makes an Elector; Run does the work.
func New(opt Options) (*Elector, error) {
	if err := opt.complete(); err != nil {
		return nil, err
	}
	e := &Elector{opt: opt, reg: registry.New(opt.Store, opt.ClusterID)}
	ask := opt.ask
	if opt.ElectorCredentials != nil {
		e.asker = &asker{creds: opt.ElectorCredentials}
		ask = e.asker.ask
	}
	lock, err := leaderlock.New(leaderlock.Options{
		Store: opt.Store, Key: LockKey, ClusterID: opt.ClusterID,
		LeaderID: opt.LeaderID, Address: opt.AdvertiseAddr, Sole: opt.SoleLeaderID,
		Ask: ask, RenewEvery: opt.LockRenewEvery, Timeout: opt.LockTimeout, Logger: opt.Logger,
	})
	if err != nil {
		return nil, fmt.Errorf("elector: %w", err)
	}
	e.lock = lock
	e.origin = origin.New(origin.Options{
		Store: opt.Store, Registry: e.reg, Quorum: opt.Quorum, Logger: opt.Logger,
		Snapshots: snapshot.New(opt.Store, snapshot.Options{Logger: opt.Logger}),
	})
	return e, nil
}

// Register adds the Election service to a gRPC server.
func (e *Elector) Register(s grpc.ServiceRegistrar) {
	peerpb.RegisterElectionServer(s, &electionService{e: e})
}

// InOffice reports whether this elector is the one in office.
func (e *Elector) InOffice() bool { return e.office.Load() != nil && e.lock.MayAct() }

// Run competes for office and elects until ctx ends, and then returns nil, with the
// lock released and everything stopped. It returns an error only at its start, and only for
// what time can't mend: a damaged document, another cluster's bucket, missing permissions.
// Later the same makes it wait until somebody has seen to it: a node that it shares its
// process with may be at work.
func (e *Elector) Run(ctx context.Context) (err error) {
	if e.asker != nil {
		defer func() { err = errors.Join(err, e.asker.close()) }()
	}
	for trouble := ""; ; {
		wait := e.opt.RetryEvery
		err := e.compete(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errSuperseded):
			e.opt.Logger.Warn("left office", "event", logevent.ElectorLeftOffice, "reason", err)
		case !e.established():
			return fmt.Errorf("elector: %w", err)
		default:
			e.hold(err)
			wait = refusedPause
			if s := err.Error(); s != trouble {
				trouble = s
				e.opt.Logger.Error("elector is held up, looking again until somebody has seen to it", "event", logevent.ElectorHeldUp, "error", err)
			}
		}
		if pause(ctx, wait) != nil {
			return nil
		}
	}
}

// lead is one term in office, begun while the lock is held.
func (e *Elector) lead(ctx context.Context) error {
	c, err := e.takeOffice(ctx)
	if err != nil {
		return err
	}
	o := newOffice(e, c, time.Now())
	e.served.Store(true)
	e.office.Store(o)
	e.opt.Metrics.enter(c.Epoch)
	e.opt.Logger.Info("took office", "event", logevent.ElectorTookOffice, "office", c.Office, "epoch", c.Epoch, "primary", c.Primary)
	defer func() {
		e.office.Store(nil)
		e.opt.Metrics.leave()
		e.opt.Logger.Info("office ended", "event", logevent.ElectorOfficeEnded, "office", c.Office)
	}()
	return o.run(ctx)
}

// takeOffice settles what history the cluster begins with, unless an earlier elector has, and
// then writes to cluster.json: after that nothing that an earlier elector still has under way
// can land there. The write also says how long leases may last from here on, before this one
// grants any. An unknown outcome is settled by doing it again.
func (e *Elector) takeOffice(ctx context.Context) (registry.Cluster, error) {
	defer e.hold(nil)
	for conflicts, trouble := 0, ""; ; {
		c, err := e.origin.Settle(ctx)
		if err == nil {
			err = e.reportLate(ctx, &c)
		}
		if err == nil {
			c, err = e.reg.SwapCluster(ctx, c, func(c *registry.Cluster) error {
				c.Office++
				c.LeaseTimeout = leaseTimeout(c.LeaseTimeout, e.opt.PrimaryPriorTimeout, false)
				return nil
			})
		}
		retry := e.opt.RetryEvery
		refused := errors.As(err, new(*origin.Error))
		switch {
		case err == nil:
			return c, nil
		case ctx.Err() != nil:
			return registry.Cluster{}, context.Cause(ctx)
		case refused:
			e.hold(err)
			retry = refusedPause
			if s := err.Error(); s != trouble {
				trouble = s
				e.opt.Logger.Error("the cluster can't begin, looking again until it can", "event", logevent.ElectorOriginRefused, "error", err)
			}
		case !transient(err):
			return registry.Cluster{}, err
		case errors.Is(err, registry.ErrConflict) && conflicts < maxConflicts:
			conflicts++
			continue
		default:
			e.opt.Logger.Warn("taking office failed, trying again", "event", logevent.ElectorOfficeFailed, "error", err)
		}
		if err := pause(ctx, retry); err != nil {
			return registry.Cluster{}, err
		}
	}
}

// reportLate reports a bootstrap.netsy that is not used, once.
func (e *Elector) reportLate(ctx context.Context, c *registry.Cluster) error {
	err := e.origin.Late(ctx, c)
	if errors.Is(err, origin.ErrBootstrapLate) {
		e.opt.Logger.Error("the cluster goes on without it", "event", logevent.ElectorBootstrapLate, "error", err)
		return nil
	}
	return err
}

// transient: reading again and starting over can help.
func transient(err error) bool {
	return !registry.Permanent(err) &&
		(errors.Is(err, objectstore.ErrUnavailable) || errors.Is(err, registry.ErrConflict) || errors.Is(err, registry.ErrNotFound) ||
			errors.Is(err, registry.ErrUnknownOutcome) || errors.Is(err, registry.ErrBusy) || errors.Is(err, context.DeadlineExceeded) || errors.As(err, new(transientError)))
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
