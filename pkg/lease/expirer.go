package lease

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"golang.org/x/sync/errgroup"

	"github.com/netsy-io/netsy/pkg/logevent"
	"github.com/netsy-io/netsy/pkg/record"
)

// ErrTooManyLeases means that too many leases wait for their first key.
var ErrTooManyLeases = errors.New("lease: too many leases without keys; wait until some have run out")

const (
	// maxIdle bounds the leases that were granted and have no key: about 20 MB, a
	// hundred thousand times what Kubernetes has.
	maxIdle = 100_000

	// maxInFlight bounds the deletions that are proposed at once: enough to fill
	// one group commit, few enough to leave the queue to clients.
	maxInFlight = 64

	// sweepSize bounds the keys that one pass takes on, and so how long it holds
	// the lock.
	sweepSize = 1024

	// retryDelay is the time between attempts on a key whose deletion failed or was
	// not seen.
	retryDelay = time.Second
)

// ExpireFunc deletes key if it still holds lease, as an ordinary committed write.
// nil means that the key doesn't hold the lease any more, and that the events of
// that were or will be observed.
type ExpireFunc func(ctx context.Context, key []byte, lease int64) error

// Expirer grants the leases of one reign and deletes the keys of those that have
// run out. It exists only while its node is the active Primary. All methods may be
// called concurrently; none but Run waits for anything.
type Expirer struct {
	start   time.Time // of the reign, with a monotonic reading
	expire  ExpireFunc
	logger  hclog.Logger
	metrics *Metrics
	wake    chan struct{} // something may be due earlier than Run expects

	mu         sync.Mutex
	table      *table
	lastID     int64               // the second and sequence of the last id made here
	unreadable map[string]struct{} // keys with a lease id that can't be ours
}

// Option changes how an Expirer reports.
type Option func(*Expirer)

// WithLogger makes the Expirer log what it has to repeat.
func WithLogger(l hclog.Logger) Option { return func(e *Expirer) { e.logger = l } }

// WithMetrics makes the Expirer count in m.
func WithMetrics(m *Metrics) Option { return func(e *Expirer) { e.metrics = m } }

// NewExpirer makes the Expirer of a reign that started at reignStart: a value of
// time.Now in this process, not before anything that an earlier Primary granted.
// Later is safe. Attach the keys there are, then Run it.
func NewExpirer(reignStart time.Time, expire ExpireFunc, opts ...Option) *Expirer {
	e := &Expirer{
		start: reignStart, expire: expire,
		logger: hclog.NewNullLogger(), metrics: NewMetrics(nil),
		wake: make(chan struct{}, 1), table: newTable(), unreadable: map[string]struct{}{},
	}
	for _, o := range opts {
		o(e)
	}
	return e
}

// now is the time since the start of the reign.
func (e *Expirer) now() time.Duration { return time.Since(e.start) }

// Grant makes a lease of ttl seconds, at least MinTTL, and returns its id and TTL.
func (e *Expirer) Grant(ttl int64) (id, granted int64, err error) {
	if ttl > MaxTTL {
		return 0, 0, fmt.Errorf("%w: %d s, at most %d s are possible", ErrLeaseTTLTooLarge, ttl, MaxTTL)
	}
	ttl = max(ttl, MinTTL)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.table.idle >= maxIdle {
		return 0, 0, ErrTooManyLeases
	}
	l := e.nextID(ttl)
	e.table.grant(l, e.now())
	e.metrics.granted.Inc()
	e.changed()
	return int64(l), ttl, nil
}

// nextID makes an id that this reign neither made nor has seen. More than 256 in a
// second borrow from the next.
func (e *Expirer) nextID(ttl int64) ID {
	next := max(secondAt(time.Now())<<sequenceBits, e.lastID+1)
	for {
		id := makeID(next>>sequenceBits, ttl, uint8(next))
		e.lastID = next
		if next++; next>>sequenceBits > maxSecond {
			next = 1 << sequenceBits
		}
		if e.table.leases[id] == nil {
			return id
		}
	}
}

// Valid returns nil if a key may be given lease id now, else ErrLeaseNotFound.
func (e *Expirer) Valid(id int64) error {
	l, err := Parse(id)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if now := e.now(); over(e.table.end(l), now) {
		return fmt.Errorf("%w: %s ran out %s ago", ErrLeaseNotFound, l, now-e.table.end(l))
	}
	return nil
}

// Attach takes on a key as it is at the start of the reign.
func (e *Expirer) Attach(key []byte, lease int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.holds(key, lease)
	e.changed()
}

// Observe takes note of committed changes, which come in order.
func (e *Expirer) Observe(events []*mvccpb.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, ev := range events {
		lease := ev.Kv.Lease
		if ev.Type == mvccpb.DELETE {
			lease = 0
		}
		e.holds(ev.Kv.Key, lease)
	}
	e.changed()
}

// holds notes which lease key holds, 0 for none. A key whose lease id is not one of
// ours (it was imported) is only counted: nobody knows when it should end.
func (e *Expirer) holds(key []byte, lease int64) {
	if record.IsReserved(key) {
		return
	}
	k := string(key)
	delete(e.unreadable, k)
	id, err := Parse(lease)
	if err == nil {
		e.table.attach(k, id, e.now())
		return
	}
	e.table.detach(k, e.now())
	if lease != 0 {
		e.unreadable[k] = struct{}{}
	}
}

// changed publishes the counts and lets Run look again.
func (e *Expirer) changed() {
	e.metrics.leases.Set(float64(len(e.table.leases)))
	e.metrics.keys.Set(float64(len(e.table.keys)))
	e.metrics.unreadable.Set(float64(len(e.unreadable)))
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// Run deletes the keys of leases as these run out, until ctx ends. It is called
// once, after the keys there are were attached.
func (e *Expirer) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		failed := e.sweep(ctx)
		wait, wake := e.untilNext(failed)
		timer.Reset(wait)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-wake:
		}
	}
}

// untilNext returns how long Run may rest, and what may end the rest early. After
// a failure nothing may: the next attempt would fail as well.
func (e *Expirer) untilNext(failed bool) (time.Duration, <-chan struct{}) {
	if failed {
		return retryDelay, nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	at, ok := e.table.next()
	if !ok {
		return time.Duration(1<<63 - 1), e.wake
	}
	return at - e.now(), e.wake
}

// sweep deletes what is due, as much as one pass takes on. failed says that some
// of it is still there because of an error.
func (e *Expirer) sweep(ctx context.Context) (failed bool) {
	e.mu.Lock()
	due := e.table.expired(e.now(), retryDelay, sweepSize)
	e.metrics.leases.Set(float64(len(e.table.leases)))
	e.mu.Unlock()

	var g errgroup.Group
	g.SetLimit(maxInFlight)
	var failures atomic.Int64
	for _, h := range due {
		g.Go(func() error {
			if err := e.expireOne(ctx, h); err != nil {
				failures.Add(1)
				return err
			}
			return nil
		})
	}
	err := g.Wait()
	if err != nil && ctx.Err() == nil {
		e.logger.Warn("expired keys could not be deleted, will try again", "event", logevent.LeaseExpiryFailed, "keys", failures.Load(), "in", retryDelay, "error", err)
	}
	return err != nil
}

func (e *Expirer) expireOne(ctx context.Context, h held) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := e.expire(ctx, []byte(h.key), int64(h.id)); err != nil {
		e.metrics.failures.Inc()
		return fmt.Errorf("lease: deleting %q of lease %s: %w", h.key, h.id, err)
	}
	e.metrics.expired.Inc()
	return nil
}
