package objectlog

import (
	"context"
	"errors"
	"fmt"
	"hash/crc64"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/netsypb/datafilepb"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
)

// Where reading begins and what it finds, by what is in the bucket. The chain is
// 1..3 of epoch 1, 4..6 and 7..9 of epoch 2 (headers: 1, 2, 3).
func TestRead(t *testing.T) {
	pos := func(rev record.Revision, e record.Epoch) record.Pos { return record.Pos{Epoch: e, Revision: rev} }
	whole := func(t *testing.T, s objectstore.Store) {
		plant(t, s, 1, run(1, 1, 3))
		plant(t, s, 2, run(2, 4, 3))
		plant(t, s, 3, run(2, 7, 3))
	}
	for _, c := range []struct {
		name    string
		setup   func(t *testing.T, s objectstore.Store)
		after   record.Revision
		read    string // first revisions of the chunks passed on
		last    record.Pos
		header  record.Epoch
		err     error
		missing record.Revision // named by err
	}{
		{name: "an empty log", read: "[]"},
		{name: "an empty log, from beyond", after: 5, read: "[]"},
		{name: "from the beginning", setup: whole, read: "[1 4 7]", last: pos(9, 2), header: 3},
		{name: "from a boundary", setup: whole, after: 3, read: "[4 7]", last: pos(9, 2), header: 3},
		{name: "from within a chunk", setup: whole, after: 5, read: "[4 7]", last: pos(9, 2), header: 3},
		{name: "from within the last chunk", setup: whole, after: 8, read: "[7]", last: pos(9, 2), header: 3},
		{name: "from the end", setup: whole, after: 9, read: "[]", last: pos(9, 2), header: 3},
		{name: "from far beyond the end", setup: whole, after: 1 << 40, read: "[]", last: pos(9, 2), header: 3},
		{name: "the first chunk is missing", setup: func(t *testing.T, s objectstore.Store) {
			whole(t, s)
			remove(t, s, ChunkKey(1))
		}, read: "[]", err: ErrGap, missing: 1},
		{name: "a chunk is missing", setup: func(t *testing.T, s objectstore.Store) {
			whole(t, s)
			remove(t, s, ChunkKey(4))
		}, read: "[]", err: ErrGap, missing: 4},
		{name: "the chunk that begins the read is missing", setup: func(t *testing.T, s objectstore.Store) {
			whole(t, s)
			remove(t, s, ChunkKey(4))
		}, after: 5, read: "[]", err: ErrGap, missing: 4},
		{name: "the last chunk is missing below a snapshot", setup: func(t *testing.T, s objectstore.Store) {
			whole(t, s)
			remove(t, s, ChunkKey(7))
			plantSnapshot(t, s, pos(9, 2))
		}, read: "[]", err: ErrGap, missing: 7},
		{name: "all is missing below a snapshot", setup: func(t *testing.T, s objectstore.Store) { plantSnapshot(t, s, pos(9, 2)) },
			read: "[]", err: ErrGap, missing: 1},
		{name: "a snapshot at the end", setup: func(t *testing.T, s objectstore.Store) { whole(t, s); plantSnapshot(t, s, pos(9, 2)) },
			read: "[1 4 7]", last: pos(9, 2), header: 3},
		{name: "from a snapshot whose chunks are gone", setup: func(t *testing.T, s objectstore.Store) {
			whole(t, s)
			plantSnapshot(t, s, pos(6, 2))
			remove(t, s, ChunkKey(1))
			remove(t, s, ChunkKey(4))
		}, after: 6, read: "[7]", last: pos(9, 2), header: 3},
		{name: "from a snapshot that is the end", setup: func(t *testing.T, s objectstore.Store) {
			plantTombstone(t, s, 1, 1)
			plantSnapshot(t, s, pos(6, 2))
		}, after: 6, read: "[]", last: pos(6, 2), header: 2},
		{name: "from beyond a snapshot that is the end", setup: func(t *testing.T, s objectstore.Store) { plantSnapshot(t, s, pos(6, 2)) },
			after: 8, read: "[]", last: pos(6, 2), header: 2},
		{name: "a tombstone below a snapshot", setup: func(t *testing.T, s objectstore.Store) {
			whole(t, s)
			plantTombstone(t, s, 4, 2)
			plantSnapshot(t, s, pos(9, 2))
		}, after: 3, read: "[]", err: ErrGap, missing: 4},
		{name: "a freed slot retaken below a snapshot that is the end", setup: func(t *testing.T, s objectstore.Store) {
			plant(t, s, 5, run(4, 4, 9)) // reaches beyond the snapshot
			plantSnapshot(t, s, pos(6, 2))
		}, after: 6, read: "[]", last: pos(6, 2), header: 2},
		{name: "from below two snapshots", setup: func(t *testing.T, s objectstore.Store) {
			whole(t, s)
			plantSnapshot(t, s, pos(6, 2))
			plantSnapshot(t, s, pos(9, 2))
		}, after: 3, read: "[]", err: ErrSuperseded},
		{name: "from the second newest snapshot", setup: func(t *testing.T, s objectstore.Store) {
			whole(t, s)
			plantSnapshot(t, s, pos(6, 2))
			plantSnapshot(t, s, pos(9, 2))
		}, after: 6, read: "[7]", last: pos(9, 2), header: 3},
		{name: "chunks overlap", setup: func(t *testing.T, s objectstore.Store) { whole(t, s); plant(t, s, 2, run(2, 5, 2)) },
			read: "[]", err: ErrOverlap},
		{name: "epochs go back", setup: func(t *testing.T, s objectstore.Store) { whole(t, s); plant(t, s, 9, run(1, 10, 1)) },
			read: "[]", err: ErrEpochBack},
		{name: "a later chunk under the key", setup: func(t *testing.T, s objectstore.Store) {
			whole(t, s)
			b, _, err := objectstore.ReadAll(t.Context(), s, ChunkKey(7), 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			plantBytes(t, s, ChunkKey(4), b)
		}, read: "[]", err: ErrMisplaced},
		{name: "a snapshot under a chunk's key", setup: func(t *testing.T, s objectstore.Store) {
			whole(t, s)
			plantSnapshot(t, s, pos(4, 2))
			b, _, err := objectstore.ReadAll(t.Context(), s, SnapshotKey(4), 1<<20)
			if err != nil {
				t.Fatal(err)
			}
			remove(t, s, SnapshotKey(4))
			plantBytes(t, s, ChunkKey(4), b)
		}, read: "[]", err: datafile.ErrKind},
		{name: "garbage", setup: func(t *testing.T, s objectstore.Store) { whole(t, s); plantBytes(t, s, ChunkKey(4), []byte("garbage")) },
			read: "[]", err: datafile.ErrCorrupt},
		{name: "a foreign chunk key", setup: func(t *testing.T, s objectstore.Store) { whole(t, s); plantBytes(t, s, "chunks/readme.txt", nil) },
			read: "[]", err: ErrForeignKey},
		{name: "a foreign snapshot key", setup: func(t *testing.T, s objectstore.Store) { whole(t, s); plantBytes(t, s, "snapshots/old.netsy", nil) },
			read: "[]", err: ErrForeignKey},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSpy()
			if c.setup != nil {
				c.setup(t, s.inner)
			}
			chunks, end, err := readLog(t.Context(), s, c.after)
			firsts := []record.Revision{}
			for _, ch := range chunks {
				firsts = append(firsts, ch.Info.First)
			}
			if got := fmt.Sprint(firsts); got != c.read {
				t.Errorf("read %s, want %s", got, c.read)
			}
			if c.err != nil {
				var ce *ChainError
				if !errors.Is(err, c.err) || c.missing > 0 && (!errors.As(err, &ce) || ce.Key != ChunkKey(c.missing)) {
					t.Errorf("got %v, want %v (missing %d)", err, c.err, c.missing)
				}
				return
			}
			if err != nil || end.Last != c.last || end.HeaderEpoch != c.header {
				t.Errorf("end %+v, %v", end, err)
			}
		})
	}
}

// The snapshots are listed after the missing slot was looked for: one that appears in
// between, with its chunks deleted, must not make the chain seem to end below it.
func TestEndIsJudgedByALaterListing(t *testing.T) {
	s := newSpy()
	plant(t, s.inner, 1, run(1, 1, 3))
	plant(t, s.inner, 1, run(1, 4, 3))
	s.onList = func(_ context.Context, prefix string) (bool, error) {
		if prefix == ChunkPrefix { // the compactor is done just before this
			remove(t, s.inner, ChunkKey(4))
			plantSnapshot(t, s.inner, record.Pos{Epoch: 1, Revision: 6})
		}
		return false, nil
	}
	if _, end, err := readLog(t.Context(), s, 0); !errors.Is(err, ErrGap) {
		t.Errorf("end %+v, %v", end, err)
	}
}

// A reader so slow that two snapshots pass it can't trust what it read.
func TestReadIsSupersededWhileItRuns(t *testing.T) {
	s := newSpy()
	plant(t, s.inner, 1, run(1, 1, 9))
	s.onGet = func(context.Context, string) (bool, error) {
		plantSnapshot(t, s.inner, record.Pos{Epoch: 1, Revision: 5})
		plantSnapshot(t, s.inner, record.Pos{Epoch: 1, Revision: 9})
		return false, nil
	}
	if chunks, _, err := readLog(t.Context(), s, 0); !errors.Is(err, ErrSuperseded) || len(chunks) > 0 {
		t.Errorf("%d chunks, %v", len(chunks), err)
	}
}

func TestChunkDeletedBetweenListingAndReadingIsAGap(t *testing.T) {
	s := newSpy()
	plant(t, s.inner, 1, run(1, 1, 3))
	plant(t, s.inner, 1, run(1, 4, 3))
	s.onGet = func(_ context.Context, key string) (bool, error) {
		if key == ChunkKey(4) {
			return true, objectstore.Errorf(objectstore.ErrNotFound, "get", key, "gone")
		}
		return false, nil
	}
	_, _, err := readLog(t.Context(), s, 0)
	var ce *ChainError
	if !errors.As(err, &ce) || ce.Kind != ErrGap || ce.Key != ChunkKey(4) {
		t.Errorf("got %v", err)
	}
}

// Many chunks, over several pages, with downloads finishing in any order and failing
// now and then, little read-ahead: all come, in order, once.
func TestReadAheadKeepsOrder(t *testing.T) {
	const chunks = 2500
	s := newSpy()
	for i := range record.Revision(chunks) {
		plant(t, s.inner, 1, run(1, 1+2*i, 2))
	}
	synctest.Test(t, func(t *testing.T) {
		var gets, open, peak atomic.Int64
		s.onGet = func(ctx context.Context, key string) (bool, error) {
			peak.Store(max(peak.Load(), open.Add(1)))
			defer open.Add(-1)
			if err := pause(ctx, 1); err != nil {
				return true, err
			}
			if gets.Add(1)%7 == 0 {
				return true, unavailable("get", key)
			}
			return false, nil
		}
		var revs []record.Revision
		_, err := New(s, Options{ReadAhead: 1000}).Read(t.Context(), 0, func(c Chunk) error {
			revs = append(revs, revisions([]Chunk{c})...)
			return nil
		})
		if err != nil || len(revs) != 2*chunks || !slices.IsSorted(revs) {
			t.Errorf("%d records, %v", len(revs), err)
		}
		if p := peak.Load(); p < 2 || p > downloads {
			t.Errorf("at most %d downloads at a time", p)
		}
	})
}

func TestReadStopsAtTheFirstError(t *testing.T) {
	boom := errors.New("disk full")
	s := newSpy()
	for i := range record.Revision(100) {
		plant(t, s.inner, 1, run(1, 1+i, 1))
	}
	n := 0
	_, err := New(s, Options{}).Read(t.Context(), 0, func(Chunk) error {
		if n++; n == 3 {
			return boom
		}
		return nil
	})
	if err != boom || n != 3 {
		t.Errorf("%v after %d", err, n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = New(s, Options{}).Read(ctx, 0, func(c Chunk) error {
		if c.Info.First == 3 {
			cancel()
		}
		return ctx.Err()
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestListingThatFailsMidwayIsReported(t *testing.T) {
	s := newSpy()
	for i := range record.Revision(1500) {
		plant(t, s.inner, 1, run(1, 1+i, 1))
	}
	refused := objectstore.Errorf(objectstore.ErrPermanent, "list", ChunkPrefix, "access denied")
	lists := 0
	s.onList = func(_ context.Context, prefix string) (bool, error) {
		if prefix != ChunkPrefix {
			return false, nil
		}
		lists++
		return lists == 2, refused
	}
	chunks, _, err := readLog(t.Context(), s, 0)
	if !errors.Is(err, objectstore.ErrPermanent) || len(chunks) != 3*maxUnproven {
		t.Errorf("%d chunks, %v", len(chunks), err)
	}
}

func TestHolds(t *testing.T) {
	s := newSpy()
	plant(t, s.inner, 2, run(1, 4, 3))
	plantTombstone(t, s.inner, 1, 1)
	plantBytes(t, s.inner, ChunkKey(7), []byte("garbage"))
	for _, c := range []struct {
		first   record.Revision
		pos     record.Pos
		holds   bool
		corrupt bool
	}{
		{first: 4, pos: record.Pos{Epoch: 1, Revision: 6}, holds: true},
		{first: 4, pos: record.Pos{Epoch: 2, Revision: 6}}, // the header's epoch is not the record's
		{first: 4, pos: record.Pos{Epoch: 1, Revision: 5}},
		{first: 4, pos: record.Pos{Epoch: 1, Revision: 7}},
		{first: 5, pos: record.Pos{Epoch: 1, Revision: 6}},
		{first: 1, pos: record.Pos{Epoch: 1, Revision: 3}},
		{first: 7, pos: record.Pos{Epoch: 1, Revision: 8}, corrupt: true},
	} {
		holds, err := New(s, Options{}).Holds(t.Context(), c.first, c.pos)
		if holds != c.holds || errors.Is(err, datafile.ErrCorrupt) != c.corrupt || (err != nil) != c.corrupt {
			t.Errorf("%+v: %t, %v", c, holds, err)
		}
	}
}

// TestNothingIsPassedOnBeforeItIsProven: a reader is paused within a read; meanwhile two
// snapshots are made, the slot that it reads next is freed and filled by a deposed writer.
// It must not hear of what that one left, not even before the error.
func TestNothingIsPassedOnBeforeItIsProven(t *testing.T) {
	s := newSpy()
	plant(t, s.inner, 1, run(1, 1, 1))
	plant(t, s.inner, 1, run(1, 2, 1))
	plant(t, s.inner, 3, run(3, 3, 1))
	s.onGet = func(_ context.Context, key string) (bool, error) {
		if key == ChunkKey(2) {
			plant(t, s.inner, 2, run(2, 2, 1)) // the late seal of epoch 2
			plantSnapshot(t, s.inner, record.Pos{Epoch: 1, Revision: 2})
			plantSnapshot(t, s.inner, record.Pos{Epoch: 3, Revision: 3})
		}
		return false, nil
	}
	_, err := New(s, Options{}).Read(t.Context(), 1, func(c Chunk) error {
		t.Errorf("passed on: %v", c.Info.Last)
		return nil
	})
	if !errors.Is(err, ErrSuperseded) {
		t.Fatal(err)
	}
}

// TestTheSlotThatIsJoinedCounts: reading begins behind revision 2, at the slot that holds
// it. That slot may be freed as soon as two snapshots are at or above it, one of which may be
// the one that reading began behind.
func TestTheSlotThatIsJoinedCounts(t *testing.T) {
	s := newSpy()
	plant(t, s.inner, 1, run(1, 1, 1))
	plant(t, s.inner, 1, run(1, 2, 1))
	s.onGet = func(_ context.Context, key string) (bool, error) {
		if key == ChunkKey(2) {
			plant(t, s.inner, 3, run(3, 3, 1))
			plantSnapshot(t, s.inner, record.Pos{Epoch: 1, Revision: 2})
			plantSnapshot(t, s.inner, record.Pos{Epoch: 3, Revision: 3})
			plant(t, s.inner, 2, run(1, 2, 2)) // what a deposed writer had: one more than the log
		}
		return false, nil
	}
	_, err := New(s, Options{}).Read(t.Context(), 2, func(c Chunk) error {
		t.Errorf("passed on: %v", c.Info.Last)
		return nil
	})
	if !errors.Is(err, ErrSuperseded) {
		t.Fatal(err)
	}
}

// TestWhatMayHaveBeenFreedIsNoDamage: whatever a reader finds in slots that may have been
// freed since it began, deposed writers may have left there. Where none can have been freed
// it is what it seems.
func TestWhatMayHaveBeenFreedIsNoDamage(t *testing.T) {
	const ahead = 4 // the slot that is read while it happens
	for name, c := range map[string]struct {
		after record.Revision
		spoil func(t *testing.T, s objectstore.Store)
		err   error
	}{
		"the chunk before it reaches into it": {1, func(t *testing.T, s objectstore.Store) { plant(t, s, 5, run(5, 3, 2)) }, ErrOverlap},
		"older than the one before it":        {1, func(t *testing.T, s objectstore.Store) { plant(t, s, 1, run(1, ahead, 1)) }, ErrEpochBack},
		"shorter than it was":                 {2, func(t *testing.T, s objectstore.Store) { plant(t, s, 2, run(2, 3, 1)); remove(t, s, ChunkKey(ahead)) }, ErrGap},
		"a tombstone":                         {1, func(t *testing.T, s objectstore.Store) { plantTombstone(t, s, ahead, 2) }, ErrGap},
		"misplaced": {1, func(t *testing.T, s objectstore.Store) {
			b, err := datafile.EncodeChunk(datafile.Header{LeaderID: "node-x", Epoch: 2, ChunkID: "planted"}, run(2, 8, 1))
			if err != nil {
				t.Fatal(err)
			}
			plantBytes(t, s, ChunkKey(ahead), b)
		}, ErrMisplaced},
		"garbage": {1, func(t *testing.T, s objectstore.Store) { plantBytes(t, s, ChunkKey(ahead), []byte("x")) }, datafile.ErrCorrupt},
		"of a newer version": {1, func(t *testing.T, s objectstore.Store) {
			h := &datafilepb.FileHeader{SchemaVersion: 99}
			b, err := proto.Marshal(h)
			if err != nil {
				t.Fatal(err)
			}
			h.Crc = crc64.Checksum(b, crc64.MakeTable(crc64.ECMA))
			if b, err = proto.Marshal(h); err != nil {
				t.Fatal(err)
			}
			plantBytes(t, s, ChunkKey(ahead), protowire.AppendBytes(nil, b))
		}, datafile.ErrUnsupported},
		"gone, where it joined":  {ahead, func(t *testing.T, s objectstore.Store) { remove(t, s, ChunkKey(ahead)) }, ErrGap},
		"freed, where it joined": {ahead, func(t *testing.T, s objectstore.Store) { plantTombstone(t, s, ahead, 2) }, ErrGap},
	} {
		t.Run(name, func(t *testing.T) {
			for _, freed := range []bool{false, true} {
				s := newSpy()
				plant(t, s.inner, 1, run(1, 1, 1))
				plant(t, s.inner, 1, run(1, 2, 1))
				plant(t, s.inner, 2, run(2, 3, 1))
				plant(t, s.inner, 2, run(2, ahead, 1))
				plant(t, s.inner, 2, run(2, 6, 1)) // behind a gap, if nothing fills it
				plant(t, s.inner, 2, run(2, 5, 1))
				if c.after == ahead {
					remove(t, s.inner, ChunkKey(5)) // so that it looks for where to join
				}
				var once sync.Once
				s.onGet = func(context.Context, string) (bool, error) {
					once.Do(func() {
						c.spoil(t, s.inner)
						if freed {
							plantSnapshot(t, s.inner, record.Pos{Epoch: 2, Revision: 5})
							plantSnapshot(t, s.inner, record.Pos{Epoch: 2, Revision: 6})
						}
					})
					return false, nil
				}
				want := c.err
				if freed {
					want = ErrSuperseded
				}
				if chunks, _, err := readLog(t.Context(), s, c.after); !errors.Is(err, want) || len(chunks) > 0 {
					t.Errorf("freed: %t: read %v: %v", freed, revisions(chunks), err)
				}
			}
		})
	}
}

// TestSnapshotDeletedBeforeItIsJoined: reading begins behind one that is no longer among the
// two that are never deleted.
func TestSnapshotDeletedBeforeItIsJoined(t *testing.T) {
	s := newSpy()
	plantSnapshot(t, s.inner, record.Pos{Epoch: 2, Revision: 6})
	s.onGet = func(context.Context, string) (bool, error) {
		plantSnapshot(t, s.inner, record.Pos{Epoch: 2, Revision: 7})
		plantSnapshot(t, s.inner, record.Pos{Epoch: 2, Revision: 8})
		remove(t, s.inner, SnapshotKey(6))
		return false, nil
	}
	if _, _, err := readLog(t.Context(), s, 6); !errors.Is(err, ErrSuperseded) {
		t.Error(err)
	}
}

// TestDoubtWithoutAListing: where it can't be told whether something is damage, it isn't
// called that.
func TestDoubtWithoutAListing(t *testing.T) {
	s := newSpy()
	plant(t, s.inner, 1, run(1, 1, 2))
	plant(t, s.inner, 1, run(1, 2, 1))
	forbidden, lists := errors.New("forbidden"), 0
	s.onList = func(context.Context, string) (bool, error) {
		if lists++; lists > 2 {
			return true, forbidden
		}
		return false, nil
	}
	if _, _, err := readLog(t.Context(), s, 0); !errors.Is(err, forbidden) || errors.Is(err, ErrOverlap) {
		t.Error(err)
	}
}

// TestLongChainsArePassedOnInPieces: what was read waits for a listing, not for the end.
func TestLongChainsArePassedOnInPieces(t *testing.T) {
	s := newSpy()
	const n = 2*maxUnproven + 3
	for i := range record.Revision(n) {
		plant(t, s.inner, 1, run(1, i+1, 1))
	}
	lists, got := 0, 0
	s.onList = func(_ context.Context, prefix string) (bool, error) {
		if prefix == SnapshotPrefix {
			lists++
			if want := maxUnproven * max(lists-2, 0); got != want {
				t.Errorf("at listing %d %d chunks were passed on, want %d", lists, got, want)
			}
		}
		return false, nil
	}
	if _, err := New(s, Options{}).Read(t.Context(), 0, func(Chunk) error { got++; return nil }); err != nil {
		t.Fatal(err)
	}
	if got != n || lists != 4 {
		t.Errorf("%d chunks, %d listings", got, lists)
	}
}
