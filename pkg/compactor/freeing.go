package compactor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/netsy-io/netsy/pkg/logevent"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
)

// inFlight bounds the requests under way at once while freeing: a backlog of a million
// chunks takes about an hour, and a bucket that serves a cluster isn't throttled by it.
const inFlight = 8

// freeing is the part of a pass that frees what snapshots supersede, a page of slots at a
// time: first what is to be done, then the doing.
type freeing struct {
	*pass
	list   []judged
	limits limits
	proven bool // the limits rest on snapshots that were read
	seen   int
	bad    int
}

// free frees what two sound snapshots supersede. First it supposes that the newest
// snapshots are sound; they are read once that would free something.
func (p *pass) free(ctx context.Context) error {
	list, err := p.list(ctx)
	if err != nil {
		return err
	}
	now, err := p.bucket.modified(ctx, LockKey)
	if err != nil {
		return fmt.Errorf("asking for the time of the store: %w", err)
	}
	f := &freeing{pass: p, list: list}
	f.limits = limits{second: secondSound(assumed(list)), now: now, retention: p.o.Retention, keep: p.o.Keep}
	if err := f.run(ctx); err != nil {
		return fmt.Errorf("freeing what snapshots supersede: %w", err)
	}
	p.complain(f.list)
	return nil
}

func (f *freeing) run(ctx context.Context) error {
	if f.limits.second == 0 {
		return nil
	}
	if err := f.bucket.slots(ctx, f.limits.second, func(page []slot) error { return f.page(ctx, page) }); err != nil {
		return err
	}
	f.metrics.damaged.Set(float64(f.bad))
	return f.steps(ctx, func() []Step { return f.limits.freeSnapshots(f.list) })
}

// page frees what is due of one page of slots.
func (f *freeing) page(ctx context.Context, page []slot) error {
	f.seen += len(page)
	if f.due() {
		f.logger.Info("working", "event", logevent.CompactorFreeing, "slots", f.seen, "deleted", f.report.Deleted, "tombstones", f.report.Tombstones)
	}
	known, bad, err := f.read(ctx, page, &f.limits)
	if err != nil {
		return err
	}
	f.bad += len(bad)
	f.problems = append(f.problems, bad...)
	return f.steps(ctx, func() []Step { return f.limits.freeChunks(page, known) })
}

// steps carries out what plan says, which is asked again once the limits are proven.
func (f *freeing) steps(ctx context.Context, plan func() []Step) error {
	steps := plan()
	if len(steps) == 0 {
		return nil
	}
	if !f.proven {
		if err := f.prove(ctx); err != nil {
			return err
		}
		steps = plan()
	}
	return f.do(ctx, steps)
}

// prove reads snapshots, from the newest down, until two are known to be sound.
func (f *freeing) prove(ctx context.Context) error {
	found := 0
	for i := range slices.Backward(f.list) {
		s := &f.list[i]
		if s.state == unknown {
			_, err := f.snapshots.Verify(ctx, s.Revision, f.progress(logevent.SnapshotVerifying))
			if err != nil && !objectlog.Damaged(err) {
				return fmt.Errorf("verifying %q: %w", objectlog.SnapshotKey(s.Revision), err)
			}
			s.state = f.learn(*s, err)
		}
		if s.state == sound {
			found++
		}
		if found == 2 {
			break
		}
	}
	f.limits.second, f.proven = secondSound(f.list), true
	return nil
}

// read reads the facts of the slots that are worth it, by their first revision. bad are
// those that can't be understood: they stay.
func (c *Compactor) read(ctx context.Context, page []slot, l *limits) (known map[record.Revision]facts, bad []error, err error) {
	var mu sync.Mutex
	known = map[record.Revision]facts{}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(inFlight)
	for _, s := range page {
		if !l.candidate(s) || c.tombs[s.first] == s.info.Version {
			continue
		}
		g.Go(func() error {
			f, err := c.bucket.facts(ctx, s)
			mu.Lock()
			defer mu.Unlock()
			damaged := (*damagedError)(nil)
			switch {
			case err == nil:
				known[s.first] = f
			case errors.As(err, &damaged):
				bad = append(bad, fmt.Errorf("a superseded chunk was left in place, since it can't be told whether a reign begins in it: %w", err))
			case !errors.Is(err, objectstore.ErrNotFound): // freed since
				return err
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, nil, err
	}
	for first, f := range known {
		if f.header.Tombstone() {
			c.tombs[first] = f.info.Version
		}
	}
	return known, bad, nil
}

// do carries out steps, several at once: they don't depend on each other.
func (f *freeing) do(ctx context.Context, steps []Step) error {
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(inFlight)
	for _, s := range steps {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return context.Cause(ctx) // the lock is lost, or another step failed
			}
			what, err := f.bucket.carryOut(ctx, s)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			f.count(s, what)
			return nil
		})
	}
	return g.Wait()
}

func (f *freeing) count(s Step, what fate) {
	f.logger.Debug("step", "event", logevent.CompactorStep, "action", s.Action, "key", s.Key, "fate", what.String())
	if what != done {
		return
	}
	switch s.Action {
	case DeleteChunk:
		f.report.Deleted++
	case Tombstone:
		f.report.Tombstones++
	case DeleteSnapshot:
		f.report.DeletedSnapshots++
	}
	f.report.FreedBytes += s.Size
	f.metrics.freed.WithLabelValues(string(s.Action)).Inc()
	f.metrics.freedBytes.Add(float64(s.Size))
}
