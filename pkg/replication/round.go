package replication

import (
	"context"
	"fmt"

	"github.com/netsy-io/netsy/pkg/registry"
)

// Round asks every follower, in a new round, whether it still follows this reign, and
// returns nil once enough says so of those that have answered it, or a later one. An
// answer was made after its round had begun, by a replica that had then promised no
// later epoch. enough is called without locks, at first with nobody. Errors are ctx's
// and the feed's cause of ending.
func (f *Feed) Round(ctx context.Context, enough func(answered []registry.NodeRef) bool) error {
	news := make(chan struct{}, 1)
	n := f.beginRound(news)
	defer f.endRound(news)
	f.cfg.Metrics.rounds.Inc()
	for {
		if f.ctx.Err() != nil {
			return fmt.Errorf("replication: round %d: %w", n, context.Cause(f.ctx))
		}
		if enough(f.answered(n)) {
			return nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return fmt.Errorf("replication: round %d: too few followers answered: %w", n, ctx.Err())
		case <-f.ctx.Done():
		}
	}
}

func (f *Feed) beginRound(news chan struct{}) uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.round++
	f.waiters[news] = struct{}{}
	f.wakeLocked()
	return f.round
}

// tellWaitersLocked: there is an answer, or one less to wait for.
func (f *Feed) tellWaitersLocked() {
	for news := range f.waiters {
		notify(news)
	}
}

func (f *Feed) endRound(news chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.waiters, news)
}

// answered lists the copies that have answered round n or a later one.
func (f *Feed) answered(n uint64) (refs []registry.NodeRef) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.copies {
		if c.round >= n {
			refs = append(refs, c.ref)
		}
	}
	return refs
}
