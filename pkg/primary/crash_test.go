package primary

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
	"github.com/netsy-io/netsy/pkg/record"
)

// TestCrashAtEveryRequest cuts a machine off from object storage at its k-th
// request, for every k, with that request done or not done, kills it, and lets
// either itself or another machine go on. Nothing acknowledged may be lost, nothing
// may be there twice, and what was refused may not be there.
func TestCrashAtEveryRequest(t *testing.T) {
	for _, done := range []bool{false, true} {
		for _, successor := range []string{"itself", "another", "wiped"} {
			for k := 1; ; k++ {
				reached := false
				t.Run(fmt.Sprintf("done=%v/%s/%d", done, successor, k), func(t *testing.T) { reached = crashAt(t, k, done, successor) })
				if !reached {
					if k < 8 {
						t.Fatalf("only %d requests were made: the test tests nothing", k-1)
					}
					break
				}
			}
		}
	}
}

// crashAt reports whether the k-th request was reached.
func crashAt(t *testing.T, k int, done bool, successor string) bool {
	w := newWorld(t)
	a := w.machine("a")
	var n atomic.Int64
	cutOff := make(chan struct{})
	a.net.Inject(func(ctx context.Context, r *fault.Request, next fault.Next) (fault.Response, error) {
		switch i := n.Add(1); {
		case i < int64(k):
			return next(ctx, r)
		case i == int64(k):
			if done {
				_, _ = next(ctx, r)
			}
			close(cutOff)
		}
		kind := objectstore.ErrUnavailable
		if r.Op == "put" {
			kind = objectstore.ErrUnknownOutcome
		}
		return fault.Response{}, objectstore.Errorf(kind, r.Op, r.Key, "cut off")
	})

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { // the process is killed as soon as it is cut off
		select {
		case <-cutOff:
			cancel()
		case <-ctx.Done():
		}
	}()
	acked, unknown := map[string]record.Revision{}, map[string]bool{}
	if a.start(ctx) == nil {
		for i := range 4 {
			key := fmt.Sprint("k", i)
			rev, err := create(ctx, a.reign, key, key)
			if err == nil {
				acked[key] = rev
			} else {
				unknown[key] = true
			}
		}
	}
	reached := n.Load() >= int64(k)
	a.halt()
	next := recoverOn(t, w, a, successor)
	checkHistory(t, w, next, acked, unknown)
	return reached
}

func recoverOn(t *testing.T, w *world, a *machine, successor string) *machine {
	t.Helper()
	next := a
	switch successor {
	case "itself":
		a.net.Heal()
		a.boot()
	case "another":
		next = w.machine("b")
	case "wiped":
		a.net.Heal()
		a.dir = t.TempDir()
		a.boot()
	}
	next.mustStart()
	next.mustCreate("after", "v")
	return next
}

func checkHistory(t *testing.T, w *world, m *machine, acked map[string]record.Revision, unknown map[string]bool) {
	t.Helper()
	for key, rev := range acked {
		v, got, ok, err := m.read(t.Context(), key)
		if err != nil || !ok || v != key || got != rev {
			t.Errorf("%s was acknowledged at revision %d; now %q at %d (%v, %v)", key, rev, v, got, ok, err)
		}
	}
	seen := map[string]int{}
	var last record.Record
	for i, r := range w.logged() {
		if r.Revision != record.Revision(i+1) || r.Epoch < last.Epoch {
			t.Errorf("the log's record %d is revision %d, epoch %d after %d", i+1, r.Revision, r.Epoch, last.Epoch)
		}
		last = r
		if r.Internal() {
			continue
		}
		key := string(r.Key)
		if seen[key]++; seen[key] > 1 {
			t.Errorf("%s is in the history twice", key)
		}
		if _, ok := acked[key]; !ok && !unknown[key] && key != "after" {
			t.Errorf("%s is in the history, though nobody wrote it", key)
		}
	}
	m.agree()
}

// A PUT that times out, and lands after everybody gave it up, must not enter the
// history of a later reign.
func TestLatePutAfterTheSeal(t *testing.T) {
	w := newWorld(t)
	a, b := w.machine("a"), w.machine("b")
	a.mustStart()
	a.mustCreate("k", "v")
	late := &fault.Late{}
	ctx, cancel := context.WithCancel(within(t))
	var puts atomic.Int64
	a.net.Inject(fault.If(fault.Puts("chunks/"), func(ctx context.Context, r *fault.Request, next fault.Next) (fault.Response, error) {
		if puts.Add(1) == 1 {
			return late.Fault()(ctx, r, next)
		}
		cancel() // it has given the first one up and tries again, in vain
		return fault.Response{}, objectstore.Errorf(objectstore.ErrUnavailable, r.Op, r.Key, "cut off")
	}))
	if _, err := create(ctx, a.reign, "late", "x"); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	a.halt()
	b.mustStart()
	b.mustCreate("k2", "v")
	if _, err := late.Land(t.Context()); err == nil {
		t.Fatal("the slot of a deposed Primary was free")
	}
	b.mustCreate("k3", "v")
	for _, r := range w.logged() {
		if string(r.Key) == "late" {
			t.Fatal("the late PUT is in the history")
		}
	}
}

// TestCompactionIsInherited: a Primary that takes over with a copy which
// knows of no compaction refuses what the one before it had given up.
func TestCompactionIsInherited(t *testing.T) {
	w := newWorld(t)
	a := w.machine("a")
	a.mustStart()
	for _, k := range []string{"k", "l", "m"} {
		a.mustCreate(k, "v")
	}
	compacted := a.st.Snapshot().Revision() - 1
	if err := a.reign.Compact(t.Context(), compacted); err != nil {
		t.Fatal(err)
	}
	a.halt()
	b := w.machine("b")
	b.mustStart()
	if got := b.st.CompactRevision(); got != compacted {
		t.Fatalf("the next Primary has compaction revision %d, cluster.json %d", got, compacted)
	}
}
