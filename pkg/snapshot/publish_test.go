package snapshot

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
	"github.com/netsy-io/netsy/pkg/objectstore/memstore"
	"github.com/netsy-io/netsy/pkg/record"
)

var puts = fault.Puts(objectlog.SnapshotPrefix)

// damaged lets a store keep something else than it was sent.
func damaged(change func(b []byte) []byte) fault.Fault {
	return func(ctx context.Context, r *fault.Request, next fault.Next) (fault.Response, error) {
		changed := *r
		changed.Body = change(bytes.Clone(r.Body))
		return next(ctx, &changed)
	}
}

func flip(b []byte) []byte {
	b[len(b)-20] ^= 0x10
	return b
}

// TestPublishSettlesOutcomes: whatever becomes of the PUT, Publish knows in the end what
// is there.
func TestPublishSettlesOutcomes(t *testing.T) {
	h := longHistory(50)
	older := newHistory(2)
	older.recs = h.recs[: len(h.recs)-1 : len(h.recs)-1]
	other := newHistory(2)
	other.recs = append(older.recs[:49:49], record.Record{Revision: 50, Epoch: 2, Key: []byte("k"), Created: true, CreateRevision: 50, Version: 1})
	late := &fault.Late{}
	for name, c := range map[string]struct {
		there   []record.Record // before
		damage  bool            // of what is there
		fault   fault.Fault
		created bool
		want    error
	}{
		"plain":                     {created: true},
		"lost reply":                {fault: fault.Once(puts, fault.LostReply()), created: true},
		"lost request":              {fault: fault.Times(3, puts, fault.Fail(objectstore.ErrUnknownOutcome)), created: true},
		"late":                      {fault: fault.Once(puts, late.Fault()), created: true},
		"retried by a library":      {fault: fault.Once(puts, fault.EchoedRetry()), created: true},
		"unavailable":               {fault: fault.Times(3, puts, fault.Fail(objectstore.ErrUnavailable)), created: true},
		"unavailable for long":      {fault: fault.If(puts, fault.Fail(objectstore.ErrUnavailable)), want: objectstore.ErrUnavailable},
		"unknown for long":          {fault: fault.If(puts, fault.Fail(objectstore.ErrUnknownOutcome)), want: ErrOutcomeUnknown},
		"refused":                   {fault: fault.If(puts, fault.Fail(objectstore.ErrPermanent)), want: objectstore.ErrPermanent},
		"there":                     {there: h.recs},
		"there, answer lost":        {there: h.recs, fault: fault.Once(puts, fault.LostReply())},
		"there and damaged":         {there: h.recs, damage: true, want: datafile.ErrCorrupt},
		"there, of another history": {there: other.recs, want: ErrConflict},
		"damaged on its way":        {fault: fault.If(puts, damaged(flip)), want: datafile.ErrCorrupt},
		"cut on its way":            {fault: fault.If(puts, damaged(func(b []byte) []byte { return b[:len(b)/2] })), want: datafile.ErrCorrupt},
		"confused with another's":   {fault: fault.If(puts, damaged(func([]byte) []byte { return bytesOf(t, draftOf(t, 0, h.recs)) })), want: ErrUnverified},
		"success, and nothing there": {fault: fault.If(puts, func(context.Context, *fault.Request, fault.Next) (fault.Response, error) {
			return fault.Response{Version: "1"}, nil
		}), want: objectstore.ErrNotFound},
		"reading back is unavailable": {fault: fault.If(fault.Ops("snapshots/", "get"), fault.Fail(objectstore.ErrUnavailable)), want: objectstore.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				inner := memstore.New(nil)
				if c.there != nil {
					b := bytesOf(t, draftOf(t, 40, since(c.there, 40))) // it may be reduced more
					if c.damage {
						b = flip(b)
					}
					plant(t, inner, objectlog.SnapshotKey(50), b)
				}
				time.Sleep(time.Hour) // between this header and ours
				st := fault.New(inner)
				if c.fault != nil {
					st.Inject(c.fault)
				}
				d, err := NewDraft(t.TempDir())
				if err != nil {
					t.Fatal(err)
				}
				defer d.Close()
				for i := range h.recs {
					if err := d.Write(&h.recs[i]); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := d.Finish(datafile.Header{LeaderID: "node-b", CreatedAt: time.Now()}); err != nil {
					t.Fatal(err)
				}
				var phases []string
				created, err := smallRanges(t, st, 1000).Publish(t.Context(), d, func(p Progress) {
					if n := len(phases); n == 0 || phases[n-1] != p.Phase {
						phases = append(phases, p.Phase)
					}
				})
				if created != c.created || !errors.Is(err, c.want) || c.want == nil && err != nil {
					t.Errorf("created %t, want %t: %v, want %v", created, c.created, err, c.want)
				}
				if err == nil && (len(phases) == 0 || phases[len(phases)-1] != PhaseVerify) {
					t.Errorf("not verified: %q", phases)
				}
				if _, err := late.Land(t.Context()); err != nil && !errors.Is(err, objectstore.ErrPreconditionFailed) {
					t.Error(err)
				}
				if c.created {
					b, _, err := objectstore.ReadAll(t.Context(), inner, d.Info().Key, 1<<20)
					if err != nil || !bytes.Equal(b, bytesOf(t, d)) {
						t.Errorf("what is there isn't the draft: %v", err)
					}
				}
			})
		})
	}
}

func TestJudgePublished(t *testing.T) {
	at := time.Unix(7, 0)
	sent := sum{datafile.Header{Epoch: 3, RecordsCount: 5, LeaderID: "a", CreatedAt: at}, datafile.Footer{RecordsCRC: 1, First: 1, Last: 9}}
	change := func(f func(*sum)) sum {
		s := sent
		f(&s)
		return s
	}
	for name, c := range map[string]struct {
		found sum
		ours  bool
		want  error // unless won: then anything but ours is ErrUnverified
	}{
		"same":        {change(func(s *sum) { s.header.CreatedAt = at.UTC() }), true, nil},
		"other time":  {change(func(s *sum) { s.header.CreatedAt = at.Add(1) }), false, nil},
		"reduced":     {change(func(s *sum) { s.header.Purged, s.footer.First, s.footer.RecordsCRC = 4, 5, 2 }), false, nil},
		"other bytes": {change(func(s *sum) { s.footer.RecordsCRC = 2 }), false, nil},
		"other epoch": {change(func(s *sum) { s.header.Epoch = 4 }), false, ErrConflict},
		"other end":   {change(func(s *sum) { s.footer.Last = 8 }), false, ErrConflict},
	} {
		if ours, err := judgePublished(false, sent, c.found); ours != c.ours || !errors.Is(err, c.want) {
			t.Errorf("%s: %t, %v", name, ours, err)
		}
		if ours, err := judgePublished(true, sent, c.found); ours != c.ours || errors.Is(err, ErrUnverified) == ours {
			t.Errorf("%s, won: %t, %v", name, ours, err)
		}
	}
}

// TestPublishSplitsNoChunk: a snapshot that ends within a chunk would hide the rest of it.
func TestPublishSplitsNoChunk(t *testing.T) {
	st, h := memstore.New(nil), longHistory(30)
	h.chunks(t, st, 0, 10)
	s, log := testStore(t, st), objectlog.New(st, objectlog.Options{})
	for to, want := range map[record.Revision]error{10: nil, 15: ErrSplitsChunk, 20: nil, 21: ErrSplitsChunk, 30: nil} {
		d, _, err := s.Merge(t.Context(), log, MergeOptions{To: to})
		if err != nil {
			t.Fatal(err)
		}
		if created, err := s.Publish(t.Context(), d, nil); created != (want == nil) || !errors.Is(err, want) {
			t.Errorf("%d: %t, %v", to, created, err)
		}
		if created, err := testStore(t, memstore.New(nil)).Publish(t.Context(), d, nil); !created || err != nil {
			t.Errorf("%d, into another bucket: %t, %v", to, created, err)
		}
		d.Close()
		remove(t, st, objectlog.SnapshotKey(to))
	}
}

func remove(t *testing.T, st objectstore.Store, key string) {
	t.Helper()
	if err := st.Delete(t.Context(), key, objectstore.Always()); err != nil {
		t.Fatal(err)
	}
}
