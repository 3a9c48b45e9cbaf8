package leaderlock

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
	"github.com/netsy-io/netsy/pkg/objectstore/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const key = "leader/test.json"

// contender is a process that competes, and says when it leads.
type contender struct {
	*Lock
	faults *fault.Store
	led    chan context.Context // a term began
	quit   chan error           // makes lead return
	cancel context.CancelFunc
	done   chan error
}

func contend(t *testing.T, s objectstore.Store, id string, change ...func(*Options)) *contender {
	t.Helper()
	f := fault.New(s)
	o := Options{Store: f, Key: key, ClusterID: "c1", LeaderID: id, Address: id + ":1"}
	for _, fn := range change {
		fn(&o)
	}
	l, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	c := &contender{Lock: l, faults: f, led: make(chan context.Context, 100), quit: make(chan error), cancel: cancel, done: make(chan error, 1)}
	go func() {
		c.done <- l.Run(ctx, func(ctx context.Context) error {
			c.led <- ctx
			select {
			case <-ctx.Done():
				if errors.Is(context.Cause(ctx), ErrLost) && l.MayAct() {
					t.Errorf("%s may act after it lost the lock", id)
				}
				return context.Cause(ctx)
			case err := <-c.quit:
				return err
			}
		})
	}()
	return c
}

func (c *contender) stop(t *testing.T) {
	t.Helper()
	c.cancel()
	if err := <-c.done; !errors.Is(err, context.Canceled) {
		t.Errorf("Run: %v", err)
	}
}

func bubble(t *testing.T, fn func(t *testing.T, s objectstore.Store)) {
	synctest.Test(t, func(t *testing.T) { fn(t, memstore.New(time.Now)) })
}

func TestOneLeadsAndHandsOver(t *testing.T) {
	bubble(t, func(t *testing.T, s objectstore.Store) {
		a := contend(t, s, "a")
		<-a.led
		b := contend(t, s, "b")
		time.Sleep(time.Hour)
		if !a.MayAct() || b.MayAct() || len(b.led) != 0 || b.Holder() != (Holder{"a", "a:1"}) {
			t.Errorf("a acts %v, b acts %v, b sees %v", a.MayAct(), b.MayAct(), b.Holder())
		}
		released := time.Now()
		a.stop(t)
		if a.MayAct() {
			t.Error("acts after it stopped")
		}
		<-b.led
		if d := time.Since(released); d > DefaultRenewEvery {
			t.Errorf("took over %v after a clean release", d)
		}
		b.stop(t)
	})
}

func TestDeadHolderIsReplacedAfterTheTimeout(t *testing.T) {
	bubble(t, func(t *testing.T, s objectstore.Store) {
		a := contend(t, s, "a")
		first := <-a.led
		b := contend(t, s, "b")
		time.Sleep(time.Minute)
		a.faults.Inject(fault.Fail(objectstore.ErrUnavailable)) // cut off: not dead, but as good as
		cut := time.Now()
		<-first.Done()
		if !errors.Is(context.Cause(first), ErrLost) || a.MayAct() || b.MayAct() {
			t.Errorf("%v; a acts %v, b acts %v", context.Cause(first), a.MayAct(), b.MayAct())
		}
		if d := time.Since(cut); d > DefaultTimeout {
			t.Errorf("acted for %v without a renewal", d)
		}
		<-b.led
		if d := time.Since(cut); d < DefaultTimeout-DefaultRenewEvery || d > DefaultTimeout+2*DefaultRenewEvery {
			t.Errorf("taken over after %v", d)
		}
		a.faults.Heal()
		time.Sleep(time.Minute)
		if a.MayAct() || a.Holder().LeaderID != "b" {
			t.Errorf("the old holder acts %v, sees %v", a.MayAct(), a.Holder())
		}
		b.stop(t)
		<-a.led
		a.stop(t)
	})
}

// The same id, known to have no other living bearer, needn't wait for itself.
func TestSoleIDTakesItsOwnLockBack(t *testing.T) {
	for _, sole := range []bool{false, true} {
		bubble(t, func(t *testing.T, s objectstore.Store) {
			a := contend(t, s, "a")
			<-a.led
			a.faults.Inject(fault.Fail(objectstore.ErrUnavailable)) // no release either
			a.stop(t)
			begun := time.Now()
			again := contend(t, s, "a", func(o *Options) { o.Sole = sole })
			<-again.led
			if d := time.Since(begun); (d == 0) != sole {
				t.Errorf("sole %v: waited %v", sole, d)
			}
			again.stop(t)
		})
	}
}

func TestLeadReturns(t *testing.T) {
	bubble(t, func(t *testing.T, s objectstore.Store) {
		a := contend(t, s, "a")
		<-a.led
		b := contend(t, s, "b")
		over := errors.New("that's it")
		a.quit <- over
		if err := <-a.done; err != over {
			t.Errorf("Run: %v", err)
		}
		<-b.led
		b.stop(t)
	})
}

// Renewals that go wrong once, in every way, cost nothing.
func TestOneBadRenewal(t *testing.T) {
	var late fault.Late
	for name, f := range map[string]fault.Fault{
		"refused": fault.Fail(objectstore.ErrUnavailable), "lost reply": fault.LostReply(), "lost": fault.Fail(objectstore.ErrUnknownOutcome),
		"echo": fault.EchoedRetry(), "late": late.Fault(),
		"hangs": func(ctx context.Context, r *fault.Request, _ fault.Next) (fault.Response, error) {
			<-ctx.Done()
			return fault.Response{}, objectstore.Errorf(objectstore.ErrUnknownOutcome, r.Op, r.Key, "%w", ctx.Err())
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s objectstore.Store) {
				a := contend(t, s, "a")
				term := <-a.led
				b := contend(t, s, "b")
				time.Sleep(time.Minute)
				a.faults.Inject(fault.Once(fault.Puts(key), f))
				time.Sleep(4 * time.Second)
				if _, err := late.Land(t.Context()); err != nil && !errors.Is(err, objectstore.ErrPreconditionFailed) {
					t.Error(err)
				}
				time.Sleep(time.Minute)
				if term.Err() != nil || !a.MayAct() || b.MayAct() {
					t.Errorf("lost the lock: %v", context.Cause(term))
				}
				a.stop(t)
				<-b.led
				b.stop(t)
			})
		})
	}
}

// A renewal found by reading back counts from when it was sent, however long the
// reading took.
func TestRenewalCountsFromSending(t *testing.T) {
	bubble(t, func(t *testing.T, s objectstore.Store) {
		a := contend(t, s, "a")
		<-a.led
		var sent time.Time
		a.faults.Inject(fault.Once(fault.Puts(key), func(ctx context.Context, r *fault.Request, next fault.Next) (fault.Response, error) {
			sent = time.Now()
			time.Sleep(time.Second) // on its way there
			resp, err := fault.LostReply()(ctx, r, next)
			time.Sleep(500 * time.Millisecond) // and back
			return resp, err
		}))
		time.Sleep(DefaultRenewEvery + 2*time.Second)
		a.mu.Lock()
		if !a.lastSent.Equal(sent) || sent.IsZero() {
			t.Errorf("counts from %v, was sent at %v", a.lastSent, sent)
		}
		a.mu.Unlock()
		a.faults.Inject(fault.Once(fault.Puts(key), func(ctx context.Context, r *fault.Request, next fault.Next) (fault.Response, error) {
			sent = time.Now()
			time.Sleep(time.Second)
			return next(ctx, r)
		}))
		time.Sleep(DefaultRenewEvery + time.Second)
		a.mu.Lock()
		if !a.lastSent.Equal(sent) {
			t.Errorf("an ordinary renewal counts from %v, was sent at %v", a.lastSent, sent)
		}
		a.mu.Unlock()
		a.stop(t)
	})
}

// Taking the lock, with each way a write can go wrong at first.
func TestBadTake(t *testing.T) {
	var late fault.Late
	for name, f := range map[string]fault.Fault{
		"refused": fault.Fail(objectstore.ErrUnavailable), "lost reply": fault.LostReply(), "lost": fault.Fail(objectstore.ErrUnknownOutcome),
		"echo": fault.EchoedRetry(), "late": late.Fault(),
		"hangs": func(ctx context.Context, r *fault.Request, _ fault.Next) (fault.Response, error) {
			<-ctx.Done()
			return fault.Response{}, objectstore.Errorf(objectstore.ErrUnknownOutcome, r.Op, r.Key, "%w", ctx.Err())
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s objectstore.Store) {
				a := contend(t, s, "a", func(o *Options) { o.Store = fault.New(s, fault.Once(fault.Puts(key), f)) })
				synctest.Wait()
				if _, err := late.Land(t.Context()); err != nil {
					t.Error(err)
				}
				<-a.led
				time.Sleep(time.Minute)
				if !a.MayAct() {
					t.Error("does not act")
				}
				a.stop(t)
			})
		})
	}
}

// A write that the holder sent and gave up lands after a successor was chosen: it can't.
func TestLateRenewalDoesNotBringTheHolderBack(t *testing.T) {
	bubble(t, func(t *testing.T, s objectstore.Store) {
		a := contend(t, s, "a")
		<-a.led
		b := contend(t, s, "b")
		var late fault.Late
		a.faults.Inject(fault.If(fault.Puts(key), late.Fault()))
		term := <-b.led
		for range late.Held() {
			if _, err := late.Land(t.Context()); !errors.Is(err, objectstore.ErrPreconditionFailed) {
				t.Errorf("landed: %v", err)
			}
		}
		time.Sleep(time.Minute)
		if term.Err() != nil || a.MayAct() {
			t.Errorf("b: %v, a acts: %v", context.Cause(term), a.MayAct())
		}
		late.Drop()
		a.stop(t)
		b.stop(t)
	})
}

// Whatever becomes of the object while it is held, the holder notices.
func TestLockTakenAway(t *testing.T) {
	for name, spoil := range map[string]func(ctx context.Context, s objectstore.Store) error{
		"deleted": func(ctx context.Context, s objectstore.Store) error { return s.Delete(ctx, key, objectstore.Always()) },
		"overwritten": func(ctx context.Context, s objectstore.Store) error {
			_, err := s.Put(ctx, key, body{ClusterID: "c1", LeaderID: "x", WriteID: "w", Seq: 1}.encode(), objectstore.Always())
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s objectstore.Store) {
				a := contend(t, s, "a")
				term := <-a.led
				if err := spoil(t.Context(), s); err != nil {
					t.Fatal(err)
				}
				<-term.Done()
				if !errors.Is(context.Cause(term), ErrLost) {
					t.Error(context.Cause(term))
				}
				if name == "overwritten" && a.MayAct() {
					t.Error("acts without the lock")
				}
				<-a.led // in the end it has it again
				a.stop(t)
			})
		})
	}
}

func TestHopeless(t *testing.T) {
	for name, c := range map[string]string{
		"not json": "{", "another cluster": `{"cluster_id": "c2", "leader_id": "x", "seq": 1, "write_id": "w"}`, "no write id": `{"cluster_id": "c1", "seq": 1}`,
	} {
		bubble(t, func(t *testing.T, s objectstore.Store) {
			if _, err := s.Put(t.Context(), key, []byte(c), objectstore.Always()); err != nil {
				t.Fatal(err)
			}
			a := contend(t, s, "a")
			var d *DamagedError
			if err := <-a.done; !errors.As(err, &d) || d.Key != key {
				t.Errorf("%s: %v", name, err)
			}
			a.cancel()
		})
	}
	bubble(t, func(t *testing.T, s objectstore.Store) {
		a := contend(t, s, "a")
		<-a.led
		a.faults.Inject(fault.Fail(objectstore.ErrPermanent))
		if err := <-a.done; !errors.Is(err, objectstore.ErrPermanent) {
			t.Errorf("permission lost: %v", err)
		}
		a.cancel()
	})
}

func TestOptions(t *testing.T) {
	s := memstore.New(nil)
	good := Options{Store: s, Key: key, ClusterID: "c", LeaderID: "l"}
	if _, err := New(good); err != nil {
		t.Error(err)
	}
	for i, spoil := range []func(*Options){
		func(o *Options) { o.Store = nil }, func(o *Options) { o.Key = "" }, func(o *Options) { o.ClusterID = "" }, func(o *Options) { o.LeaderID = "" },
		func(o *Options) { o.RenewEvery = 6 * time.Second }, func(o *Options) { o.Timeout = -1 },
	} {
		o := good
		spoil(&o)
		if _, err := New(o); err == nil {
			t.Errorf("case %d accepted", i)
		}
	}
}

// Four contenders whose requests fail in every way, for a long time: never two may
// act, and when the storm is over one leads.
func TestStorm(t *testing.T) {
	for seed := range 20 {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			bubble(t, func(t *testing.T, s objectstore.Store) { storm(t, s, uint64(seed)) })
		})
	}
}

func storm(t *testing.T, s objectstore.Store, seed uint64) {
	var mu sync.Mutex
	var late fault.Late
	rng := rand.New(rand.NewPCG(seed, 7))
	roll := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return rng.IntN(n)
	}
	kinds := []fault.Fault{fault.Fail(objectstore.ErrUnavailable), fault.LostReply(), fault.Fail(objectstore.ErrUnknownOutcome), fault.EchoedRetry(), late.Fault()}
	var cs []*contender
	cut := make([]bool, 4) // off from object storage
	for i := range cut {
		c := contend(t, s, fmt.Sprint("l", i))
		c.faults.Inject(func(ctx context.Context, r *fault.Request, next fault.Next) (fault.Response, error) {
			mu.Lock()
			off := cut[i]
			mu.Unlock()
			if off {
				return fault.Fail(objectstore.ErrUnavailable)(ctx, r, next)
			}
			if roll(100) < 40 {
				return kinds[roll(len(kinds))](ctx, r, next)
			}
			return next(ctx, r)
		})
		cs = append(cs, c)
	}
	leaders := func() (n int) {
		for _, c := range cs {
			if c.MayAct() {
				n++
			}
		}
		return n
	}
	terms := 0
	for range 20_000 {
		time.Sleep(time.Duration(roll(200)) * time.Millisecond)
		if leaders() > 1 {
			t.Fatal("two may act")
		}
		if roll(100) == 0 {
			i := roll(len(cut))
			mu.Lock()
			cut[i] = !cut[i]
			mu.Unlock()
		}
		if roll(20) == 0 {
			if _, err := late.Land(t.Context()); err != nil && !errors.Is(err, objectstore.ErrPreconditionFailed) {
				t.Error(err)
			}
		}
	}
	for _, c := range cs {
		c.faults.Heal()
		terms += len(c.led)
	}
	time.Sleep(time.Minute)
	if leaders() != 1 || terms < 10 {
		t.Errorf("%d lead after the storm, %d terms in it", leaders(), terms)
	}
	for _, c := range cs {
		c.stop(t)
	}
}

// Whatever the bytes: a typed error or a lock object.
func FuzzParse(f *testing.F) {
	f.Add(body{ClusterID: "c1", LeaderID: "l", Seq: 3, WriteID: "w", UpdatedAt: epoch0}.encode())
	f.Add([]byte("{"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parse(b, "v", key, "c1")
		var d *DamagedError
		if err != nil && !errors.As(err, &d) || err == nil && (s.WriteID == "" || s.Seq < 1 || s.version != "v") {
			t.Errorf("%+v, %v", s, err)
		}
	})
}
