package load

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/netsy-io/netsy/test/internal/check"
)

// eventTimeout bounds the wait for writes: several times what an election can take on
// a busy machine.
const eventTimeout = 60 * time.Second

// More waits until n more writes are acknowledged, by whichever load.
func More(t testing.TB, ctx context.Context, h *check.History, n int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, eventTimeout)
	defer cancel()
	got, next := h.Writes()
	for want := got + n; got < want; got, next = h.Writes() {
		select {
		case <-next:
		case <-ctx.Done():
			t.Fatalf("%d of %d more writes acknowledged within %v", got-(want-n), n, eventTimeout)
		}
	}
}

// More waits until n more writes are acknowledged, by whichever load.
func (l *Load) More(t testing.TB, ctx context.Context, n int64) {
	t.Helper()
	More(t, ctx, l.H, n)
}

// Sentinel makes one last write, however long it takes, and returns its revision:
// whatever was in doubt before has been decided by then.
func Sentinel(t testing.TB, ctx context.Context, h *check.History, c *Client) int64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, eventTimeout)
	defer cancel()
	r := Recorded{Client: c, H: h, Name: "sentinel"}
	acked, _ := h.Writes()
	for n := 0; ; n++ {
		o := check.Op{Key: fmt.Sprintf("sentinel/%d/%d", acked, n), Value: "last"}
		o = r.attempt(ctx, o)
		if o.Outcome == check.Done {
			return o.Rev
		}
		select {
		case <-ctx.Done():
			t.Fatalf("no last write through %s: %v", c.Node, o.Err)
		case <-time.After(pace):
		}
	}
}

func (r Recorded) attempt(ctx context.Context, o check.Op) check.Op {
	ctx, cancel := context.WithTimeout(ctx, opTimeout)
	defer cancel()
	return r.Write(ctx, o)
}

// ReadAll reads everything, linearizably.
func ReadAll(t testing.TB, ctx context.Context, h *check.History, c *Client) []check.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, eventTimeout)
	defer cancel()
	r := Recorded{Client: c, H: h, Name: "reader of all"}
	for {
		o := r.Read(ctx, check.Op{Key: "\x00", End: "\x00"})
		if o.Outcome == check.Done {
			return o.Saw
		}
		select {
		case <-ctx.Done():
			t.Fatalf("everything can't be read through %s: %v", c.Node, o.Err)
		case <-time.After(pace):
		}
	}
}
