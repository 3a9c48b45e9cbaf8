package objectlog

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
	"github.com/netsy-io/netsy/pkg/objectstore/memstore"
	"github.com/netsy-io/netsy/pkg/record"
)

var (
	raceSeed  = flag.Uint64("race.seed", 0, "run only this seed of TestRacingReigns")
	raceSeeds = flag.Uint64("race.seeds", 150, "number of seeds of TestRacingReigns")
)

// TestRacingReigns lets the Primaries of several epochs work on one bucket at the same
// time, as only deposed ones that don't know it can, while writes get lost, are
// answered wrongly or land much later, and a compactor frees slots at any time.
// What a writer was told must be true of the history in the end.
func TestRacingReigns(t *testing.T) {
	first, last := uint64(1), *raceSeeds
	if *raceSeed != 0 {
		first, last = *raceSeed, *raceSeed
	}
	total := map[string]int{}
	for seed := first; seed <= last; seed++ {
		synctest.Test(t, func(t *testing.T) {
			defer func() {
				if t.Failed() { // that ends the test around it too
					t.Logf("again with: go test -run TestRacingReigns -race.seed=%d", seed)
				}
			}()
			r := newRace(t, seed)
			r.run()
			r.judge()
			for k, v := range r.counts {
				total[k] += v
			}
		})
	}
	t.Log(total)
	for _, k := range []string{"won", "lost", "freed", "unknown", "snapshots"} {
		if total[k] == 0 && *raceSeed == 0 {
			t.Errorf("nothing was %s: the race doesn't exercise it", k)
		}
	}
}

type race struct {
	t   *testing.T
	mem *memstore.Store

	mu     sync.Mutex // over everything below
	rng    *rand.Rand
	lates  []*fault.Late
	won    []ChunkInfo
	lost   []lostSlot
	counts map[string]int
	merged []record.Pos // what snapshots hold, from revision 1 on
}

type lostSlot struct {
	first record.Revision
	epoch record.Epoch
}

func newRace(t *testing.T, seed uint64) *race {
	return &race{t: t, mem: memstore.New(nil), rng: rand.New(rand.NewPCG(seed, 0)), counts: map[string]int{}}
}

func (r *race) intn(n int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rng.IntN(n)
}

func (r *race) count(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[what]++
}

func (r *race) idle(atMost time.Duration) { time.Sleep(time.Duration(r.intn(int(atMost)))) }

// run starts one reign after the other without waiting for the older ones to end.
func (r *race) run() {
	ctx, cancel := context.WithCancel(r.t.Context())
	var reigns, others sync.WaitGroup
	for e := record.Epoch(1); e <= 5; e++ {
		late := &fault.Late{}
		r.lates = append(r.lates, late)
		reigns.Go(func() {
			time.Sleep(time.Duration(e) * time.Second)
			r.reign(ctx, e, r.faulty(late))
		})
		others.Go(func() {
			for ctx.Err() == nil {
				r.idle(3 * time.Second)
				_, _ = late.Land(ctx) // nobody hears of it
			}
		})
	}
	others.Go(func() {
		for ctx.Err() == nil {
			r.idle(2 * time.Second)
			r.compact(ctx)
		}
	})
	reigns.Wait()
	cancel()
	others.Wait()
	for _, late := range r.lates { // the last ones, long after everybody has gone
		for ok := true; ok; {
			ok, _ = late.Land(r.t.Context())
		}
	}
}

func (r *race) faulty(late *fault.Late) objectstore.Store {
	rng := func() *rand.Rand { return rand.New(rand.NewPCG(uint64(r.intn(1<<30)), 1)) }
	puts := fault.Puts(ChunkPrefix)
	return fault.New(r.mem,
		fault.If(puts, fault.Randomly(rng(), 0.1, fault.LostReply())),
		fault.If(puts, fault.Randomly(rng(), 0.1, fault.EchoedRetry())),
		fault.If(puts, fault.Randomly(rng(), 0.2, late.Fault())),
		fault.Randomly(rng(), 0.05, fault.Fail(objectstore.ErrUnavailable)),
		fault.Hook(func(*fault.Request) { r.idle(300 * time.Millisecond) }),
	)
}

// reign is a Primary: it reads the log, stops at a higher epoch, adopts lower ones.
func (r *race) reign(ctx context.Context, epoch record.Epoch, s objectstore.Store) {
	l := New(s, Options{})
	for range 20 {
		end, err := l.Read(ctx, r.newestSnapshot(), func(Chunk) error { return nil })
		switch {
		case errors.Is(err, ErrGap), errors.Is(err, ErrSuperseded), objectstore.Retryable(err):
			continue // the compactor was here
		case err != nil:
			r.t.Errorf("epoch %d: reading: %v", epoch, err)
			return
		case end.HeaderEpoch > epoch:
			return
		}
		if r.intn(4) == 0 {
			time.Sleep(time.Duration(r.intn(10)) * time.Second) // paused, and perhaps deposed
		}
		if !r.extend(ctx, l.NewWriter(epoch, fmt.Sprintf("node-%d", epoch), end.Last.Revision+1)) {
			return
		}
	}
}

// extend appends until something ends it, and says whether to adopt and go on.
func (r *race) extend(ctx context.Context, w *Writer) (adopt bool) {
	for range 8 {
		ctx, cancel := context.WithTimeout(ctx, time.Duration(100+r.intn(4000))*time.Millisecond)
		first := w.Next()
		info, err := w.Append(ctx, run(w.epoch, first, 1+r.intn(3)))
		cancel()
		var lost *SlotLostError
		switch {
		case err == nil:
			r.mu.Lock()
			r.won = append(r.won, info)
			r.mu.Unlock()
			r.count("won")
		case errors.As(err, &lost):
			r.mu.Lock()
			r.lost = append(r.lost, lostSlot{first, w.epoch})
			r.mu.Unlock()
			r.count("lost")
			return lost.Winner.Epoch < w.epoch
		case errors.Is(err, ErrSlotFreed):
			r.count("freed")
			return false
		case errors.Is(err, ErrOutcomeUnknown):
			r.count("unknown")
			return false
		default:
			return false
		}
		r.idle(2 * time.Second)
	}
	return false
}

func (r *race) newestSnapshot() record.Revision {
	revs, err := New(r.mem, Options{}).snapshots(r.t.Context())
	if err != nil {
		r.t.Error(err)
	}
	if len(revs) == 0 {
		return 0
	}
	return revs[len(revs)-1]
}

// compact does what the compactor will do: a snapshot at the chain's end, then the
// chunks behind the second newest deleted, the first of each reign overwritten.
func (r *race) compact(ctx context.Context) {
	before := r.newestSnapshot()
	var grown []record.Pos
	end, err := New(r.mem, Options{}).Read(ctx, before, func(c Chunk) error {
		for i := range c.Records {
			grown = append(grown, c.Records[i].Pos())
		}
		return nil
	})
	if err != nil || len(grown) == 0 || ctx.Err() != nil {
		if err != nil && ctx.Err() == nil {
			r.t.Errorf("compactor: %v", err)
		}
		return
	}
	plantSnapshot(r.t, r.mem, end.Last)
	r.merged = append(r.merged, grown...)
	r.count("snapshots")
	r.free(ctx, before)
}

// free frees all slots up to and including revision upTo.
func (r *race) free(ctx context.Context, upTo record.Revision) {
	l := New(r.mem, Options{})
	err := objectstore.ListAll(ctx, r.mem, ChunkPrefix, "", func(o objectstore.Info) error {
		first, err := parseKey(ChunkPrefix, o.Key)
		if err != nil || first > upTo {
			return err
		}
		h, err := l.header(ctx, o.Key, 1)
		if err != nil || h.Tombstone() {
			return err
		}
		if first > 1 && h.Epoch <= r.merged[first-2].Epoch {
			return r.mem.Delete(ctx, o.Key, objectstore.Always())
		}
		b, err := datafile.EncodeTombstone(h)
		if err == nil {
			_, err = r.mem.Put(ctx, o.Key, b, objectstore.IfMatch(o.Version))
		}
		return err
	})
	if err != nil && ctx.Err() == nil {
		r.t.Errorf("compactor: %v", err)
	}
}

// judge holds what writers were told against the history: snapshots, then the chain.
func (r *race) judge() {
	history := r.merged
	after := r.newestSnapshot()
	_, err := New(r.mem, Options{}).Read(r.t.Context(), after, func(c Chunk) error {
		for i := range c.Records {
			history = append(history, c.Records[i].Pos())
		}
		return nil
	})
	if err != nil {
		r.t.Errorf("the log can't be read: %v", err)
	}
	for i, p := range history {
		if p.Revision != record.Revision(i+1) || i > 0 && p.Epoch < history[i-1].Epoch {
			r.t.Fatalf("history: %v", history)
		}
	}
	for _, c := range r.won {
		for rev := c.First; rev <= c.Last.Revision; rev++ {
			if int(rev) > len(history) || history[rev-1].Epoch != c.Last.Epoch {
				r.t.Errorf("revision %d was won in epoch %d, history: %v", rev, c.Last.Epoch, history)
			}
		}
	}
	for _, l := range r.lost {
		if int(l.first) <= len(history) && history[l.first-1].Epoch == l.epoch {
			r.t.Errorf("slot %d was lost in epoch %d, but is of it: %v", l.first, l.epoch, history)
		}
	}
}
