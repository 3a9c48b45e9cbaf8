package fault_test

import (
	"context"
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
	"github.com/netsy-io/netsy/pkg/objectstore/memstore"
	"github.com/netsy-io/netsy/pkg/objectstore/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestTransparent: without faults the wrapper is a store like any other.
func TestTransparent(t *testing.T) {
	storetest.RunWith(t, storetest.Options{Rounds: 20}, func(*testing.T) objectstore.Store {
		var trace fault.Trace
		return fault.New(memstore.New(nil), trace.Fault())
	})
}

func put(t *testing.T, s objectstore.Store, key, body string, cond objectstore.Condition) error {
	t.Helper()
	_, err := s.Put(t.Context(), key, []byte(body), cond)
	return err
}

func is(t *testing.T, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("error is %v, expected the kind %v", err, kind)
	}
}

func holds(t *testing.T, s objectstore.Store, key, body string) {
	t.Helper()
	b, _, err := objectstore.ReadAll(t.Context(), s, key, 1000)
	if err != nil || string(b) != body {
		t.Fatalf("%s holds %q, %v, expected %q", key, b, err, body)
	}
}

func TestLostReply(t *testing.T) {
	mem := memstore.New(nil)
	s := fault.New(mem, fault.Once(fault.Puts("chunks/"), fault.LostReply()))
	if err := put(t, s, "other", "x", objectstore.IfAbsent()); err != nil {
		t.Fatal(err)
	}
	is(t, put(t, s, "chunks/1", "x", objectstore.IfAbsent()), objectstore.ErrUnknownOutcome)
	holds(t, mem, "chunks/1", "x")
	is(t, put(t, s, "chunks/1", "x", objectstore.IfAbsent()), objectstore.ErrPreconditionFailed)
}

func TestEchoedRetry(t *testing.T) {
	s := fault.New(memstore.New(nil), fault.Once(fault.Puts(""), fault.EchoedRetry()))
	is(t, put(t, s, "k", "x", objectstore.IfAbsent()), objectstore.ErrPreconditionFailed)
	holds(t, s, "k", "x")
}

func TestFailNth(t *testing.T) {
	s := fault.New(memstore.New(nil), fault.Nth(fault.Puts(""), 2, 2, fault.Fail(objectstore.ErrUnavailable)))
	for i, want := range []error{nil, objectstore.ErrUnavailable, objectstore.ErrUnavailable, nil} {
		if err := put(t, s, "k", "x", objectstore.Always()); !errors.Is(err, want) {
			t.Fatalf("put %d: %v, expected %v", i+1, err, want)
		}
	}
}

// TestLate: a late write lands with its own condition, after others.
func TestLate(t *testing.T) {
	mem := memstore.New(nil)
	var late fault.Late
	s := fault.New(mem, fault.Times(2, fault.Puts(""), late.Fault()))
	is(t, put(t, s, "a", "late", objectstore.IfAbsent()), objectstore.ErrUnknownOutcome)
	is(t, put(t, s, "b", "late", objectstore.IfAbsent()), objectstore.ErrUnknownOutcome)
	if err := put(t, s, "a", "in time", objectstore.IfAbsent()); err != nil {
		t.Fatal(err)
	}
	ok, err := late.Land(t.Context())
	if !ok {
		t.Fatal("nothing was held")
	}
	is(t, err, objectstore.ErrPreconditionFailed)
	holds(t, mem, "a", "in time")
	if ok, err := late.Land(t.Context()); !ok || err != nil {
		t.Fatal(ok, err)
	}
	holds(t, mem, "b", "late")
	if ok, _ := late.Land(t.Context()); ok || late.Held() != 0 {
		t.Fatal("more was held")
	}
}

func TestHold(t *testing.T) {
	release, mem := make(chan struct{}), memstore.New(nil)
	s := fault.New(mem, fault.If(fault.Puts(""), fault.Hold(release)))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Put(ctx, "k", nil, objectstore.Always())
	is(t, err, objectstore.ErrUnavailable)
	done := make(chan error)
	go func() { done <- put(t, s, "k", "x", objectstore.IfAbsent()) }()
	close(release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestHoldReply(t *testing.T) {
	mem := memstore.New(nil)
	s := fault.New(mem, fault.HoldReply(make(chan struct{})))
	ctx, cancel := context.WithCancel(t.Context())
	s.Inject(fault.Hook(func(*fault.Request) {})) // composes
	done := make(chan error)
	go func() {
		_, err := s.Put(ctx, "k", []byte("x"), objectstore.IfAbsent())
		done <- err
	}()
	for {
		if _, err := mem.Stat(t.Context(), "k"); err == nil {
			break
		}
	}
	cancel()
	is(t, <-done, objectstore.ErrUnknownOutcome)
}

func TestTrace(t *testing.T) {
	ctx := t.Context()
	var trace fault.Trace
	s := fault.New(memstore.New(nil), trace.Fault(), fault.Once(fault.Puts("late"), fault.LostReply()))
	_ = put(t, s, "chunks/1", "123", objectstore.IfAbsent())
	_ = put(t, s, "chunks/1", "123", objectstore.IfAbsent())
	_ = put(t, s, "late", "123", objectstore.Always())
	holds(t, s, "chunks/1", "123")
	_, _ = s.GetRange(ctx, "chunks/1", 1, 1)
	_, _ = s.GetRange(ctx, "missing", 1, -1)
	_, _ = s.Stat(ctx, "chunks/1")
	_, _ = s.List(ctx, "", "", 1)
	_, _ = s.List(ctx, "chunks/", "chunks/1", 0)
	_ = s.Delete(ctx, "chunks/1", objectstore.IfMatch("x"))
	want := `put chunks/1 if-absent 3B -> ok
put chunks/1 if-absent 3B -> precondition failed
put late always 3B -> unknown outcome
get chunks/1 -> 3B
get chunks/1 1+1 -> 3B
get missing 1+ -> not found
stat chunks/1 -> 3B
list  limit 1 -> 1 more
list chunks/ after chunks/1 -> 0
delete chunks/1 if-match -> precondition failed
`
	if got := trace.Take(); got != want || trace.String() != "" {
		t.Fatalf("trace:\n%s\nexpected\n%s", got, want)
	}
}
