package registry

import (
	"context"
	"errors"
	"testing"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
)

// What a swap makes of each way in which a write can go wrong.
func TestSwapOutcomes(t *testing.T) {
	raise := func(c *Cluster) error { c.Office++; return nil }
	puts := fault.Puts(ClusterKey)
	t.Run("lost reply is found", func(t *testing.T) {
		r, f, ctx := setup(t)
		from := mustCluster(t, r)
		f.Inject(fault.Once(puts, fault.LostReply()))
		c, err := r.SwapCluster(ctx, from, raise)
		if err != nil || c.Office != 1 || c.Version() == from.Version() {
			t.Fatalf("%+v, %v", c, err)
		}
		if _, err := r.SwapCluster(ctx, c, raise); err != nil {
			t.Errorf("the version found is not usable: %v", err)
		}
	})
	t.Run("echo of a retry is found", func(t *testing.T) {
		r, f, ctx := setup(t)
		from := mustCluster(t, r)
		f.Inject(fault.Once(puts, fault.EchoedRetry()))
		if c, err := r.SwapCluster(ctx, from, raise); err != nil || c.Office != 1 {
			t.Fatalf("%+v, %v", c, err)
		}
	})
	t.Run("echo of a retry at creation", func(t *testing.T) {
		r, f, _ := setup(t)
		f.Inject(fault.Once(puts, fault.EchoedRetry()))
		if c := mustCluster(t, r); c.Seq != 1 {
			t.Errorf("%+v", c)
		}
	})
	t.Run("not there yet is unknown, a later write settles it", func(t *testing.T) {
		r, f, ctx := setup(t)
		from := mustCluster(t, r)
		var late fault.Late
		f.Inject(fault.Once(puts, late.Fault()))
		if _, err := r.SwapCluster(ctx, from, raise); !errors.Is(err, ErrUnknownOutcome) {
			t.Fatal(err)
		}
		c, err := r.SwapCluster(ctx, from, func(c *Cluster) error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		if _, err := late.Land(ctx); !errors.Is(err, objectstore.ErrPreconditionFailed) {
			t.Errorf("the late write: %v", err)
		}
		if now, _ := r.Cluster(ctx); now.Office != 0 || now.WriteID != c.WriteID {
			t.Errorf("%+v", now)
		}
	})
	t.Run("unknown and another's in its place", func(t *testing.T) {
		r, f, ctx := setup(t)
		from := mustCluster(t, r)
		f.Inject(fault.Once(puts, func(ctx context.Context, q *fault.Request, next fault.Next) (fault.Response, error) {
			if _, err := r.SwapCluster(ctx, from, func(*Cluster) error { return nil }); err != nil {
				t.Error(err)
			}
			return fault.LostReply()(ctx, q, next)
		}))
		if _, err := r.SwapCluster(ctx, from, raise); !errors.Is(err, ErrConflict) {
			t.Errorf("%v", err)
		}
	})
	t.Run("unknown and unreadable", func(t *testing.T) {
		r, f, ctx := setup(t)
		from := mustCluster(t, r)
		f.Inject(fault.If(puts, fault.LostReply()))
		f.Inject(fault.If(fault.Ops(ClusterKey, "get"), fault.Fail(objectstore.ErrUnavailable)))
		if _, err := r.SwapCluster(ctx, from, raise); !errors.Is(err, ErrUnknownOutcome) {
			t.Errorf("%v", err)
		}
	})
	t.Run("unavailable wrote nothing", func(t *testing.T) {
		r, f, ctx := setup(t)
		from := mustCluster(t, r)
		f.Inject(fault.Once(puts, fault.Fail(objectstore.ErrUnavailable)))
		if _, err := r.SwapCluster(ctx, from, raise); !errors.Is(err, objectstore.ErrUnavailable) || errors.Is(err, ErrUnknownOutcome) {
			t.Errorf("%v", err)
		}
	})
}

// verdict over every combination of what can be there, the condition and the cause.
func TestVerdictExhaustively(t *testing.T) {
	for _, present := range []bool{false, true} {
		for _, id := range []string{"mine", "other"} {
			for _, v := range []objectstore.Version{"old", "new"} {
				for _, cond := range []objectstore.Condition{objectstore.IfAbsent(), objectstore.IfMatch("old")} {
					for _, cause := range []error{objectstore.ErrPreconditionFailed, objectstore.ErrUnknownOutcome} {
						now := document{id, v}
						if !present {
							now = document{}
						}
						holds := cond.IsAbsent() && !present || !cond.IsAbsent() && present && v == "old"
						want := conflict
						switch {
						case present && id == "mine":
							want = written
						case holds && cause == objectstore.ErrUnknownOutcome:
							want = unknown
						}
						if got := verdict(now, present, "mine", cond, cause); got != want {
							t.Errorf("%+v %v %v %v: %d, expected %d", now, present, cond, cause, got, want)
						}
					}
				}
			}
		}
	}
}
