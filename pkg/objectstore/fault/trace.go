package fault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

// Trace records each request with its outcome as one line, in the order in which
// they ended. Versions aren't shown, so that traces can be golden files:
//
//	put chunks/0000000000000000001.netsy if-absent 123B -> ok
//	get cluster.json -> 87B
//	get snapshots/0000000000000000009.netsy 0+64 -> 9120B
//	list snapshots/ after snapshots/0000000000000000001.netsy limit 2 -> 2 more
//	delete probe/x if-match -> precondition failed
type Trace struct {
	mu    sync.Mutex
	lines []string
}

// Fault records what passes; outside of other faults it records what callers see,
// inside of them what the store sees.
func (t *Trace) Fault() Fault {
	return func(ctx context.Context, r *Request, next Next) (Response, error) {
		resp, err := next(ctx, r)
		line := describe(r) + " -> " + outcome(r, resp, err)
		t.mu.Lock()
		t.lines = append(t.lines, line)
		t.mu.Unlock()
		return resp, err
	}
}

// Lines are the lines so far.
func (t *Trace) Lines() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string(nil), t.lines...)
}

// Take is String, and begins anew.
func (t *Trace) Take() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := t.lines
	t.lines = nil
	return join(lines)
}

// String is all lines, each ended by a newline.
func (t *Trace) String() string { return join(t.Lines()) }

func join(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}

func describe(r *Request) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", r.Op, r.Key)
	switch {
	case r.Op == "put":
		fmt.Fprintf(&b, " %v %dB", r.Cond, len(r.Body))
	case r.Op == "delete":
		fmt.Fprintf(&b, " %v", r.Cond)
	case r.Ranged && r.Length < 0:
		fmt.Fprintf(&b, " %d+", r.Offset)
	case r.Ranged:
		fmt.Fprintf(&b, " %d+%d", r.Offset, r.Length)
	case r.Op == "list":
		if r.StartAfter != "" {
			fmt.Fprintf(&b, " after %s", r.StartAfter)
		}
		if r.Limit > 0 {
			fmt.Fprintf(&b, " limit %d", r.Limit)
		}
	}
	return b.String()
}

func outcome(r *Request, resp Response, err error) string {
	switch {
	case err != nil:
		return kindName(err)
	case r.Op == "get":
		return fmt.Sprintf("%dB", resp.Object.Size)
	case r.Op == "stat":
		return fmt.Sprintf("%dB", resp.Info.Size)
	case r.Op == "list" && resp.Page.More:
		return fmt.Sprintf("%d more", len(resp.Page.Objects))
	case r.Op == "list":
		return fmt.Sprintf("%d", len(resp.Page.Objects))
	default:
		return "ok"
	}
}

func kindName(err error) string {
	var typed *objectstore.Error
	if !errors.As(err, &typed) {
		return "untyped error: " + err.Error()
	}
	for kind, name := range map[error]string{
		objectstore.ErrNotFound: "not found", objectstore.ErrPreconditionFailed: "precondition failed",
		objectstore.ErrUnavailable: "unavailable", objectstore.ErrUnknownOutcome: "unknown outcome", objectstore.ErrPermanent: "permanent error",
	} {
		if typed.Kind == kind {
			return name
		}
	}
	return typed.Kind.Error()
}
