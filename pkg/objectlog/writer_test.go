package objectlog

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
)

func unknown(key string) error {
	return objectstore.Errorf(objectstore.ErrUnknownOutcome, "put", key, "the answer was lost")
}

func unavailable(op, key string) error {
	return objectstore.Errorf(objectstore.ErrUnavailable, op, key, "slow down")
}

func TestAppendExtendsTheChain(t *testing.T) {
	s := newSpy()
	w := New(s, Options{}).NewWriter(3, "node-a", 1)
	for _, n := range []int{1, 3, 2} {
		first := w.Next()
		info, err := w.Append(t.Context(), run(3, first, n))
		if err != nil {
			t.Fatal(err)
		}
		want := record.Pos{Epoch: 3, Revision: first + record.Revision(n) - 1}
		if info.First != first || info.Last != want || info.Epoch != 3 || info.LeaderID != "node-a" || len(info.ID) != 16 || info.Records != n {
			t.Errorf("info %+v", info)
		}
	}
	chunks, end, err := readLog(t.Context(), s, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(revisions(chunks)); got != "[1 2 3 4 5 6]" {
		t.Errorf("read %s", got)
	}
	if end.Last != (record.Pos{Epoch: 3, Revision: 6}) || end.HeaderEpoch != 3 || end.Chunk.First != 5 {
		t.Errorf("end %+v", end)
	}
}

// An ambiguous answer, in each of its ways, ends in knowing what is in the slot.
func TestAppendSettlesAmbiguity(t *testing.T) {
	foreign, err := datafile.EncodeChunk(datafile.Header{LeaderID: "node-b", Epoch: 9, ChunkID: "theirs"}, run(9, 1, 2))
	if err != nil {
		t.Fatal(err)
	}
	type put func(s *spyStore, key string, body []byte) error
	land := func(s *spyStore, key string, body []byte) {
		_, _ = s.inner.Put(context.Background(), key, body, objectstore.IfAbsent())
	}
	for name, c := range map[string]struct {
		answers []put // to successive puts; then the store answers
		lost    bool
		puts    int
	}{
		"unavailable twice, then won": {puts: 3, answers: []put{
			func(_ *spyStore, key string, _ []byte) error { return unavailable("put", key) },
			func(_ *spyStore, key string, _ []byte) error { return unavailable("put", key) },
		}},
		"landed, answer lost": {puts: 1, answers: []put{
			func(s *spyStore, key string, body []byte) error { land(s, key, body); return unknown(key) },
		}},
		"landed, then refused as the library retried": {puts: 1, answers: []put{
			func(s *spyStore, key string, body []byte) error {
				land(s, key, body)
				return objectstore.Errorf(objectstore.ErrPreconditionFailed, "put", key, "exists")
			},
		}},
		"never landed, sent again": {puts: 2, answers: []put{
			func(_ *spyStore, key string, _ []byte) error { return unknown(key) },
		}},
		"landed late, behind the read-back": {puts: 2, answers: []put{
			func(_ *spyStore, key string, _ []byte) error { return unknown(key) },
			func(s *spyStore, key string, body []byte) error {
				land(s, key, body)
				_, err := s.inner.Put(context.Background(), key, body, objectstore.IfAbsent())
				return err
			},
		}},
		"an error that breaks the store's contract": {puts: 1, answers: []put{
			func(s *spyStore, key string, body []byte) error { land(s, key, body); return errors.New("surprise") },
		}},
		"lost to another": {puts: 1, lost: true, answers: []put{
			func(s *spyStore, key string, _ []byte) error {
				land(s, key, foreign)
				return objectstore.Errorf(objectstore.ErrPreconditionFailed, "put", key, "exists")
			},
		}},
		"lost to another, answer lost": {puts: 1, lost: true, answers: []put{
			func(s *spyStore, key string, _ []byte) error { land(s, key, foreign); return unknown(key) },
		}},
		"lost after being sent again": {puts: 2, lost: true, answers: []put{
			func(_ *spyStore, key string, _ []byte) error { return unknown(key) },
			func(s *spyStore, key string, _ []byte) error { land(s, key, foreign); return unknown(key) },
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSpy()
				puts, sent := 0, map[string]string{}
				s.onPut = func(_ context.Context, key string, body []byte, cond objectstore.Condition) (bool, error) {
					if _, again := sent[key]; !again {
						sent[key] = string(body)
					}
					if sent[key] != string(body) || !cond.IsAbsent() {
						t.Errorf("put %d: other bytes or condition %v", puts, cond)
					}
					puts++
					if puts > len(c.answers) {
						return false, nil
					}
					return true, c.answers[puts-1](s, key, body)
				}
				w := New(s, Options{}).NewWriter(3, "node-a", 1)
				_, err := w.Append(t.Context(), run(3, 1, 2))
				var slotLost *SlotLostError
				switch {
				case c.lost && (!errors.As(err, &slotLost) || slotLost.Winner.Epoch != 9 || slotLost.Key != ChunkKey(1)):
					t.Errorf("got %v, want a lost slot", err)
				case !c.lost && err != nil:
					t.Errorf("got %v, want success", err)
				}
				if puts != c.puts { // before anything else is appended
					t.Errorf("%d puts, want %d", puts, c.puts)
				}
				if _, again := w.Append(t.Context(), run(3, 3, 1)); c.lost && again != err {
					t.Errorf("a writer that lost goes on: %v", again)
				}
			})
		})
	}
}

func TestAppendEndsWithItsContext(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(op, key string) error
		want   error
		not    error
	}{
		"fate unknown":     {func(_, key string) error { return unknown(key) }, ErrOutcomeUnknown, nil},
		"certainly unsent": {func(op, key string) error { return unavailable(op, key) }, context.Canceled, ErrOutcomeUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				s := newSpy()
				puts := 0
				s.onPut = func(_ context.Context, key string, _ []byte, _ objectstore.Condition) (bool, error) {
					if puts++; puts == 5 {
						cancel()
					}
					return true, c.answer("put", key)
				}
				w := New(s, Options{}).NewWriter(3, "node-a", 1)
				_, err := w.Append(ctx, run(3, 1, 1))
				if !errors.Is(err, c.want) || c.not != nil && errors.Is(err, c.not) {
					t.Errorf("got %v", err)
				}
				s.onPut = nil
				if _, again := w.Append(t.Context(), run(3, 1, 1)); again != err {
					t.Errorf("a writer that failed goes on: %v", again)
				}
				if puts != 5 {
					t.Errorf("%d puts", puts)
				}
			})
		})
	}
}

// When nothing more can be learnt after an ambiguous answer, the answer says so.
func TestAppendKeepsAmbiguityThroughLaterErrors(t *testing.T) {
	permanent := func(op, key string) error {
		return objectstore.Errorf(objectstore.ErrPermanent, op, key, "access denied")
	}
	t.Run("refused for good after an unknown outcome", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newSpy()
			puts := 0
			s.onPut = func(_ context.Context, key string, _ []byte, _ objectstore.Condition) (bool, error) {
				if puts++; puts == 1 {
					return true, unknown(key)
				}
				return true, permanent("put", key)
			}
			_, err := New(s, Options{}).NewWriter(3, "node-a", 1).Append(t.Context(), run(3, 1, 1))
			if !errors.Is(err, ErrOutcomeUnknown) || !errors.Is(err, objectstore.ErrPermanent) {
				t.Errorf("got %v", err)
			}
		})
	})
	t.Run("refused for good at once", func(t *testing.T) {
		s := newSpy()
		s.onPut = func(_ context.Context, key string, _ []byte, _ objectstore.Condition) (bool, error) {
			return true, permanent("put", key)
		}
		_, err := New(s, Options{}).NewWriter(3, "node-a", 1).Append(t.Context(), run(3, 1, 1))
		if errors.Is(err, ErrOutcomeUnknown) || !errors.Is(err, objectstore.ErrPermanent) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("read-back refused", func(t *testing.T) {
		s := newSpy()
		s.onPut = func(_ context.Context, key string, _ []byte, _ objectstore.Condition) (bool, error) {
			return true, unknown(key)
		}
		s.onGet = func(_ context.Context, key string) (bool, error) { return true, permanent("get", key) }
		_, err := New(s, Options{}).NewWriter(3, "node-a", 1).Append(t.Context(), run(3, 1, 1))
		if !errors.Is(err, ErrOutcomeUnknown) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("what is in the slot can't be read", func(t *testing.T) {
		s := newSpy()
		plantBytes(t, s.inner, ChunkKey(1), []byte("garbage"))
		_, err := New(s, Options{}).NewWriter(3, "node-a", 1).Append(t.Context(), run(3, 1, 1))
		if !errors.Is(err, ErrOutcomeUnknown) || !errors.Is(err, datafile.ErrCorrupt) {
			t.Errorf("got %v", err)
		}
	})
}

func TestFirstSlotOfAReignIsHeldAgainstSnapshots(t *testing.T) {
	for _, c := range []struct {
		snapshot record.Revision
		freed    bool
	}{{4, false}, {5, true}, {6, true}, {900, true}} {
		s := newSpy()
		plantSnapshot(t, s.inner, record.Pos{Epoch: 9, Revision: c.snapshot})
		w := New(s, Options{}).NewWriter(3, "node-a", 5)
		_, err := w.Append(t.Context(), run(3, 5, 1))
		if errors.Is(err, ErrSlotFreed) != c.freed || (err != nil) != c.freed {
			t.Errorf("snapshot %d: %v", c.snapshot, err)
		}
		trace := len(s.trace.Lines())
		if _, again := w.Append(t.Context(), run(3, 6, 1)); again != err {
			t.Errorf("snapshot %d: then %v", c.snapshot, again)
		}
		if c.freed && len(s.trace.Lines()) != trace {
			t.Errorf("snapshot %d: it went on to %v", c.snapshot, s.trace.Lines()[trace:])
		}
	}
}

func TestOnlyTheFirstSlotIsHeldAgainstSnapshots(t *testing.T) {
	s := newSpy()
	w := New(s, Options{}).NewWriter(3, "node-a", 1)
	for range 3 {
		if _, err := w.Append(t.Context(), run(3, w.Next(), 1)); err != nil {
			t.Fatal(err)
		}
		plantSnapshot(t, s.inner, record.Pos{Epoch: 3, Revision: 900}) // a listing would find it
	}
}

func TestFirstSlotUnverifiedIsUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := newSpy()
		s.onList = func(_ context.Context, prefix string) (bool, error) {
			cancel()
			return true, unavailable("list", prefix)
		}
		_, err := New(s, Options{}).NewWriter(3, "node-a", 1).Append(ctx, run(3, 1, 1))
		if !errors.Is(err, ErrOutcomeUnknown) {
			t.Errorf("got %v", err)
		}
	})
}

func TestOwnTombstoneMeansFreed(t *testing.T) {
	s := newSpy()
	s.onPut = func(_ context.Context, key string, body []byte, _ objectstore.Condition) (bool, error) {
		h, err := datafile.DecodeHeader(body)
		if err != nil {
			t.Fatal(err)
		}
		tombstone, err := datafile.EncodeTombstone(h)
		if err != nil {
			t.Fatal(err)
		}
		plantBytes(t, s.inner, key, tombstone)
		return true, unknown(key)
	}
	_, err := New(s, Options{}).NewWriter(3, "node-a", 1).Append(t.Context(), run(3, 1, 1))
	if !errors.Is(err, ErrSlotFreed) {
		t.Errorf("got %v", err)
	}
}

func TestAppendRefusesWhatDoesNotFollow(t *testing.T) {
	gapped := append(run(3, 1, 2), run(3, 4, 1)...)
	for name, recs := range map[string][]record.Record{
		"nothing": nil, "later": run(3, 2, 1), "earlier": run(3, 0, 1), "gap": gapped, "of a later epoch": run(4, 1, 1),
	} {
		s := newSpy()
		w := New(s, Options{}).NewWriter(3, "node-a", 1)
		if _, err := w.Append(t.Context(), recs); !errors.Is(err, ErrUsage) {
			t.Errorf("%s: %v", name, err)
		}
		if len(s.trace.Lines()) > 0 {
			t.Errorf("%s: something was sent:\n%v", name, s.trace.String())
		}
	}
}
