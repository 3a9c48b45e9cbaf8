package compactor

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/netsy-io/netsy/pkg/leaderlock"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
)

// hold keeps the lock as another compactor does, until release is called.
func (w *world) hold() (release func()) {
	w.t.Helper()
	l, err := leaderlock.New(leaderlock.Options{Store: w.mem, Key: LockKey, ClusterID: clusterID, LeaderID: "other"})
	w.must(err)
	ctx, cancel := context.WithCancel(w.ctx())
	var wg sync.WaitGroup
	held := make(chan struct{})
	wg.Go(func() {
		_ = l.Run(ctx, func(ctx context.Context) error {
			close(held)
			<-ctx.Done()
			return nil
		})
	})
	<-held
	return func() {
		cancel()
		wg.Wait()
	}
}

func TestBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := build(t, "RWSWSW")
		release := w.hold()
		r := w.once(w.compactor(nil))
		if r.Outcome != Busy || !strings.HasPrefix(r.Holder, "other") || !strings.Contains(r.String(), "other") {
			t.Errorf("got %+v", r)
		}
		expect(t, "snapshots", keysOf(t, w.mem, "snapshots/"), 3, 5)
		release()
		if r := w.once(w.compactor(nil)); r.Outcome != Done || r.Written == 0 {
			t.Errorf("got %+v", r)
		}
	})
}

// A compactor that died is replaced after a moment.
func TestDeadHolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := build(t, "RWSWSW")
		dead := w.mem.Clone()
		release := w.hold()
		held, _, err := objectstore.ReadAll(w.ctx(), w.mem, LockKey, 1<<10)
		w.must(err)
		release()
		_, err = dead.Put(w.ctx(), LockKey, held, objectstore.IfAbsent())
		w.must(err)
		w.mem, w.store = dead, dead
		if r := w.once(w.compactor(nil)); r.Outcome != Done || r.Written == 0 {
			t.Errorf("got %+v", r)
		}
	})
}

// Another takes the lock while a pass is held up: it stops, and what it was about to do is
// not done.
func TestLockLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := build(t, "RWSWSW")
		store := fault.New(w.mem)
		stuck := make(chan struct{})
		store.Inject(fault.If(fault.Ops(LockKey, "put", "get"), fault.Nth(fault.Ops(LockKey), 3, 1<<30, fault.Hold(stuck)))) // no renewal gets through
		slow := make(chan struct{})
		store.Inject(fault.Once(fault.Ops("chunks/", "delete"), fault.Hook(func(*fault.Request) { <-slow })))
		c := w.compactor(func(o *Options) { o.Store = store })
		var r Report
		var err error
		var wg sync.WaitGroup
		wg.Go(func() { r, err = c.Once(w.ctx()) })
		time.Sleep(20 * time.Second)
		release := w.hold()
		time.Sleep(time.Second)
		close(stuck)
		close(slow)
		wg.Wait()
		release()
		if r.Outcome != LockLost || err != nil {
			t.Errorf("got %+v, %v", r, err)
		}
		w.check(w.mem)
	})
}

// Object storage can't be asked: that is an error, not another compactor.
func TestNoLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := build(t, "RWS")
		fail := fault.Fail(objectstore.ErrUnavailable)
		store := fault.New(w.mem, func(ctx context.Context, r *fault.Request, next fault.Next) (fault.Response, error) {
			if r.Key == LockKey {
				return fail(ctx, r, next)
			}
			return next(ctx, r)
		})
		c := w.compactor(func(o *Options) { o.Store = store })
		if r, err := c.Once(w.ctx()); err == nil || !strings.Contains(err.Error(), LockKey) {
			t.Errorf("got %+v, %v", r, err)
		}
	})
}

// A service goes on after failures, and stops when told.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := build(t, "RW")
		store := fault.New(w.mem, fault.Times(60, fault.Ops("snapshots/"), fault.Fail(objectstore.ErrUnavailable)))
		c := w.compactor(func(o *Options) { o.Store = store })
		ctx, cancel := context.WithCancel(w.ctx())
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := c.Run(ctx, time.Minute); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(30 * time.Second)
		if last := c.Last(); last == nil || !errors.Is(last.Err, objectstore.ErrUnavailable) {
			t.Errorf("got %+v", last)
		}
		time.Sleep(20 * time.Minute)
		if last := c.Last(); last.Err != nil {
			t.Errorf("got %+v", last)
		}
		expect(t, "snapshots", keysOf(t, w.mem, "snapshots/"), 3)
		cancel()
		wg.Wait()
	})
}

func TestUnusableOptions(t *testing.T) {
	w := newWorld(t)
	for _, change := range []func(*Options){
		func(o *Options) { o.Keep = 1 }, func(o *Options) { o.Retention = 0 }, func(o *Options) { o.ID = "" }, func(o *Options) { o.Store = nil },
	} {
		c := w.compactor(change)
		if _, err := c.Once(w.ctx()); err == nil {
			t.Error("taken")
		}
		if _, err := c.Plan(w.ctx()); err == nil {
			t.Error("taken")
		}
		if err := c.Run(w.ctx(), time.Hour); err == nil {
			t.Error("taken")
		}
	}
	if err := w.compactor(nil).Run(w.ctx(), 0); err == nil {
		t.Error("no interval was taken")
	}
}
