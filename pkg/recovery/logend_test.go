package recovery

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
	"github.com/netsy-io/netsy/pkg/objectstore/memstore"
	"github.com/netsy-io/netsy/pkg/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func put(t testing.TB, s objectstore.Store, key string, b []byte) {
	t.Helper()
	if _, err := s.Put(t.Context(), key, b, objectstore.Always()); err != nil {
		t.Fatal(err)
	}
}

// The last key is found wherever the keys are, and in few listings.
func TestLastKey(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	sets := [][]record.Revision{nil, {1}, {2}, {1, 2}, {1, 2, 3}, {math.MaxInt64}, {1, math.MaxInt64}, {math.MaxInt64 - 1}, {1 << 62, 1<<62 + 1}}
	dense := make([]record.Revision, 3000)
	for i := range dense {
		dense[i] = record.Revision(i + 1)
	}
	sets = append(sets, dense)
	for range 200 {
		var set []record.Revision
		for rev, n := record.Revision(0), rng.IntN(40); n > 0; n-- {
			rev += 1 + record.Revision(rng.IntN(2000))
			set = append(set, rev)
		}
		sets = append(sets, set)
	}
	for _, set := range sets {
		var trace fault.Trace
		s := fault.New(memstore.New(time.Now))
		var want record.Revision
		for _, rev := range set {
			put(t, s, objectlog.ChunkKey(rev), nil)
			want = rev
		}
		put(t, s, "chunkz", nil) // beyond the prefix
		s.Inject(trace.Fault())
		got, err := lastKey(t.Context(), s, chunks, 0)
		if err != nil || got != want {
			t.Fatalf("%v: %d, %v", set, got, err)
		}
		listings := strings.Count(trace.String(), "\n")
		if listings > 140 {
			t.Errorf("%v: %d listings", set, listings)
		}
		got, err = lastKey(t.Context(), s, chunks, want) // which is known
		if err != nil || got != want {
			t.Fatalf("%v, from its last: %d, %v", set, got, err)
		}
		if n := strings.Count(trace.String(), "\n") - listings; n > 2 {
			t.Errorf("%v, from its last: %d listings", set, n)
		}
	}
}

func plant(t testing.TB, s objectstore.Store, epoch record.Epoch, first record.Revision, n int) {
	t.Helper()
	recs := make([]record.Record, n)
	for i := range recs {
		rev := first + record.Revision(i)
		recs[i] = record.Record{Revision: rev, Epoch: epoch, Key: fmt.Appendf(nil, "k%d", rev), Created: true, CreateRevision: rev, Version: 1, LeaderID: "n1"}
	}
	b, err := datafile.EncodeChunk(datafile.Header{LeaderID: "n1", Epoch: epoch, ChunkID: "planted"}, recs)
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, objectlog.ChunkKey(first), b)
}

func plantSnapshot(t testing.TB, s objectstore.Store, last record.Pos) {
	t.Helper()
	var b bytes.Buffer
	w := datafile.NewWriter(&b, datafile.Header{Kind: datafile.Snapshot, Epoch: last.Epoch, RecordsCount: 1})
	r := record.Record{Revision: last.Revision, Epoch: last.Epoch, Key: []byte("k"), Created: true, CreateRevision: last.Revision, Version: 1, LeaderID: "n1"}
	if err := w.Write(&r); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	put(t, s, objectlog.SnapshotKey(last.Revision), b.Bytes())
}

func TestFindEnd(t *testing.T) {
	now := time.Unix(1000, 0).UTC()
	s := memstore.New(func() time.Time { return now })
	check := func(name string, want record.Pos, key string, at time.Time) {
		t.Helper()
		end, err := FindEnd(t.Context(), s)
		if err != nil || end.Last != want || end.Key != key || !end.Written.Equal(at) {
			t.Errorf("%s: %+v, %v", name, end, err)
		}
	}
	check("empty", record.Pos{}, "", time.Time{})
	plant(t, s, 1, 1, 1)
	check("one", record.Pos{Epoch: 1, Revision: 1}, objectlog.ChunkKey(1), now)
	plant(t, s, 1, 2, 10)
	now = now.Add(time.Minute)
	plant(t, s, 3, 12, 3)
	check("three", record.Pos{Epoch: 3, Revision: 14}, objectlog.ChunkKey(12), now)
	now = now.Add(time.Minute)
	plantSnapshot(t, s, record.Pos{Epoch: 3, Revision: 14})
	check("a snapshot of it all", record.Pos{Epoch: 3, Revision: 14}, objectlog.SnapshotKey(14), now)
	plant(t, s, 3, 15, 1)
	check("more", record.Pos{Epoch: 3, Revision: 15}, objectlog.ChunkKey(15), now)
	put(t, s, "chunks/zzz", nil)
	if _, err := FindEnd(t.Context(), s); err == nil || !strings.Contains(err.Error(), "chunks/zzz") {
		t.Errorf("a foreign key: %v", err)
	}
}

// Whatever was known before, and whatever was freed since, the end found again is the end.
func TestFindEndAgain(t *testing.T) {
	var trace fault.Trace
	s := fault.New(memstore.New(time.Now))
	var known LogEnd
	check := func(name string, want record.Revision, listings int) {
		t.Helper()
		before := strings.Count(trace.String(), "list")
		end, err := FindEndAgain(t.Context(), s, known)
		n := strings.Count(trace.String(), "list") - before
		if all, allErr := FindEnd(t.Context(), s); err != nil || allErr != nil || end != all || end.Last.Revision != want {
			t.Errorf("%s: %+v, %v; looked for anew: %+v, %v", name, end, err, all, allErr)
		}
		if n > listings {
			t.Errorf("%s: %d listings", name, n)
		}
		known = end
	}
	s.Inject(trace.Fault())
	check("empty", 0, 2)
	for rev := record.Revision(1); rev < 4000; rev += 10 {
		plant(t, s, 1, rev, 10)
	}
	check("grown", 4000, 60)
	check("idle", 4000, 6)
	plant(t, s, 1, 4001, 3)
	check("one more", 4003, 8)
	plantSnapshot(t, s, record.Pos{Epoch: 1, Revision: 4003})
	check("a snapshot", 4003, 8)
	for rev := record.Revision(1); rev <= 4001; rev += 10 {
		if err := s.Delete(t.Context(), objectlog.ChunkKey(rev), objectstore.Always()); err != nil {
			t.Fatal(err)
		}
	}
	check("freed", 4003, 8)
	known = LogEnd{Key: objectlog.ChunkKey(9000)}
	check("known from another bucket", 4003, 60)
	known = LogEnd{Key: "chunks/what"}
	check("nothing is known", 4003, 60)
}

// A Primary at work adds to the log meanwhile.
func TestFindEndOfGrowingLog(t *testing.T) {
	s := fault.New(memstore.New(time.Now))
	plant(t, s, 1, 1, 1)
	s.Inject(fault.Once(fault.Ops(snapshots, "list"), fault.Hook(func(*fault.Request) { plant(t, s, 1, 2, 3) })))
	if end, err := FindEnd(t.Context(), s); err != nil || end.Last.Revision != 4 || end.Key != objectlog.ChunkKey(2) {
		t.Errorf("%+v, %v", end, err)
	}
}

// Damage at the end is never passed over.
func TestFindEndOfDamagedLog(t *testing.T) {
	s := memstore.New(time.Now)
	plant(t, s, 1, 1, 5)
	b, _, err := objectstore.ReadAll(t.Context(), s, objectlog.ChunkKey(1), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	put(t, s, objectlog.ChunkKey(1), b)
	if _, err := FindEnd(t.Context(), s); !errors.Is(err, datafile.ErrCorrupt) {
		t.Errorf("%v", err)
	}
}
