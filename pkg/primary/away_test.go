package primary

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// began starts a create and returns where its outcome will be.
func began(t *testing.T, m *machine, key string) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, err := create(t.Context(), m.reign, key, "v")
		done <- err
	}()
	return done
}

func pending(t *testing.T, done <-chan error) {
	t.Helper()
	synctest.Wait()
	select {
	case err := <-done:
		t.Fatalf("answered: %v", err)
	default:
	}
}

// givesUp checks that the reign ends for storage, with the write's outcome unknown, and when.
func givesUp(t *testing.T, m *machine, done <-chan error) {
	t.Helper()
	time.Sleep(defaultSlotTimeout - time.Second)
	pending(t, done)
	time.Sleep(3 * time.Second)
	synctest.Wait()
	if err := <-done; !errors.Is(err, ErrUnknownOutcome) {
		t.Fatal(err)
	}
	if err := m.reign.Err(); !errors.Is(err, ErrStorageAway) {
		t.Fatal(err)
	}
}

func TestReignEndsWhereObjectStorageIsAway(t *testing.T) {
	for name, f := range map[string]func() fault.Fault{
		"refused": func() fault.Fault { return chunkPuts },
		"unknown": func() fault.Fault { return fault.If(fault.Puts("chunks/"), fault.Fail(objectstore.ErrUnknownOutcome)) },
		"silent":  func() fault.Fault { return fault.Hold(make(chan struct{})) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newWorld(t).machine("p")
				m.mustStart()
				m.net.Inject(f())
				time.Sleep(time.Hour) // nothing waits, so nothing is wrong
				done := began(t, m, "k")
				givesUp(t, m, done)
				m.net.Heal()
			})
		})
	}
}

func TestReignOutlivesAShortOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newWorld(t).machine("p")
		m.mustStart()
		m.net.Inject(chunkPuts)
		done := began(t, m, "k")
		time.Sleep(defaultSlotTimeout - 3*time.Second)
		pending(t, done)
		m.net.Heal()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}

func TestReignOfANodeAloneGoesOnTrying(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newWorld(t).machine("p")
		m.alone = true
		m.mustStart()
		m.net.Inject(chunkPuts)
		done := began(t, m, "k")
		time.Sleep(time.Hour)
		pending(t, done)
		m.net.Heal()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}

// What receipts commit waits for no flush; once they don't come, it does.
func TestFlushesEndNoReign(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, m, a, b := inQuorum(t)
		m.net.Inject(chunkPuts)
		for i := range 30 {
			m.mustCreate(string(rune('a'+i)), "v")
			time.Sleep(10 * time.Second) // a flush is due after a minute
		}
		if err := m.reign.Err(); err != nil {
			t.Fatal(err)
		}
		a.mute(true)
		b.mute(true)
		givesUp(t, m, began(t, m, "last"))
		m.net.Heal()
	})
}

func TestStartEndsWhereObjectStorageIsAway(t *testing.T) {
	for name, f := range map[string]func() fault.Fault{
		"writes":        func() fault.Fault { return chunkPuts },
		"silent writes": func() fault.Fault { return fault.If(fault.Puts("chunks/"), fault.Hold(make(chan struct{}))) },
		"all":           func() fault.Fault { return fault.Fail(objectstore.ErrUnavailable) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newWorld(t).machine("p")
				m.net.Inject(f())
				at := time.Now()
				err := m.start(t.Context())
				if !errors.Is(err, ErrStorageAway) && !errors.Is(err, objectstore.ErrUnavailable) || errors.Is(err, ErrDeposed) {
					t.Fatal(err)
				}
				if d := time.Since(at); d > 2*defaultSlotTimeout {
					t.Fatalf("only after %v", d)
				}
				m.net.Heal()
				m.mustStart()
				m.mustCreate("k", "v")
			})
		})
	}
}

// flaky fails the first few times.
type flaky struct {
	desk
	fails int
}

func (f *flaky) Terms(ctx context.Context) (Terms, error) {
	if f.fails--; f.fails >= 0 {
		return Terms{}, objectstore.ErrUnavailable
	}
	return f.desk.Terms(ctx)
}

func TestRuleIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for fails, want := range map[int]error{3: nil, 1000: objectstore.ErrUnavailable} {
			cfg := Config{Office: &flaky{desk{w.machine("p"), 0}, fails}, SlotTimeout: defaultSlotTimeout}
			if d, err := readTerms(t.Context(), cfg); !errors.Is(err, want) || err == nil && d.Durability.Mode != registry.ModeObjectStorage {
				t.Fatal(d, err)
			}
		}
	})
}

// slotDue counts from the last progress, and only while the object log is what is waited for.
func TestSlotDue(t *testing.T) {
	began := time.Now()
	at := func(s int) time.Time { return began.Add(time.Duration(s) * time.Second) }
	write := func(last record.Revision, taken int) *batch {
		return &batch{records: make([]record.Record, 1), last: last, taken: at(taken)}
	}
	read := &batch{last: 4, taken: at(0)}
	rule := &registry.Durability{}
	for _, c := range []struct {
		name     string
		inFlight []*batch
		rule     *registry.Durability
		falling  bool
		logged   record.Revision
		loggedAt int
		due      int // 0: never
	}{
		{"nothing under way", nil, nil, false, 4, 1, 0},
		{"nothing but reads", []*batch{read}, nil, false, 4, 1, 0},
		{"a write", []*batch{write(5, 3)}, nil, false, 4, 1, 13},
		{"a write behind a read", []*batch{read, write(5, 3)}, nil, false, 4, 1, 13},
		{"the oldest counts", []*batch{write(5, 3), write(6, 4)}, nil, false, 4, 1, 13},
		{"progress since", []*batch{write(50, 3)}, nil, false, 44, 9, 19},
		{"receipts are waited for", []*batch{write(5, 3)}, rule, false, 4, 1, 0},
		{"receipts were late", []*batch{write(5, 3)}, rule, true, 4, 1, 13},
		{"the local disk is waited for", []*batch{write(5, 3)}, nil, false, 5, 4, 0},
	} {
		m := &committer{r: &Reign{cfg: Config{SlotTimeout: 10 * time.Second}}, inFlight: c.inFlight, loggedAt: at(c.loggedAt)}
		m.ledger.rule, m.falling, m.ledger.logged = c.rule, c.falling, c.logged
		due, ok := m.slotDue()
		if ok != (c.due != 0) || ok && !due.Equal(at(c.due)) {
			t.Errorf("%s: %v, %v", c.name, due.Sub(began), ok)
		}
	}
}
