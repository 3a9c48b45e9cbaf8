package snapshot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
	"github.com/netsy-io/netsy/pkg/objectstore/memstore"
	"github.com/netsy-io/netsy/pkg/record"
)

// merged merges and returns what the snapshot is when it is read back from a bucket.
func merged(t testing.TB, st objectstore.Store, o MergeOptions) (snap, Info, error) {
	t.Helper()
	s := smallRanges(t, st, 1000)
	d, info, err := s.Merge(t.Context(), objectlog.New(st, objectlog.Options{}), o)
	if err != nil {
		return snap{}, info, err
	}
	defer d.Close()
	mem := memstore.New(nil)
	plant(t, mem, info.Key, bytesOf(t, d))
	h, recs, err := readAll(t.Context(), smallRanges(t, mem, 1000), info.Last.Revision)
	if err != nil || h.Purged != info.Purged || h.Epoch != info.Last.Epoch || h.RecordsCount != info.Records {
		t.Fatalf("%+v, read back %+v: %v", info, h, err)
	}
	return snap{h.Purged, recs}, info, nil
}

// upTo is a random revision below n.
func upTo(rng *rand.Rand, n record.Revision) record.Revision {
	return record.Revision(rng.Int64N(int64(n)))
}

func randomHistory(rng *rand.Rand, n int) *history {
	h := newHistory(1)
	for h.last() < record.Revision(n) {
		rev, key := h.last()+1, fmt.Sprintf("key-%d", rng.IntN(20))
		switch rng.IntN(10) {
		case 0:
			h.epoch++
			h.add(rev, 0, record.EpochStartKey, nil, false)
		case 1, 2, 3:
			h.gone(rev, 0, key)
		case 4:
			h.add(rev, 0, key, []byte("first"), false).add(rev, 1, key+"-too", []byte("second"), false)
		default:
			h.add(rev, 0, key, fmt.Append(nil, rng.Uint64()), false)
		}
	}
	return h
}

// TestMergeRandomly follows a log with snapshots made from each other, as compactors do,
// and to random points, against the model of rule_test.go.
func TestMergeRandomly(t *testing.T) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 7))
		h := randomHistory(rng, 120)
		st := memstore.New(nil)
		size := 1 + rng.IntN(12)
		h.chunks(t, st, 0, size)
		var base, purged, compaction record.Revision
		for base < 120 {
			to := (base/record.Revision(size) + 1 + upTo(rng, 5)) * record.Revision(size) // where a chunk ends
			if to > 120 || rng.IntN(5) == 0 {
				to = 0
			}
			end := to
			if to == 0 {
				end = 120
			}
			compaction = max(compaction, upTo(rng, end+3))
			o := MergeOptions{Base: base, To: to, Compaction: compaction, LeaderID: "me"}
			purged = wantPurged(purged, compaction, end)
			s, info, err := merged(t, st, o)
			if err == nil {
				err = checkReduced(s, h.recs, end, purged)
			}
			if err != nil || info.Last.Revision != end {
				t.Fatalf("seed %d: %+v: %+v: %v", seed, o, info, err)
			}
			// To a point within it, too.
			if point := purged + 1 + upTo(rng, end-purged); point < end {
				only := memstore.New(nil) // no chunks are needed for that
				plantSnapshot(t, only, s.purged, s.recs)
				c := upTo(rng, end)
				p, _, err := merged(t, only, MergeOptions{Base: end, To: point, Compaction: c})
				if err == nil {
					err = checkReduced(p, h.recs, point, wantPurged(purged, c, point))
				}
				if err != nil {
					t.Fatalf("seed %d: base %d reduced up to %d, to %d, compaction %d: %v", seed, end, purged, point, c, err)
				}
			}
			st = st.Clone()
			plantSnapshot(t, st, s.purged, s.recs)
			free(t, st, base) // two snapshots have it
			base = end
		}
	}
}

// TestMergeOfOneEqualsAnothers: equal inputs give equal contents, whoever merges.
func TestMergeOfOneEqualsAnothers(t *testing.T) {
	st, h := memstore.New(nil), randomHistory(rand.New(rand.NewPCG(1, 1)), 100)
	h.chunks(t, st, 0, 7)
	a, _, errA := merged(t, st, MergeOptions{Compaction: 50, LeaderID: "a"})
	b, _, errB := merged(t, st, MergeOptions{Compaction: 50, LeaderID: "b"})
	if errA != nil || errB != nil || brief(a.recs) != brief(b.recs) {
		t.Error(errA, errB)
	}
}

// free deletes the chunks that end at or below rev.
func free(t *testing.T, st objectstore.Store, rev record.Revision) {
	err := objectstore.ListAll(t.Context(), st, "chunks/", "", func(o objectstore.Info) error {
		b, _, err := objectstore.ReadAll(t.Context(), st, o.Key, 1<<20)
		if err != nil {
			return err
		}
		_, recs, err := datafile.DecodeChunk(b)
		if err != nil || recs[len(recs)-1].Revision > rev {
			return err
		}
		return st.Delete(t.Context(), o.Key, objectstore.Always())
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestUnreachable(t *testing.T) {
	h := longHistory(30)
	lone := func(purged record.Revision, recs []record.Record) objectstore.Store {
		st := memstore.New(nil)
		plantSnapshot(t, st, purged, recs)
		h.chunks(t, st, recs[len(recs)-1].Revision, 5)
		return st
	}
	reduced, err := reduce(snap{}, 0, h.recs, 20, 11, 20)
	if err != nil {
		t.Fatal(err)
	}
	foreign := h.recs[4:20] // no word on what is left out
	for name, c := range map[string]struct {
		st           objectstore.Store
		o            MergeOptions
		below, above record.Revision
	}{
		"beyond the end":             {lone(0, h.recs[:20]), MergeOptions{Base: 20, To: 31}, 30, 0},
		"beyond a snapshot's end":    {lone(0, h.recs), MergeOptions{Base: 30, To: 31}, 30, 0},
		"where history is reduced":   {lone(10, reduced.recs), MergeOptions{Base: 20, To: 10}, 0, 11},
		"before that":                {lone(10, reduced.recs), MergeOptions{Base: 20, To: 3}, 0, 11},
		"in a foreign snapshot":      {lone(0, foreign), MergeOptions{Base: 20, To: 15}, 0, 20},
		"in a foreign snapshot, gap": {lone(0, foreign), MergeOptions{Base: 20, To: 4}, 0, 20},
		"in an empty log":            {memstore.New(nil), MergeOptions{To: 1}, 0, 0},
	} {
		_, _, err := merged(t, c.st, c.o)
		var typed *UnreachableError
		if !errors.Is(err, ErrUnreachable) || !errors.As(err, &typed) || typed.To != c.o.To || typed.Below != c.below || typed.Above != c.above {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		st   objectstore.Store
		o    MergeOptions
		last record.Revision
	}{
		"the end":                    {lone(0, h.recs[:20]), MergeOptions{Base: 20, To: 30}, 30},
		"the first that is whole":    {lone(10, reduced.recs), MergeOptions{Base: 20, To: 11}, 11},
		"the base":                   {lone(10, reduced.recs), MergeOptions{Base: 20, To: 20}, 20},
		"a foreign snapshot":         {lone(0, foreign), MergeOptions{Base: 20, To: 20}, 20},
		"behind a foreign snapshot":  {lone(0, foreign), MergeOptions{Base: 20, To: 21}, 21},
		"all behind a foreign":       {lone(0, foreign), MergeOptions{Base: 20}, 30},
		"a whole foreign snapshot's": {lone(0, h.recs[:20]), MergeOptions{Base: 20, To: 7}, 7},
	} {
		if _, info, err := merged(t, c.st, c.o); err != nil || info.Last.Revision != c.last {
			t.Errorf("%s: %+v: %v", name, info, err)
		}
	}
	if _, _, err := merged(t, memstore.New(nil), MergeOptions{}); !errors.Is(err, ErrEmpty) {
		t.Error(err)
	}
}

// TestMergeRefuses what doesn't belong together.
func TestMergeRefuses(t *testing.T) {
	h := longHistory(30)
	base := bytesOf(t, draftOf(t, 0, h.recs[:20]))
	older := longHistory(30)
	for i := range older.recs {
		older.recs[i].Epoch = 0
	}
	reduced, err := reduce(snap{}, 0, h.recs, 20, 18, 20)
	if err != nil {
		t.Fatal(err)
	}
	twice := append([]record.Record{reduced.recs[0]}, reduced.recs...)
	twice[0].Revision = 1
	for name, c := range map[string]struct {
		setup func(st objectstore.Store)
		want  []error
	}{
		"a base that is missing": {func(st objectstore.Store) {}, []error{ErrBase, objectstore.ErrNotFound}},
		"a base cut short":       {func(st objectstore.Store) { plant(t, st, objectlog.SnapshotKey(20), base[:len(base)/2]) }, []error{ErrBase, datafile.ErrCorrupt}},
		"a base with a flip":     {func(st objectstore.Store) { plant(t, st, objectlog.SnapshotKey(20), flip(bytes.Clone(base))) }, []error{ErrBase, datafile.ErrCorrupt}},
		"a key twice in a state": {func(st objectstore.Store) { plantSnapshot(t, st, 17, twice) }, []error{ErrInconsistent, datafile.ErrCorrupt}},
		"a gap behind the base": {func(st objectstore.Store) {
			plant(t, st, objectlog.SnapshotKey(20), base)
			h.chunks(t, st, 22, 3)
		}, []error{objectlog.ErrGap}},
		"an older epoch behind the base": {func(st objectstore.Store) {
			plant(t, st, objectlog.SnapshotKey(20), base)
			older.chunks(t, st, 20, 3)
		}, []error{objectlog.ErrEpochBack}},
		"a chunk that forgot the keys": {func(st objectstore.Store) {
			plant(t, st, objectlog.SnapshotKey(20), base)
			f := newHistory(1)
			f.add(21, 0, "key-3", nil, false)
			f.chunks(t, st, 20, 3)
		}, []error{ErrInconsistent, datafile.ErrCorrupt}},
		"two snapshots above": {func(st objectstore.Store) {
			plant(t, st, objectlog.SnapshotKey(20), base)
			h.chunks(t, st, 20, 3)
			plantSnapshot(t, st, 0, h.recs[:25])
			plantSnapshot(t, st, 0, h.recs[:26])
		}, []error{objectlog.ErrSuperseded}},
		"a foreign key": {func(st objectstore.Store) {
			plant(t, st, objectlog.SnapshotKey(20), base)
			plant(t, st, "chunks/old.netsy", nil)
		}, []error{objectlog.ErrForeignKey}},
	} {
		st := memstore.New(nil)
		c.setup(st)
		_, _, err := merged(t, st, MergeOptions{Base: 20})
		for _, want := range c.want {
			if !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", name, err, want)
			}
		}
	}
}

// TestMergeToAPointReadsTheWholeBase: what is missing from the state shows at the end only.
func TestMergeToAPointReadsTheWholeBase(t *testing.T) {
	h := longHistory(5000) // several blocks of zstd
	base := bytesOf(t, draftOf(t, 0, h.recs))
	for cut := 1; cut < 40; cut += 3 {
		st := memstore.New(nil)
		plant(t, st, objectlog.SnapshotKey(5000), base[:len(base)-cut])
		if _, _, err := merged(t, st, MergeOptions{Base: 5000, To: 5}); !errors.Is(err, ErrBase) || !errors.Is(err, datafile.ErrCorrupt) {
			t.Errorf("%d bytes less: %v", cut, err)
		}
	}
}

// TestMergeToAPointTrustsNoFreedSlot: the reading stops at the revision asked for, but not
// before it has looked whether what it read could be trusted.
func TestMergeToAPointTrustsNoFreedSlot(t *testing.T) {
	for _, to := range []record.Revision{25, 27} { // the end of a chunk, and within one
		inner, h := memstore.New(nil), longHistory(30)
		plantSnapshot(t, inner, 0, h.recs[:20])
		h.chunks(t, inner, 20, 5)
		second := objectlog.ChunkKey(26)
		if to == 25 {
			second = objectlog.ChunkKey(21)
		}
		st := fault.New(inner, fault.Once(fault.Ops(second, "get"), func(ctx context.Context, r *fault.Request, next fault.Next) (fault.Response, error) {
			plantSnapshot(t, inner, 0, h.recs[:29])
			plantSnapshot(t, inner, 0, h.recs)
			return next(ctx, r)
		}))
		if _, _, err := merged(t, st, MergeOptions{Base: 20, To: to}); !errors.Is(err, objectlog.ErrSuperseded) {
			t.Errorf("to %d: %v", to, err)
		}
	}
}

// TestMergeReadsOnce: no byte of the bucket is downloaded twice.
func TestMergeReadsOnce(t *testing.T) {
	inner, h := memstore.New(nil), longHistory(200)
	plantSnapshot(t, inner, 0, h.recs[:100])
	h.chunks(t, inner, 100, 10)
	got := map[string]int{}
	var trace fault.Trace
	st := fault.New(inner, trace.Fault())
	if _, _, err := merged(t, st, MergeOptions{Base: 100, Compaction: 150}); err != nil {
		t.Fatal(err)
	}
	for _, line := range trace.Lines() {
		if got[line]++; got[line] > 1 && strings.HasPrefix(line, "get") {
			t.Errorf("twice: %s", line)
		}
	}
}

func TestMergeProgress(t *testing.T) {
	st, h := memstore.New(nil), longHistory(60)
	plantSnapshot(t, st, 0, h.recs[:40])
	h.chunks(t, st, 40, 5)
	last := map[string]Progress{}
	if _, _, err := merged(t, st, MergeOptions{Base: 40, Compaction: 50, Progress: func(p Progress) { last[p.Phase] = p }}); err != nil {
		t.Fatal(err)
	}
	if b := last[PhaseBase]; b.Records != 40 || b.OfRecords != 40 || b.Bytes != b.OfBytes || b.Bytes == 0 {
		t.Errorf("%+v", b)
	}
	if c := last[PhaseChain]; c.Records != 60 || c.Bytes == 0 {
		t.Errorf("%+v", c)
	}
	if r := last[PhaseReduce]; r.OfRecords != 49 {
		t.Errorf("%+v", r)
	}
}

// TestMergeEndsWithItsContext, wherever it is.
func TestMergeEndsWithItsContext(t *testing.T) {
	inner, h := memstore.New(nil), longHistory(200)
	plantSnapshot(t, inner, 0, h.recs[:100])
	h.chunks(t, inner, 100, 10)
	for n := 1; ; n++ {
		ctx, cancel := context.WithCancel(t.Context())
		hit := false
		st := fault.New(inner, fault.Nth(func(*fault.Request) bool { return true }, n, 1, fault.Hook(func(*fault.Request) { hit = true; cancel() })))
		s := smallRanges(t, st, 1000)
		d, _, err := s.Merge(ctx, objectlog.New(st, objectlog.Options{}), MergeOptions{Base: 100, Compaction: 150})
		cancel()
		if err == nil {
			d.Close()
		}
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("at request %d: %v", n, err)
		}
		if !hit {
			return
		}
	}
}
