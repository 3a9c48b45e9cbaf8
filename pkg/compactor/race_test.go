package compactor

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

	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
	"github.com/netsy-io/netsy/pkg/objectstore/memstore"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
	"github.com/netsy-io/netsy/pkg/snapshot"
)

var (
	raceSeed  = flag.Uint64("race.seed", 0, "run only this seed of TestRacing")
	raceSeeds = flag.Uint64("race.seeds", 40, "number of seeds of TestRacing")
)

// TestRacing lets Primaries of several epochs, deposed ones that don't know it among them,
// and two compactors that free at once what two snapshots supersede, work on one bucket,
// while writes get lost, are answered wrongly or land much later. What writers were told
// must be true of the history in the end.
func TestRacing(t *testing.T) {
	first, last := uint64(1), *raceSeeds
	if *raceSeed != 0 {
		first, last = *raceSeed, *raceSeed
	}
	total := map[string]int{}
	for seed := first; seed <= last; seed++ {
		synctest.Test(t, func(t *testing.T) {
			defer func() {
				if t.Failed() { // that ends the test around it too
					t.Logf("again with: go test -run TestRacing$ -race.seed=%d", seed)
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
	for _, k := range []string{"won", "lost", "freed", "unknown", "written", "deleted", "tombstones", "deleted snapshots", "lock lost or busy", "failed"} {
		if total[k] == 0 && *raceSeed == 0 {
			t.Errorf("nothing was %s: the race doesn't exercise it", k)
		}
	}
}

type race struct {
	t   *testing.T
	mem *memstore.Store
	dir string

	mu     sync.Mutex // over everything below
	rng    *rand.Rand
	lates  []*fault.Late
	won    []objectlog.ChunkInfo
	lost   []record.Pos // slots, with the epoch that lost them
	counts map[string]int
}

func newRace(t *testing.T, seed uint64) *race {
	r := &race{t: t, mem: memstore.New(nil), dir: t.TempDir(), rng: rand.New(rand.NewPCG(seed, 0)), counts: map[string]int{}}
	if _, err := registry.New(r.mem, clusterID).EnsureCluster(t.Context(), registry.QuorumMajority); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *race) intn(n int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rng.IntN(n)
}

func (r *race) count(what string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[what] += n
}

func (r *race) idle(atMost time.Duration) { time.Sleep(time.Duration(r.intn(int(atMost)))) }

func (r *race) run() {
	ctx, cancel := context.WithCancel(r.t.Context())
	var reigns, others sync.WaitGroup
	for e := record.Epoch(1); e <= 5; e++ {
		s := r.faulty(ctx, &others, "chunks/")
		reigns.Go(func() {
			time.Sleep(time.Duration(e) * 2 * time.Second)
			r.reign(ctx, e, s)
		})
	}
	for range 2 {
		s := r.faulty(ctx, &others, "")
		others.Go(func() { r.compact(ctx, s) })
	}
	reigns.Wait()
	cancel()
	others.Wait()
	for _, late := range r.lates { // the last ones, long after everybody has gone
		for ok := true; ok; {
			ok, _ = late.Land(r.t.Context())
		}
	}
}

// faulty is the bucket as one process has it: writes under prefix meet the worst.
func (r *race) faulty(ctx context.Context, wg *sync.WaitGroup, prefix string) objectstore.Store {
	late := &fault.Late{}
	r.mu.Lock()
	r.lates = append(r.lates, late)
	r.mu.Unlock()
	wg.Go(func() {
		for ctx.Err() == nil {
			r.idle(3 * time.Second)
			_, _ = late.Land(ctx) // nobody hears of it
		}
	})
	rng := func() *rand.Rand { return rand.New(rand.NewPCG(uint64(r.intn(1<<30)), 1)) }
	writes := fault.Ops(prefix, "put", "delete")
	return fault.New(r.mem,
		fault.If(writes, fault.Randomly(rng(), 0.1, fault.LostReply())),
		fault.If(writes, fault.Randomly(rng(), 0.1, fault.EchoedRetry())),
		fault.If(writes, fault.Randomly(rng(), 0.15, late.Fault())),
		fault.Randomly(rng(), 0.05, fault.Fail(objectstore.ErrUnavailable)),
		fault.Hook(func(*fault.Request) { r.idle(300 * time.Millisecond) }),
	)
}

// compact makes passes, now and then with a pause in the midst of one.
func (r *race) compact(ctx context.Context, s objectstore.Store) {
	paused := fault.New(s, fault.If(fault.Ops("", "put", "delete"), fault.Hook(func(*fault.Request) {
		if r.intn(20) == 0 {
			time.Sleep(time.Duration(r.intn(20)) * time.Second)
		}
	})))
	for ctx.Err() == nil {
		c := New(Options{Store: paused, ClusterID: clusterID, ID: "c", Thresholds: Thresholds{Records: 1}, Retention: 1, Keep: 2, Dir: r.dir})
		for range 1 + r.intn(3) {
			report, err := c.Once(ctx)
			if err != nil && ctx.Err() == nil {
				r.count("failed", 1)
				if objectlog.Damaged(err) || errors.Is(err, objectlog.ErrOverlap) || errors.Is(err, objectlog.ErrEpochBack) || errors.Is(err, snapshot.ErrConflict) {
					r.t.Errorf("compactor: %v", err)
				}
			}
			r.count("deleted", report.Deleted)
			r.count("tombstones", report.Tombstones)
			r.count("deleted snapshots", report.DeletedSnapshots)
			if report.Written > 0 {
				r.count("written", 1)
			}
			if report.Outcome == Busy || report.Outcome == LockLost {
				r.count("lock lost or busy", 1)
			}
			r.idle(2 * time.Second)
		}
	}
}

// reign is a Primary: it reads the log, stops at a higher epoch, adopts lower ones.
func (r *race) reign(ctx context.Context, epoch record.Epoch, s objectstore.Store) {
	for range 20 {
		l, err := load(ctx, s)
		end, readErr := objectlog.New(s, objectlog.Options{}).Read(ctx, l.upTo(), func(objectlog.Chunk) error { return nil })
		switch err = errors.Join(err, readErr); {
		case overtook(err), errors.Is(err, objectstore.ErrNotFound), objectstore.Retryable(err):
			r.idle(time.Second)
			continue // a compactor was here
		case err != nil:
			r.t.Errorf("epoch %d: reading: %v", epoch, err)
			return
		case end.HeaderEpoch > epoch:
			return
		}
		if r.intn(4) == 0 {
			time.Sleep(time.Duration(r.intn(20)) * time.Second) // paused, and perhaps deposed
		}
		if !r.extend(ctx, epoch, l, objectlog.New(s, objectlog.Options{}).NewWriter(epoch, fmt.Sprintf("node-%d", epoch), l.upTo()+1)) {
			return
		}
	}
}

func (l *loaded) upTo() record.Revision {
	if n := len(l.records); n > 0 {
		return l.records[n-1].Revision
	}
	return 0
}

// keys are what the next records need to know of those before.
func (l *loaded) keys() map[string]record.KeyState {
	keys := map[string]record.KeyState{}
	for _, r := range l.records {
		keys[string(r.Key)] = record.KeyState{CreateRevision: r.CreateRevision, ModRevision: r.Revision, Version: r.Version}
	}
	return keys
}

// extend appends until something ends it, and says whether to adopt and go on. A reign's
// first record is its seal.
func (r *race) extend(ctx context.Context, epoch record.Epoch, l loaded, w *objectlog.Writer) (adopt bool) {
	keys := l.keys()
	for range 8 {
		ctx, cancel := context.WithTimeout(ctx, time.Duration(100+r.intn(4000))*time.Millisecond)
		first := w.Next()
		info, err := w.Append(ctx, r.records(first, epoch, keys))
		cancel()
		var lost *objectlog.SlotLostError
		switch {
		case err == nil:
			r.mu.Lock()
			r.won = append(r.won, info)
			r.mu.Unlock()
			r.count("won", 1)
		case errors.As(err, &lost):
			r.mu.Lock()
			r.lost = append(r.lost, record.Pos{Epoch: epoch, Revision: first})
			r.mu.Unlock()
			r.count("lost", 1)
			return lost.Winner.Epoch < epoch
		case errors.Is(err, objectlog.ErrSlotFreed):
			r.count("freed", 1)
			return false
		case errors.Is(err, objectlog.ErrOutcomeUnknown):
			r.count("unknown", 1)
			return false
		default:
			return false
		}
		r.idle(2 * time.Second)
	}
	return false
}

func (r *race) records(first record.Revision, epoch record.Epoch, keys map[string]record.KeyState) (recs []record.Record) {
	add := func(rec record.Record) {
		recs = append(recs, rec)
		keys[string(rec.Key)] = record.KeyState{CreateRevision: rec.CreateRevision, ModRevision: rec.Revision, Version: rec.Version}
	}
	seal := fmt.Sprintf("sealed-%d", epoch)
	if _, ok := keys[seal]; !ok {
		keys[seal] = record.KeyState{}
		add(record.EpochStart(first, epoch, "node", keys[record.EpochStartKey], time.Time{}))
		return recs
	}
	for i := range 1 + r.intn(3) {
		key := fmt.Sprintf("k%d", r.intn(3))
		add(nextOf(key, keys[key], first+record.Revision(i), epoch))
	}
	return recs
}

// judge holds what writers were told against the history.
func (r *race) judge() {
	l, err := load(r.t.Context(), r.mem)
	if err != nil {
		r.t.Errorf("the bucket can't be loaded: %v", err)
	}
	for i, rec := range l.records {
		if rec.Revision != record.Revision(i+1) || i > 0 && rec.Epoch < l.records[i-1].Epoch {
			r.t.Fatalf("record %d of the history is %v", i+1, rec.Pos())
		}
	}
	for _, c := range r.won {
		for rev := c.First; rev <= c.Last.Revision; rev++ {
			if int(rev) > len(l.records) || l.records[rev-1].Epoch != c.Last.Epoch {
				r.t.Errorf("revision %d was won in epoch %d, which isn't so in the history", rev, c.Last.Epoch)
			}
		}
	}
	for _, p := range r.lost {
		if int(p.Revision) <= len(l.records) && l.records[p.Revision-1].Pos() == p {
			r.t.Errorf("slot %d was lost in epoch %d, but is of it", p.Revision, p.Epoch)
		}
	}
}
