// Package retry does operations on object storage again that had no effect: the pauses
// and the bounds that all who read from it share.
package retry

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
	// Attempts bounds how often a read is tried, and patience for how long where answers
	// don't come. Then whoever asked decides, and may ask again.
	Attempts = 10
	patience = 10 * time.Second
)

// Pause waits before attempt n+1 (n counts from 1), with full jitter so that nodes
// that failed together don't come back together. It returns the context's error if
// that ends first.
func Pause(ctx context.Context, n int) error {
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

// Do does fn until it succeeds, fails for good, has been tried attempts times or for
// longer than ten seconds (attempts 0: no bound), or ctx ends. again is told of each
// attempt that will be followed by another.
func Do(ctx context.Context, attempts int, again func(attempt int, err error), fn func() error) error {
	began := time.Now()
	for n := 1; ; n++ {
		err := fn()
		if err == nil || !objectstore.Retryable(err) || n == attempts || attempts > 0 && time.Since(began) > patience || ctx.Err() != nil {
			return err
		}
		again(n, err)
		if cause := Pause(ctx, n); cause != nil {
			return errors.Join(cause, err)
		}
	}
}
