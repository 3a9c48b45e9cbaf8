package objectstore_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
	"github.com/netsy-io/netsy/pkg/objectstore/memstore"
)

// rewrite changes requests on their way to the store.
func rewrite(change func(*fault.Request)) fault.Fault {
	return func(ctx context.Context, r *fault.Request, next fault.Next) (fault.Response, error) {
		c := *r
		change(&c)
		return next(ctx, &c)
	}
}

// TestProbeFindsOut: each way in which a store can fall short is found, and the
// scratch object is gone afterwards.
func TestProbeFindsOut(t *testing.T) {
	drop := func(op string, absent bool) fault.Fault {
		return rewrite(func(r *fault.Request) {
			if r.Op == op && r.Cond.IsAbsent() == absent {
				r.Cond = objectstore.Always()
			}
		})
	}
	for name, f := range map[string]fault.Fault{
		"creates over":       drop("put", true),
		"swaps stale":        drop("put", false),
		"deletes stale":      drop("delete", false),
		"refuses and writes": refusesAndWrites,
		"knows no conditions": fault.If(fault.Puts(""), func(_ context.Context, r *fault.Request, _ fault.Next) (fault.Response, error) {
			return fault.Response{}, objectstore.Errorf(objectstore.ErrPermanent, r.Op, r.Key, "%w", errors.ErrUnsupported)
		}),
		"same version for other bytes": fault.If(fault.Puts(""), func(ctx context.Context, r *fault.Request, next fault.Next) (fault.Response, error) {
			resp, err := next(ctx, r)
			resp.Version = "always the same"
			return resp, err
		}),
	} {
		t.Run(name, func(t *testing.T) {
			mem := memstore.New(nil)
			err := objectstore.Probe(t.Context(), fault.New(mem, f))
			if !errors.Is(err, objectstore.ErrNoConditionalWrites) {
				t.Fatalf("probe: %v", err)
			}
			empty(t, mem)
		})
	}
}

// refusesAndWrites answers a stale swap with a refusal, and does it all the same.
func refusesAndWrites(ctx context.Context, r *fault.Request, next fault.Next) (fault.Response, error) {
	resp, err := next(ctx, r)
	if errors.Is(err, objectstore.ErrPreconditionFailed) && r.Op == "put" {
		c := *r
		c.Cond = objectstore.Always()
		_, _ = next(ctx, &c)
	}
	return resp, err
}

// TestProbeEcho: a client library's retry, which turns a success into a refusal,
// doesn't condemn a store.
func TestProbeEcho(t *testing.T) {
	for nth := range 4 {
		mem := memstore.New(nil)
		s := fault.New(mem, fault.Nth(fault.Puts(""), nth+1, 1, fault.EchoedRetry()))
		if err := objectstore.Probe(t.Context(), s); err != nil {
			t.Errorf("put %d: %v", nth+1, err)
		}
		empty(t, mem)
	}
}

// TestProbeKeepsOtherErrors: trouble of another kind is not taken for a store
// that can't be used.
func TestProbeKeepsOtherErrors(t *testing.T) {
	for _, kind := range []error{objectstore.ErrUnavailable, objectstore.ErrPermanent, objectstore.ErrUnknownOutcome} {
		for nth := range 4 {
			mem := memstore.New(nil)
			s := fault.New(mem, fault.Nth(fault.Puts(""), nth+1, 1, fault.Fail(kind)))
			err := objectstore.Probe(t.Context(), s)
			if !errors.Is(err, kind) || errors.Is(err, objectstore.ErrNoConditionalWrites) {
				t.Errorf("%v at put %d: %v", kind, nth, err)
			}
			empty(t, mem)
		}
	}
}

func TestProbeTrace(t *testing.T) {
	var trace fault.Trace
	key := ""
	s := fault.New(memstore.New(nil), fault.Hook(func(r *fault.Request) { key = r.Key }), trace.Fault())
	if err := objectstore.Probe(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	want := "put K if-absent 15B -> ok\nput K if-absent 15B -> precondition failed\nput K if-match 17B -> ok\nput K if-match 16B -> precondition failed\n" +
		"delete K if-match -> precondition failed\nget K -> 17B\ndelete K always -> ok\n"
	if got := replace(trace.String(), key); got != want {
		t.Fatalf("the probe does\n%s\nexpected\n%s", got, want)
	}
}

func replace(trace, key string) string { return strings.ReplaceAll(trace, key, "K") }

func empty(t *testing.T, s objectstore.Store) {
	t.Helper()
	page, err := s.List(t.Context(), "", "", 0)
	if err != nil || len(page.Objects) != 0 {
		t.Fatalf("the probe left %+v, %v", page.Objects, err)
	}
}

// TestProbeGivenUp: it cleans up after its context has ended, but for no longer than two seconds.
func TestProbeGivenUp(t *testing.T) {
	for _, answers := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			mem := memstore.New(nil)
			s := fault.New(mem, func(ctx context.Context, r *fault.Request, next fault.Next) (fault.Response, error) {
				switch {
				case r.Op == "get":
					stop()
					return fault.Response{}, ctx.Err()
				case r.Op == "delete" && r.Cond == objectstore.Always() && !answers:
					<-ctx.Done()
					return fault.Response{}, ctx.Err()
				}
				return next(ctx, r)
			})
			began := time.Now()
			err := objectstore.Probe(ctx, s)
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%v", err)
			}
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("it took %v", took)
			}
			if answers {
				empty(t, mem)
			}
		})
	}
}
