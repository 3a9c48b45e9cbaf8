package objectlog

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

const (
	// firstPause and longestPause bound the wait before an operation is tried again:
	// long enough for a throttled bucket, short against an election.
	firstPause   = 50 * time.Millisecond
	longestPause = 2 * time.Second
	// readAttempts bounds how often a read is tried, and readPatience for how long where
	// answers don't come. Then whoever asked decides, and may ask again.
	readAttempts = 10
	readPatience = 10 * time.Second
)

// pause waits before attempt n+1 (n counts from 1), with full jitter so that nodes
// that failed together don't come back together. It returns the context's error if
// that ends first.
func pause(ctx context.Context, n int) error {
	d := min(longestPause, firstPause<<min(n-1, 10))
	t := time.NewTimer(d/2 + rand.N(d/2+1))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// retry does a read until it succeeds, fails for good, has been tried attempts times or
// for longer than readPatience (attempts 0: no bound), or ctx ends.
func (l *Log) retry(ctx context.Context, op string, attempts int, fn func() error) error {
	began := time.Now()
	for n := 1; ; n++ {
		err := fn()
		if err == nil || !objectstore.Retryable(err) || n == attempts || attempts > 0 && time.Since(began) > readPatience || ctx.Err() != nil {
			return err
		}
		l.metrics.retries.WithLabelValues(op).Inc()
		l.logger.Warn("object storage is unavailable, trying again", "event", "objectlog_retry", "op", op, "attempt", n, "error", err)
		if cause := pause(ctx, n); cause != nil {
			return errors.Join(cause, err)
		}
	}
}
