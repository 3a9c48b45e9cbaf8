package fault

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
)

// Match selects requests.
type Match func(r *Request) bool

// Ops selects requests of the given operations, all operations if none is given,
// on keys that begin with prefix.
func Ops(prefix string, ops ...string) Match {
	return func(r *Request) bool {
		return strings.HasPrefix(r.Key, prefix) && (len(ops) == 0 || slices.Contains(ops, r.Op))
	}
}

// Puts selects writes of keys that begin with prefix.
func Puts(prefix string) Match { return Ops(prefix, "put") }

// If applies f to the requests that m selects.
func If(m Match, f Fault) Fault {
	return func(ctx context.Context, r *Request, next Next) (Response, error) {
		if m(r) {
			return f(ctx, r, next)
		}
		return next(ctx, r)
	}
}

// Once applies f to the first request that m selects.
func Once(m Match, f Fault) Fault { return Nth(m, 1, 1, f) }

// Times applies f to the first n requests that m selects.
func Times(n int, m Match, f Fault) Fault { return Nth(m, 1, n, f) }

// Nth applies f to count requests that m selects, from the first-th (from 1) on.
func Nth(m Match, first, count int, f Fault) Fault {
	var mu sync.Mutex
	seen := 0
	return If(m, func(ctx context.Context, r *Request, next Next) (Response, error) {
		mu.Lock()
		seen++
		hit := seen >= first && seen < first+count
		mu.Unlock()
		if hit {
			return f(ctx, r, next)
		}
		return next(ctx, r)
	})
}

// Randomly applies f to a share (0 to 1) of the requests, as rng says.
func Randomly(rng *rand.Rand, share float64, f Fault) Fault {
	var mu sync.Mutex
	return func(ctx context.Context, r *Request, next Next) (Response, error) {
		mu.Lock()
		hit := rng.Float64() < share
		mu.Unlock()
		if hit {
			return f(ctx, r, next)
		}
		return next(ctx, r)
	}
}
