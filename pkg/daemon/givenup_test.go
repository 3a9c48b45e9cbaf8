package daemon

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/hashicorp/go-hclog"
)

// TestStartGivenUp: who stops a start is told of no failure, but of one that is another's.
func TestStartGivenUp(t *testing.T) {
	stopped, stop := context.WithCancelCause(t.Context())
	stop(errors.New("terminated"))
	broken := errors.New("no such bucket")
	cancelled := fmt.Errorf("probing: %w", context.Canceled)
	for _, c := range []struct {
		ctx       context.Context
		err, want error
	}{
		{stopped, nil, nil},
		{stopped, cancelled, nil},
		{stopped, fmt.Errorf("asking again: %w", context.Cause(stopped)), nil},
		{stopped, broken, broken},
		{t.Context(), broken, broken},
		{t.Context(), cancelled, cancelled}, // not on request
	} {
		if got := unlessGivenUp(c.ctx, hclog.NewNullLogger(), c.err); got != c.want {
			t.Errorf("%v is %v, want %v", c.err, got, c.want)
		}
	}
}

// TestStopDuringStart: each service, stopped while object storage is opened and probed.
func TestStopDuringStart(t *testing.T) {
	w := newWorld(t)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	log := hclog.NewNullLogger()
	for name, run := range map[string]func() error{
		"node":      func() error { return RunNode(ctx, w.settings(t, 1), false, log) },
		"elector":   func() error { return RunElector(ctx, w.settings(t, 2), log) },
		"compactor": func() error { return RunCompactor(ctx, w.settings(t, 3), 0, t.TempDir(), log) },
	} {
		if err := run(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := CompactOnce(ctx, w.settings(t, 4), t.TempDir(), log); err == nil {
		t.Error("a pass that wasn't made is none that succeeded")
	}
}
