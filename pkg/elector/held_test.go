package elector

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
)

// refusing is a store that refuses everything for good while it is told to, and counts
// the requests.
func refusing(s objectstore.Store) (f *fault.Store, refuse *atomic.Bool, requests *atomic.Int64) {
	refuse, requests = &atomic.Bool{}, &atomic.Int64{}
	return fault.New(s, fault.If(func(*fault.Request) bool {
		requests.Add(1)
		return refuse.Load()
	}, fault.Fail(objectstore.ErrPermanent))), refuse, requests
}

// An elector that can't even begin says so and ends: whoever started it looks.
func TestRefusedAtTheStart(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		b.add("node-1")
		f, refuse, _ := refusing(b.store)
		refuse.Store(true)
		e := b.elector("e1", func(o *Options) { o.Store = f })
		if err := <-e.done; !errors.Is(err, objectstore.ErrPermanent) {
			t.Errorf("ended with %v", err)
		}
	})
}

// One that was at work stays when object storage refuses it, says so, asks seldom, and
// goes on once it may: in office, and in waiting.
func TestRefusedAtWork(t *testing.T) {
	for _, inOffice := range []bool{true, false} {
		inBubble(t, func(t *testing.T, b *bed) {
			n := b.add("node-1")
			f, refuse, requests := refusing(b.store)
			mine := func(o *Options) { o.Store = f }
			var e, other *process
			if inOffice {
				e = b.elector("e1", mine)
				b.awaitPrimary(n)
			} else {
				other = b.elector("e2")
				b.awaitPrimary(n)
				e = b.elector("e1", mine)
			}
			time.Sleep(time.Minute)
			if err := e.Held(); err != nil {
				t.Errorf("held before: %v", err)
			}
			refuse.Store(true)
			time.Sleep(time.Minute)
			if err := e.Held(); !errors.Is(err, objectstore.ErrPermanent) || e.InOffice() {
				t.Errorf("in office: %t, held: %v", e.InOffice(), err)
			}
			before := requests.Load()
			time.Sleep(time.Minute)
			if n := requests.Load() - before; n > 2*int64(time.Minute/refusedPause) {
				t.Errorf("%d requests in a minute of refusals", n)
			}
			refuse.Store(false)
			time.Sleep(time.Minute)
			if err := e.Held(); err != nil || e.InOffice() != inOffice {
				t.Errorf("afterwards: in office: %t, held: %v", e.InOffice(), err)
			}
			e.stop(t)
			if other != nil {
				other.stop(t)
			}
		})
	}
}

// A node that stops with the elector in office is deregistered before the elector ends.
func TestSeeOut(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		n1, n2, n3 := b.three()
		e := b.elector("e1")
		b.awaitPrimary(n1)
		time.Sleep(time.Minute)
		n2.set(func() { n2.leaving = true })
		synctest.Wait()
		time.Sleep(time.Second) // a heartbeat
		begun := time.Now()
		n2.stop()
		e.SeeOut(t.Context(), n2.id)
		if took := time.Since(begun); took >= seeOutTimeout {
			t.Errorf("it took %v", took)
		}
		if b.registered(n2.id) {
			t.Error("still registered")
		}
		if c := b.cluster(); len(c.Durability.Voters) != 2 {
			t.Errorf("voters: %v", c.Durability.Voters)
		}

		n3.stop() // without a word: it may come back
		begun = time.Now()
		e.SeeOut(t.Context(), n3.id)
		if took := time.Since(begun); took != seeOutTimeout {
			t.Errorf("waited %v for one who may come back", took)
		}
		begun = time.Now()
		e.SeeOut(t.Context(), "nobody")
		if took := time.Since(begun); took != 0 {
			t.Errorf("waited %v for nobody", took)
		}
		e.stop(t)
		e.SeeOut(t.Context(), n1.id) // not in office
		if took := time.Since(begun); took > time.Second {
			t.Errorf("waited %v out of office", took)
		}
	})
}
