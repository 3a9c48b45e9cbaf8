package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
	"github.com/netsy-io/netsy/pkg/objectstore/memstore"
	"github.com/netsy-io/netsy/pkg/record"
)

// longHistory has n revisions of values that don't compress.
func longHistory(n int) *history {
	h, rng := newHistory(1), rand.New(rand.NewPCG(1, 2))
	for i := range n {
		value := make([]byte, 20+rng.IntN(100))
		for j := range value {
			value[j] = byte(rng.Uint32())
		}
		h.put(fmt.Sprintf("key-%d", i%(n/2+1)), string(value))
	}
	return h
}

// smallRanges is a Store that reads in ranges of size.
func smallRanges(t testing.TB, st objectstore.Store, size int64) *Store {
	s := testStore(t, st)
	s.rangeSize = size
	return s
}

func TestReadInRangesOfAnySize(t *testing.T) {
	st, h := memstore.New(nil), longHistory(300)
	plantSnapshot(t, st, 0, h.recs)
	whole := int64(len(bytesOf(t, draftOf(t, 0, h.recs))))
	for _, size := range []int64{7, 100, 1000, 4096, whole - 1, whole, whole + 1, rangeSize} {
		s := smallRanges(t, st, size)
		header, recs, err := readAll(t.Context(), s, 300)
		if err != nil || header.RecordsCount != 300 || brief(recs) != brief(h.recs) {
			t.Errorf("ranges of %d: %+v, %d records, %v", size, header, len(recs), err)
		}
	}
}

func TestBatchesEndWithRecordsOrBytes(t *testing.T) {
	st, h := memstore.New(nil), newHistory(1)
	for i := range 3*batchRecords + 1 {
		value := ""
		if i%1000 == 0 {
			value = string(make([]byte, batchBytes+1))
		}
		h.put(fmt.Sprint(i), value)
	}
	plantSnapshot(t, st, 0, h.recs)
	_, recs, err := readAll(t.Context(), testStore(t, st), h.last())
	if err != nil || brief(recs) != brief(h.recs) {
		t.Errorf("%d records, %v", len(recs), err)
	}
}

// TestDownloadsAreParallelAndBounded holds the downloads behind the first, and lets them go
// one by one.
func TestDownloadsAreParallelAndBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner, h := memstore.New(nil), longHistory(1000)
		plantSnapshot(t, inner, 0, h.recs)
		var now atomic.Int64
		let := make(chan struct{})
		st := fault.New(inner, fault.If(ranged, func(ctx context.Context, r *fault.Request, next fault.Next) (fault.Response, error) {
			now.Add(1)
			defer now.Add(-1)
			<-let
			return next(ctx, r)
		}))
		r, err := smallRanges(t, st, 1000).Open(t.Context(), 1000)
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			synctest.Wait()
			if n := now.Load(); n > rangesAhead || n < 1 {
				t.Fatalf("%d downloads at once, at most %d were to be", n, rangesAhead)
			}
			let <- struct{}{}
		}
		synctest.Wait()
		if n := now.Load(); n < rangesAhead/2 {
			t.Errorf("only %d downloads at once", n)
		}
		close(let)
		n := 0
		for ; err == nil; n++ {
			_, err = r.Next()
		}
		if err != io.EOF || n != 1001 {
			t.Errorf("%d records, %v", n-1, err)
		}
		r.Close()
	})
}

// TestDamageIsFound flips bytes, cuts the file, and adds to it.
func TestDamageIsFound(t *testing.T) {
	h := longHistory(60)
	file := bytesOf(t, draftOf(t, 0, h.recs))
	rng := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		b := append([]byte(nil), file...)
		at := rng.IntN(len(b))
		switch rng.IntN(3) {
		case 0:
			b[at] ^= 1 << rng.IntN(8)
		case 1:
			b = b[:at]
		case 2:
			b = append(b, b[:at+1]...)
		}
		st := memstore.New(nil)
		plant(t, st, objectlog.SnapshotKey(60), b)
		s := smallRanges(t, st, 500)
		_, recs, err := readAll(t.Context(), s, 60)
		if _, verr := s.Verify(t.Context(), 60, nil); (verr == nil) != (err == nil) {
			t.Fatalf("reading says %v, Verify %v", err, verr)
		}
		// A few bits of a zstd frame mean nothing: then everything is there.
		if err == nil && len(recs) != 60 || err != nil && !objectlog.Damaged(err) {
			t.Fatalf("byte %d of %d: %d records, %v", at, len(file), len(recs), err)
		}
	}
}

func TestObjectsUnderWrongKeys(t *testing.T) {
	st, h := memstore.New(nil), longHistory(9)
	plant(t, st, objectlog.SnapshotKey(8), bytesOf(t, draftOf(t, 0, h.recs)))
	chunk, err := datafile.EncodeChunk(datafile.Header{LeaderID: "node-a", Epoch: 1}, h.recs)
	if err != nil {
		t.Fatal(err)
	}
	plant(t, st, objectlog.SnapshotKey(9), chunk)
	s := testStore(t, st)
	for _, rev := range []record.Revision{8, 9} {
		if _, err := s.Verify(t.Context(), rev, nil); !errors.Is(err, objectlog.ErrMisplaced) {
			t.Errorf("%d: %v", rev, err)
		}
	}
	if _, err := s.Header(t.Context(), 9); !errors.Is(err, objectlog.ErrMisplaced) {
		t.Error(err)
	}
	if _, err := s.Open(t.Context(), 7); !errors.Is(err, objectstore.ErrNotFound) {
		t.Error(err)
	}
	plant(t, st, "snapshots/backup.netsy", nil)
	if _, err := s.List(t.Context()); !errors.Is(err, objectlog.ErrForeignKey) {
		t.Error(err)
	}
}

func ranged(r *fault.Request) bool { return r.Op == "get" && r.Ranged && r.Offset > 0 }

// TestUnavailableInTheMiddle: ranges are asked for again, each by itself.
func TestUnavailableInTheMiddle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner, h := memstore.New(nil), longHistory(300)
		plantSnapshot(t, inner, 0, h.recs)
		broken := func(ctx context.Context, r *fault.Request, next fault.Next) (fault.Response, error) {
			resp, err := next(ctx, r)
			if err == nil {
				resp.Object.Body = io.NopCloser(iotest.TimeoutReader(iotest.OneByteReader(resp.Object.Body)))
			}
			return resp, err
		}
		st := fault.New(inner, fault.Nth(ranged, 3, 5, fault.Fail(objectstore.ErrUnavailable)), fault.Nth(ranged, 10, 3, broken))
		_, recs, err := readAll(t.Context(), smallRanges(t, st, 1000), 300)
		if err != nil || len(recs) != 300 {
			t.Errorf("%d records, %v", len(recs), err)
		}
		st.Inject(fault.Nth(ranged, 5, 1_000_000, fault.Fail(objectstore.ErrUnavailable)))
		if _, _, err := readAll(t.Context(), smallRanges(t, st, 1000), 300); !errors.Is(err, objectstore.ErrUnavailable) || objectlog.Damaged(err) {
			t.Error(err)
		}
	})
}

// TestReplacedInTheMiddle: two versions are never read as one.
func TestReplacedInTheMiddle(t *testing.T) {
	inner, h := memstore.New(nil), longHistory(300)
	plantSnapshot(t, inner, 0, h.recs)
	again := bytesOf(t, draftOf(t, 0, h.recs))
	st := fault.New(inner, fault.Nth(ranged, 3, 1, fault.Hook(func(r *fault.Request) { plant(t, inner, r.Key, again) })))
	if _, _, err := readAll(t.Context(), smallRanges(t, st, 1000), 300); !errors.Is(err, ErrChanged) {
		t.Error(err)
	}
	st = fault.New(inner, fault.Nth(ranged, 3, 1, fault.Hook(func(r *fault.Request) { _ = inner.Delete(t.Context(), r.Key, objectstore.Always()) })))
	if _, _, err := readAll(t.Context(), smallRanges(t, st, 1000), 300); !errors.Is(err, objectstore.ErrNotFound) {
		t.Error(err)
	}
}

// TestReadersEnd: by Close and with their context, wherever they are: waiting for a
// download, for the consumer, or at the end.
func TestReadersEnd(t *testing.T) {
	inner, h := memstore.New(nil), longHistory(9000)
	plantSnapshot(t, inner, 0, h.recs)
	for _, c := range []struct {
		hold bool
		read int
	}{{true, 0}, {false, 0}, {false, 1}, {false, 5000}, {false, 9000}} {
		for _, closed := range []bool{true, false} {
			t.Run(fmt.Sprintf("%+v, closed %t", c, closed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { // which fails if a goroutine is left
					st := fault.New(inner)
					if c.hold {
						st.Inject(fault.Nth(ranged, 10, 1_000_000, fault.Hold(make(chan struct{}))))
					}
					ctx, cancel := context.WithCancelCause(t.Context())
					defer cancel(nil)
					r, err := smallRanges(t, st, 1000).Open(ctx, 9000)
					for range c.read {
						if err == nil {
							_, err = r.Next()
						}
					}
					if err != nil {
						t.Fatal(err)
					}
					synctest.Wait() // it is as far ahead as it goes
					endReader(t, r, closed, cancel)
				})
			})
		}
	}
}

func endReader(t *testing.T, r *Reader, closed bool, cancel context.CancelCauseFunc) {
	why, err := errors.New("why"), error(nil)
	if closed {
		r.Close()
		if _, err := r.Next(); err == nil {
			t.Error("a closed reader reads")
		}
	} else {
		cancel(why)
		r.wg.Wait() // without Close
		for err == nil {
			_, err = r.Next()
		}
		if err != io.EOF && !errors.Is(err, why) || objectlog.Damaged(err) {
			t.Errorf("after its context: %v", err)
		}
	}
	r.Close()
}

func TestNewestSound(t *testing.T) {
	st, h := memstore.New(nil), longHistory(9)
	s := testStore(t, st)
	if _, _, ok, err := s.NewestSound(t.Context()); ok || err != nil {
		t.Error(ok, err)
	}
	plantSnapshot(t, st, 0, h.recs[:5])
	plantSnapshot(t, st, 4, h.recs[:7:7][4:])
	plant(t, st, objectlog.SnapshotKey(9), []byte("not a snapshot"))
	found, header, ok, err := s.NewestSound(t.Context())
	if err != nil || !ok || found.Revision != 7 || header.Purged != 4 {
		t.Errorf("%+v %+v %t %v", found, header, ok, err)
	}
}
