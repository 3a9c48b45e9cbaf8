package leaderlock

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
)

// asked is a pair in which b may ask a whether it leads.
type asked struct {
	a, b  *contender
	term  context.Context // a's
	lie   atomic.Bool     // a says that it leads whatever is true
	mute  atomic.Bool     // a can't be asked
	hang  atomic.Bool     // a's host is gone: who asks hears nothing
	looks atomic.Int64    // b's requests
}

func askedPair(t *testing.T, s objectstore.Store) *asked {
	p := &asked{a: contend(t, s, "a")}
	p.term = <-p.a.led
	p.b = contend(t, s, "b", func(o *Options) {
		o.Ask = func(ctx context.Context, h Holder) (string, error) {
			if p.hang.Load() {
				<-ctx.Done()
			}
			if h.Address == "a:1" && !p.mute.Load() && !p.hang.Load() && (p.lie.Load() || p.a.MayAct()) {
				return p.a.Renewal(), nil
			}
			return "", errors.New("doesn't lead")
		}
	})
	p.b.faults.Inject(func(ctx context.Context, r *fault.Request, next fault.Next) (fault.Response, error) {
		p.looks.Add(1)
		return next(ctx, r)
	})
	return p
}

func (p *asked) stop(t *testing.T) {
	p.b.stop(t)
	if p.a.cancel(); !errors.Is(<-p.a.done, context.Canceled) {
		t.Error("a failed")
	}
}

func TestHolderThatAnswersSavesLooking(t *testing.T) {
	bubble(t, func(t *testing.T, s objectstore.Store) {
		p := askedPair(t, s)
		p.mute.Store(true) // also if it was silent for a while
		time.Sleep(4 * time.Second)
		p.mute.Store(false)
		time.Sleep(10 * time.Second)
		p.looks.Store(0)
		time.Sleep(10 * time.Minute)
		if n := p.looks.Load(); n > 32 {
			t.Errorf("%d looks in ten minutes, expected about 30", n)
		}
		released := time.Now()
		p.a.stop(t)
		<-p.b.led
		if d := time.Since(released); d > 2*askEvery {
			t.Errorf("took over %v after a clean release", d)
		}
		p.b.stop(t)
	})
}

// TestHolderIsReplacedInTime: to be asked must not cost time when the holder is gone, whenever that is and
// however it shows. What it said last counts from when it was heard.
func TestHolderIsReplacedInTime(t *testing.T) {
	for name, cut := range map[string]func(*asked){
		"killed":         func(p *asked) { p.mute.Store(true) },
		"host gone":      func(p *asked) { p.hang.Store(true) },
		"storage is out": func(*asked) {},
	} {
		t.Run(name, func(t *testing.T) {
			for phase := range 60 {
				bubble(t, func(t *testing.T, s objectstore.Store) {
					p := askedPair(t, s)
					time.Sleep(time.Minute + time.Duration(phase)*DefaultRenewEvery/20)
					p.a.faults.Inject(fault.Fail(objectstore.ErrUnavailable))
					cut(p)
					at := time.Now()
					<-p.b.led
					if p.a.MayAct() {
						t.Error("both act")
					}
					if d := time.Since(at); d > DefaultTimeout+askEvery+askTimeout {
						t.Errorf("taken over after %v", d)
					}
					<-p.term.Done()
					if got := p.a.Renewal(); got != "" {
						t.Errorf("what lost the lock says that it wrote %q", got)
					}
					p.stop(t)
				})
			}
		})
	}
}

func TestHolderThatDiesIsReplacedSoon(t *testing.T) {
	bubble(t, func(t *testing.T, s objectstore.Store) {
		p := askedPair(t, s)
		time.Sleep(time.Minute)
		p.a.faults.Inject(fault.Fail(objectstore.ErrUnavailable))
		p.mute.Store(true)
		cut := time.Now()
		<-p.b.led
		if p.a.MayAct() {
			t.Error("both act")
		}
		if d := time.Since(cut); d > DefaultTimeout+2*askEvery {
			t.Errorf("taken over after %v", d)
		}
		<-p.term.Done()
		p.stop(t)
	})
}

// One that can't be asked, and leads, keeps the lock.
func TestHolderThatCantBeAskedKeepsTheLock(t *testing.T) {
	bubble(t, func(t *testing.T, s objectstore.Store) {
		p := askedPair(t, s)
		p.mute.Store(true)
		time.Sleep(time.Hour)
		if p.term.Err() != nil || !p.a.MayAct() || p.b.MayAct() {
			t.Error("the lock went over")
		}
		p.stop(t)
	})
}

// One that says that it leads, and doesn't, keeps nobody waiting for ever.
func TestHolderThatLiesIsFoundOut(t *testing.T) {
	bubble(t, func(t *testing.T, s objectstore.Store) {
		p := askedPair(t, s)
		time.Sleep(time.Minute)
		p.lie.Store(true)
		p.a.faults.Inject(fault.Fail(objectstore.ErrUnavailable))
		cut := time.Now()
		<-p.b.led
		if d := time.Since(cut); d > 2*pollEvery+DefaultTimeout {
			t.Errorf("taken over after %v", d)
		}
		p.stop(t)
	})
}
