package registry

import (
	"context"
	"errors"
	"testing"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
)

// registered registers the test's node and reads it back.
func registered(t *testing.T, r *Registry) Node {
	t.Helper()
	if err := r.RegisterNode(t.Context(), testNode()); err != nil {
		t.Fatal(err)
	}
	n, err := r.Node(t.Context(), "n1")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// restart registers the node as its next start does.
func restart(ctx context.Context, r *Registry, startCount int64) error {
	n := testNode()
	n.StartCount = startCount
	return New(r.store, "c1").RegisterNode(ctx, n)
}

func TestDeleteNode(t *testing.T) {
	r, _, ctx := setup(t)
	n := registered(t, r)
	if err := r.DeleteNode(ctx, n); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Node(ctx, "n1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("still there: %v", err)
	}
	if err := r.DeleteNode(ctx, n); err != nil {
		t.Errorf("again: %v", err)
	}
	if err := r.DeleteNode(ctx, testNode()); err == nil {
		t.Error("deleted what was never read")
	}
}

// A node that registers again, before the deletion or after it, is never lost.
func TestDeleteNodeThatRegisteredAgain(t *testing.T) {
	r, f, ctx := setup(t)
	old := registered(t, r)
	if err := restart(ctx, r, 4); err != nil {
		t.Fatal(err)
	}
	if err := r.DeleteNode(ctx, old); !errors.Is(err, ErrConflict) {
		t.Fatalf("deleting an older version: %v", err)
	}
	now, err := r.Node(ctx, "n1")
	if err != nil || now.StartCount != 4 {
		t.Fatalf("%+v, %v", now, err)
	}
	// It registers while the deletion is on its way.
	f.Inject(fault.Once(fault.Ops(NodesPrefix, "delete"), fault.Hook(func(*fault.Request) {
		if err := restart(ctx, r, 5); err != nil {
			t.Error(err)
		}
	})))
	if err := r.DeleteNode(ctx, now); !errors.Is(err, ErrConflict) {
		t.Errorf("%v", err)
	}
	if now, err = r.Node(ctx, "n1"); err != nil || now.StartCount != 5 {
		t.Errorf("%+v, %v", now, err)
	}
}

// A registration that was deleted is made again as it was, by the process that made
// it and never noticed, and by its next start.
func TestRegisterNodeAfterDeletion(t *testing.T) {
	r, _, ctx := setup(t)
	if err := r.DeleteNode(ctx, registered(t, r)); err != nil {
		t.Fatal(err)
	}
	again := registered(t, r)
	if again.StartCount != 3 || again.Incarnation != "i1" {
		t.Fatalf("%+v", again)
	}
	if err := r.DeleteNode(ctx, again); err != nil {
		t.Fatal(err)
	}
	if err := restart(ctx, r, 4); err != nil {
		t.Fatal(err)
	}
	// A node that moves: deregistered, the id is free for other addresses.
	n, err := r.Node(ctx, "n1")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.DeleteNode(ctx, n); err != nil {
		t.Fatal(err)
	}
	moved := testNode()
	moved.PeerURLs, moved.StartCount = []string{"https://elsewhere:2381"}, 5
	if err := New(r.store, "c1").RegisterNode(ctx, moved); err != nil {
		t.Fatal(err)
	}
	if now, err := r.Node(ctx, "n1"); err != nil || now.PeerURLs[0] != moved.PeerURLs[0] {
		t.Errorf("%+v, %v", now, err)
	}
}

// What DeleteNode says in every way in which a deletion can go wrong, by what became
// of it and what is there afterwards.
func TestDeleteNodeOutcomes(t *testing.T) {
	deletes := fault.Ops(NodesPrefix, "delete")
	var late fault.Late
	for name, c := range map[string]struct {
		fault fault.Fault
		after func(t *testing.T, r *Registry) // runs after the deletion, before its answer
		want  error
		there bool
	}{
		"lost reply":                          {fault.LostReply(), nil, nil, false},
		"echo of a retry":                     {fault.EchoedRetry(), nil, nil, false},
		"lost on its way":                     {fault.Fail(objectstore.ErrUnknownOutcome), nil, ErrUnknownOutcome, true},
		"late":                                {late.Fault(), nil, ErrUnknownOutcome, true},
		"unavailable":                         {fault.Fail(objectstore.ErrUnavailable), nil, objectstore.ErrUnavailable, true},
		"refused for good":                    {fault.Fail(objectstore.ErrPermanent), nil, objectstore.ErrPermanent, true},
		"lost reply, registered again":        {fault.LostReply(), reregister, ErrConflict, true},
		"echo of a retry, registered":         {fault.EchoedRetry(), reregister, ErrConflict, true},
		"lost on its way, registered":         {fault.Fail(objectstore.ErrUnknownOutcome), reregister, ErrConflict, true},
		"late, registered again":              {late.Fault(), reregister, ErrConflict, true},
		"lost reply, another's can't be read": {fault.LostReply(), func(t *testing.T, r *Registry) { overwrite(t, r.store, NodeKey("n1"), "x") }, ErrConflict, true},
	} {
		t.Run(name, func(t *testing.T) {
			r, f, ctx := setup(t)
			n := registered(t, r)
			f.Inject(fault.Once(deletes, func(ctx context.Context, q *fault.Request, next fault.Next) (fault.Response, error) {
				resp, err := c.fault(ctx, q, next)
				if c.after != nil {
					c.after(t, r)
				}
				return resp, err
			}))
			err := r.DeleteNode(ctx, n)
			if c.want == nil && err != nil || !errors.Is(err, c.want) {
				t.Errorf("%v, expected %v", err, c.want)
			}
			if errors.Is(err, ErrUnknownOutcome) != (c.want == ErrUnknownOutcome) {
				t.Errorf("unknown, or not: %v", err)
			}
			if _, err := r.store.Stat(ctx, NodeKey("n1")); (err == nil) != c.there {
				t.Errorf("afterwards: %v", err)
			}
			for late.Held() > 0 {
				before, _ := r.store.Stat(ctx, NodeKey("n1"))
				_, _ = late.Land(ctx)
				after, err := r.store.Stat(ctx, NodeKey("n1"))
				if kept := err == nil && after.Version == before.Version; kept != (c.after != nil) {
					t.Errorf("the late deletion landed: %v, %v", before, err)
				}
			}
		})
	}
	t.Run("unknown and can't be looked at", func(t *testing.T) {
		r, f, ctx := setup(t)
		n := registered(t, r)
		f.Inject(fault.If(deletes, fault.LostReply()))
		f.Inject(fault.If(fault.Ops(NodesPrefix, "stat", "get"), fault.Fail(objectstore.ErrUnavailable)))
		if err := r.DeleteNode(ctx, n); !errors.Is(err, ErrUnknownOutcome) || !errors.Is(err, objectstore.ErrUnavailable) {
			t.Errorf("%v", err)
		}
	})
}

func reregister(t *testing.T, r *Registry) {
	if err := restart(t.Context(), r, 4); err != nil {
		t.Error(err)
	}
}
