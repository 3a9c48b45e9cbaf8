package main

import (
	"context"
	"time"
)

// settling says when memory counts as settled: once it hasn't fallen for quiet, or after most.
// Go gives back what it hasn't used for a while only bit by bit.
type settling struct{ quiet, most time.Duration }

var settlingFully, settlingBriefly = settling{4 * time.Second, 15 * time.Second}, settling{time.Second, 3 * time.Second}

// settle waits for a target's memory to settle, and returns what each of its processes
// has then.
func (s settling) settle(ctx context.Context, t *target) ([]residence, error) {
	const step, fallen = 250 * time.Millisecond, 1 << 20
	begun := time.Now()
	lowest, since := int64(0), begun
	for {
		rs, total, err := residences(t)
		if err != nil {
			return nil, err
		}
		if lowest == 0 || total.RSS < lowest-fallen {
			lowest, since = total.RSS, time.Now()
		}
		if time.Since(since) >= s.quiet || time.Since(begun) >= s.most {
			return rs, nil
		}
		select {
		case <-time.After(step): // memory can only be looked at
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func residences(t *target) (rs []residence, total residence, err error) {
	for _, pid := range t.nodes() {
		r, err := residenceOf(pid)
		if err != nil {
			return nil, total, err
		}
		rs, total = append(rs, r), total.plus(r)
	}
	return rs, total, nil
}
