package objectlog

import (
	"context"

	"github.com/netsy-io/netsy/pkg/logevent"
	"github.com/netsy-io/netsy/pkg/objectstore/retry"
)

// readAttempts bounds how often a read is tried.
const readAttempts = retry.Attempts

func pause(ctx context.Context, n int) error { return retry.Pause(ctx, n) }

// retry does a read until it succeeds, fails for good, was tried for long enough
// (attempts 0: no bound), or ctx ends.
func (l *Log) retry(ctx context.Context, op string, attempts int, fn func() error) error {
	return retry.Do(ctx, attempts, func(attempt int, err error) {
		l.metrics.retries.WithLabelValues(op).Inc()
		l.logger.Warn("object storage is unavailable, trying again", "event", logevent.ObjectLogRetry, "op", op, "attempt", attempt, "error", err)
	}, fn)
}
