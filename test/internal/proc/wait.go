//go:build linux

package proc

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// EventTimeout bounds every wait for something that must happen: several times
// what it can take (the elector's lock goes stale after 10 s) on a busy machine.
const EventTimeout = 60 * time.Second

// PollEvery is the pace of polling where there is nothing to be woken by.
const PollEvery = 20 * time.Millisecond

// Until polls cond until it returns nil. what says what is waited for.
func Until(t testing.TB, ctx context.Context, what string, cond func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, EventTimeout)
	defer cancel()
	if err := Poll(ctx, cond); err != nil {
		t.Fatalf("waiting until %s: %v", what, err)
	}
}

// Poll is Until without its bound, and with the failure as an error.
func Poll(ctx context.Context, cond func(context.Context) error) error {
	tick := time.NewTicker(PollEvery)
	defer tick.Stop()
	for {
		err := cond(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; last: %w", ctx.Err(), err)
		case <-tick.C:
		}
	}
}

// Rest pauses for d, or until ctx ends.
func Rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
