package restore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/netsy-io/netsy/pkg/bucket/buckettest"
	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
	"github.com/netsy-io/netsy/pkg/objectstore/memstore"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/snapshot"
	"github.com/netsy-io/netsy/pkg/verify/verifytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// restored makes the draft and publishes it into an empty bucket, where it must be sound.
// It returns its records.
func restored(t *testing.T, st objectstore.Store, target Target) ([]record.Record, datafile.Header, Result, error) {
	t.Helper()
	d, res, err := Make(t.Context(), Options{Source: st, Target: target, Dir: t.TempDir()})
	if err != nil {
		return nil, datafile.Header{}, res, err
	}
	defer d.Close()
	into := memstore.New(nil)
	if _, err := snapshot.New(into, snapshot.Options{}).Publish(t.Context(), d, nil); err != nil {
		t.Fatal(err)
	}
	verifytest.Sound(t, into)
	var file bytes.Buffer
	if _, err := d.WriteTo(&file); err != nil {
		t.Fatal(err)
	}
	r, err := datafile.NewReader(&file)
	if err != nil {
		t.Fatal(err)
	}
	var recs []record.Record
	for {
		rec, err := r.Next()
		if err == io.EOF {
			return recs, r.Header(), res, nil
		}
		if err != nil {
			t.Fatal(err)
		}
		recs = append(recs, rec)
	}
}

// Every revision of a history, with everything that is still there, against replaying the
// history; those that can't be reached are refused with the nearest that can.
func TestEveryRevision(t *testing.T) {
	b := buckettest.Long(t) // snapshots at 7 (reduced to 4) and 12 (to 9), chunks from 8 on
	for name, c := range map[string]struct {
		change  func()
		reached func(record.Revision) bool
	}{
		"as it is":                {func() {}, func(r record.Revision) bool { return r >= 5 && r <= 17 }},
		"older chunks too":        {func() { b.Chunk(1, b.Recs[:1]); b.Chunk(1, b.Recs[1:4]); b.Chunk(1, b.Recs[4:7]) }, func(r record.Revision) bool { return r >= 1 && r <= 17 }},
		"one older chunk":         {func() { b.Chunk(1, b.Recs[:1]); b.Chunk(1, b.Recs[1:4]) }, func(r record.Revision) bool { return r >= 5 && r <= 17 }},
		"newest snapshot damaged": {func() { b.Put(objectlog.SnapshotKey(12), []byte("x")) }, func(r record.Revision) bool { return r >= 5 && r <= 17 }},
		"older snapshot damaged":  {func() { b.Put(objectlog.SnapshotKey(7), []byte("x")) }, func(r record.Revision) bool { return r >= 10 && r <= 17 }},
		"a chunk lost":            {func() { b.Remove(objectlog.ChunkKey(13)) }, func(r record.Revision) bool { return r >= 5 && r <= 12 }},
		"a chunk below lost":      {func() { b.Remove(objectlog.ChunkKey(9)) }, func(r record.Revision) bool { return r >= 5 && r <= 8 || r >= 10 && r <= 17 }},
	} {
		t.Run(name, func(t *testing.T) {
			sound := b.Store
			b.Store = sound.Clone()
			defer func() { b.Store = sound }()
			c.change()
			for rev := record.Revision(1); rev <= 19; rev++ {
				recs, h, res, err := restored(t, b.Store, Target{Revision: rev})
				if !c.reached(rev) {
					var e *UnreachableError
					if !errors.As(err, &e) {
						t.Errorf("revision %d: %v", rev, err)
						continue
					}
					for _, p := range []*Point{e.Below, e.Above} {
						if p != nil && (!c.reached(p.Revision) || !p.Time.Equal(b.Recs[p.Revision-1].CreatedAt)) {
							t.Errorf("revision %d: offers %v", rev, p)
						}
					}
					if want := nearest(rev, -1, c.reached); (e.Below == nil) != (want == 0) || e.Below != nil && e.Below.Revision != want {
						t.Errorf("revision %d: below is %v, not %d", rev, e.Below, want)
					}
					if want := nearest(rev, +1, c.reached); (e.Above == nil) != (want == 0) || e.Above != nil && e.Above.Revision != want {
						t.Errorf("revision %d: above is %v, not %d", rev, e.Above, want)
					}
					continue
				}
				if err != nil {
					t.Errorf("revision %d: %v", rev, err)
					continue
				}
				want := b.At(h.Purged, rev)
				if !reflect.DeepEqual(recs, want) || h.Epoch != b.Recs[rev-1].Epoch || res.At.Revision != rev || res.Last != b.Recs[rev-1].Pos() {
					t.Errorf("revision %d: %d records, header %+v, result %+v; want %d records", rev, len(recs), h, res, len(want))
				}
			}
		})
	}
}

func nearest(rev, step record.Revision, reached func(record.Revision) bool) record.Revision {
	for r := rev + step; r > 0 && r < 20; r += step {
		if reached(r) {
			return r
		}
	}
	return 0
}

// Every moment of the history: the last revision before the first that is stamped later.
func TestEveryTime(t *testing.T) {
	b := buckettest.Long(t)
	for rev := record.Revision(1); rev <= 18; rev++ {
		at := time.Unix(1_700_000_000+int64(rev), 0)
		for _, moment := range []time.Time{at, at.Add(time.Nanosecond), at.Add(time.Second - 1)} {
			recs, h, res, err := restored(t, b.Store, Target{Time: moment})
			want := min(rev, 17)
			if want < 5 {
				var e *UnreachableError
				if !errors.As(err, &e) || e.Below != nil || e.Above == nil || e.Above.Revision != 5 {
					t.Errorf("%v: %v", moment, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%v: %v", moment, err)
				continue
			}
			if res.At.Revision != want || !reflect.DeepEqual(recs, b.At(h.Purged, want)) || (res.Next == nil) != (want == 17) || res.Next != nil && res.Next.Revision != want+1 {
				t.Errorf("%v: %+v", moment, res)
			}
		}
	}
}

// Primaries' clocks may disagree: nothing is kept that is stamped later, and nothing after it.
func TestClocksThatGoBack(t *testing.T) {
	b := buckettest.New(t)
	b.Seal(1)
	b.Write("a", "b", "c", "d", "e")
	for i, s := range []int64{10, 20, 50, 30, 40, 60} {
		b.Recs[i].CreatedAt = time.Unix(s, 0).UTC()
	}
	b.Flush()
	b.Chunk(1, b.Recs[:1])
	for s, want := range map[int64]record.Revision{5: 0, 10: 1, 25: 2, 30: 2, 49: 2, 50: 5, 55: 5, 60: 6, 99: 6} {
		_, _, res, err := restored(t, b.Store, Target{Time: time.Unix(s, 0)})
		if want == 0 {
			if !errors.Is(err, ErrUnreachable) {
				t.Errorf("%d: %v", s, err)
			}
			continue
		}
		if err != nil || res.At.Revision != want {
			t.Errorf("%d: %+v, %v", s, res, err)
		}
	}
	// A snapshot that keeps the record with the wrong stamp can't be used for a time before it.
	b.Snapshot(5, 6)
	b.Remove(objectlog.ChunkKey(2))
	if _, _, _, err := restored(t, b.Store, Target{Time: time.Unix(45, 0)}); !errors.Is(err, ErrUnreachable) {
		t.Error(err)
	}
}

// A deposed writer's chunk in a slot that was freed is never taken for the log: each slot
// that may have been freed, with each kind of chunk that may be left there.
func TestLeftoversAreNotTrusted(t *testing.T) {
	sound := buckettest.Long(t)
	sound.Seal(6)
	sound.Write("a", "b")
	sound.Flush()
	sound.Snapshot(12, 18)
	sound.Write("c")
	sound.Flush()
	whole := sound.Store
	// Slots 9-11 and 13-15 are freed; 8 and 12 hold tombstones or their chunks still.
	for _, stays := range []bool{true, false} {
		for _, first := range []record.Revision{2, 5, 9, 13, 16} {
			for _, epoch := range []record.Epoch{1, 2, 3, 5, 7} {
				for n := record.Revision(1); n <= 3; n += 2 {
					b := *sound
					b.Store = whole.Clone()
					if !stays {
						for _, r := range []record.Revision{8, 12} {
							b.Tombstone(r)
						}
					}
					lie := slices.Clone(b.Recs[first-1 : first-1+n])
					for i := range lie {
						lie[i].Epoch, lie[i].Value = epoch, []byte("lie")
					}
					lie[0].Key = []byte(record.EpochStartKey)
					b.Chunk(epoch, lie)
					at := fmt.Sprintf("slot %d, epoch %d, %d records, chunks where reigns begin stay %v", first, epoch, n, stays)
					for _, rev := range []record.Revision{first - 1, first, first + n, 12, 17, 20} {
						recs, h, _, err := restored(t, b.Store, Target{Revision: rev})
						if errors.Is(err, ErrUnreachable) && (rev < 13 || rev > 21) {
							continue
						}
						if err != nil {
							t.Fatalf("%s, revision %d: %v", at, rev, err)
						}
						if want := b.At(h.Purged, rev); !reflect.DeepEqual(recs, want) {
							t.Fatalf("%s: revision %d is %+v", at, rev, recs)
						}
					}
				}
			}
		}
	}
}

// Where a time is depends on the first record that is left out: that one must be proven, too.
func TestTimeOfALeftover(t *testing.T) {
	b := buckettest.New(t)
	b.Seal(1)
	b.Write("a", "a")
	b.Flush()
	b.Snapshot(1, 3)
	b.Write("a", "a")
	b.Flush()
	b.Snapshot(4, 5)
	b.Write("a", "a")
	b.Flush()
	b.Snapshot(5, 7)
	seal := b.Recs[0]
	seal.Revision, seal.Epoch, seal.Created, seal.PrevRevision, seal.Version = 4, 2, false, 1, 2
	seal.CreatedAt = seal.CreatedAt.Add(time.Hour)
	b.Remove(objectlog.ChunkKey(4))
	b.Chunk(2, []record.Record{seal})
	if _, _, res, err := restored(t, b.Store, Target{Time: b.Recs[3].CreatedAt}); !errors.Is(err, ErrUnreachable) {
		t.Errorf("%+v, %v", res, err)
	}
}

// Slots that are freed while they are read may be taken again: all is read anew.
func TestCompactorMeanwhile(t *testing.T) {
	for _, often := range []int{1, 3, 100} {
		b := buckettest.Long(t)
		merges := 0
		st := fault.New(b.Store, func(ctx context.Context, r *fault.Request, next fault.Next) (fault.Response, error) {
			resp, err := next(ctx, r)
			if r.Op == "list" && r.Key == "" && merges < often { // between the listing and the reading
				merges++
				b.Write("x")
				b.Flush()
				end := record.Revision(len(b.Recs))
				b.Snapshot(9, end)
			}
			return resp, err
		})
		recs, h, _, err := restored(t, st, Target{Revision: 14})
		if often == 100 {
			if !errors.Is(err, ErrMoving) {
				t.Errorf("always: %v", err)
			}
			continue
		}
		if err != nil || !reflect.DeepEqual(recs, b.At(h.Purged, 14)) || merges != often {
			t.Errorf("%d times: %v, %d merges", often, err, merges)
		}
	}
}

func TestTargets(t *testing.T) {
	for _, target := range []Target{{}, {Revision: -1}, {Revision: 1, Time: time.Now()}} {
		if _, _, err := Make(t.Context(), Options{Source: memstore.New(nil), Target: target}); err == nil || errors.Is(err, ErrUnreachable) {
			t.Errorf("%+v: %v", target, err)
		}
	}
	if _, _, err := Make(t.Context(), Options{Source: memstore.New(nil), Target: Target{Revision: 1}}); !errors.Is(err, ErrUnreachable) {
		t.Errorf("an empty bucket: %v", err)
	}
}
