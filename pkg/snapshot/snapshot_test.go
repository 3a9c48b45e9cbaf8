package snapshot

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"

	"go.uber.org/goleak"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/memstore"
	"github.com/netsy-io/netsy/pkg/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// history makes records as a Primary does: it knows what each key is.
type history struct {
	epoch record.Epoch
	recs  []record.Record
	keys  map[string]record.Record
}

func newHistory(epoch record.Epoch) *history {
	return &history{epoch: epoch, keys: map[string]record.Record{}}
}

func (h *history) last() record.Revision {
	if len(h.recs) == 0 {
		return 0
	}
	return h.recs[len(h.recs)-1].Revision
}

// put writes a key at the next revision, del deletes it.
func (h *history) put(key, value string) *history {
	return h.add(h.last()+1, 0, key, []byte(value), false)
}
func (h *history) del(key string) *history { return h.add(h.last()+1, 0, key, nil, true) }

func (h *history) add(rev record.Revision, sub int32, key string, value []byte, del bool) *history {
	before, lives := h.keys[key]
	r := record.Record{Revision: rev, Sub: sub, Epoch: h.epoch, Key: []byte(key), Value: value, LeaderID: "node-a"}
	switch {
	case !lives:
		r.Created, r.CreateRevision, r.Version = true, rev, 1
	default:
		r.CreateRevision, r.PrevRevision, r.Version = before.CreateRevision, before.Revision, before.Version+1
	}
	h.keys[key] = r
	if del {
		r.Deleted, r.Version = true, 0
		delete(h.keys, key)
	}
	h.recs = append(h.recs, r)
	return h
}

// chunks plants the records above after as chunks of n revisions each.
func (h *history) chunks(t testing.TB, st objectstore.Store, after record.Revision, n int) {
	t.Helper()
	var run []record.Record
	flush := func() {
		if len(run) == 0 {
			return
		}
		b, err := datafile.EncodeChunk(datafile.Header{LeaderID: "node-a", Epoch: run[len(run)-1].Epoch, ChunkID: "planted"}, run)
		if err != nil {
			t.Fatal(err)
		}
		plant(t, st, objectlog.ChunkKey(run[0].Revision), b)
		run = nil
	}
	for _, r := range h.recs {
		if r.Revision <= after {
			continue
		}
		if len(run) > 0 && r.Revision >= run[0].Revision+record.Revision(n) {
			flush()
		}
		run = append(run, r)
	}
	flush()
}

func plant(t testing.TB, st objectstore.Store, key string, b []byte) {
	t.Helper()
	if _, err := st.Put(t.Context(), key, b, objectstore.Always()); err != nil {
		t.Fatal(err)
	}
}

// draftOf makes a finished draft of records.
func draftOf(t testing.TB, purged record.Revision, recs []record.Record) *Draft {
	t.Helper()
	d, err := NewDraft(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	for i := range recs {
		if err := d.Write(&recs[i]); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := d.Finish(datafile.Header{LeaderID: "node-a", Purged: purged}); err != nil {
		t.Fatal(err)
	}
	return d
}

func bytesOf(t testing.TB, d *Draft) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := d.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// plantSnapshot puts a snapshot without asking.
func plantSnapshot(t testing.TB, st objectstore.Store, purged record.Revision, recs []record.Record) {
	t.Helper()
	d := draftOf(t, purged, recs)
	plant(t, st, d.Info().Key, bytesOf(t, d))
}

// readAll reads a snapshot to its end.
func readAll(ctx context.Context, s *Store, rev record.Revision) (h datafile.Header, recs []record.Record, err error) {
	r, err := s.Open(ctx, rev)
	if err != nil {
		return h, nil, err
	}
	defer r.Close()
	for {
		rec, err := r.Next()
		if err == io.EOF {
			return r.Header(), recs, nil
		}
		if err != nil {
			return r.Header(), recs, err
		}
		recs = append(recs, rec)
	}
}

func brief(recs []record.Record) (s string) {
	for _, r := range recs {
		s += fmt.Sprintf(" %d/%d:%s", r.Revision, r.Sub, r.Key)
		if r.Deleted {
			s += "-"
		}
	}
	return s
}

func testStore(t testing.TB, st objectstore.Store) *Store { return New(st, Options{Dir: t.TempDir()}) }

func TestMergePublishRead(t *testing.T) {
	st := memstore.New(nil)
	h := newHistory(1)
	h.put("_netsy/epoch", "").put("a", "1").put("b", "1").put("a", "2").del("b").put("c", "1").put("a", "3")
	h.chunks(t, st, 0, 2)
	s, log := testStore(t, st), objectlog.New(st, objectlog.Options{})
	d, info, err := s.Merge(t.Context(), log, MergeOptions{Compaction: 6, LeaderID: "me"})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if info.Purged != 5 || info.Last != (record.Pos{Epoch: 1, Revision: 7}) || info.Records != 4 {
		t.Errorf("%+v", info)
	}
	for _, want := range []bool{true, true} { // again, it is ours still
		if created, err := s.Publish(t.Context(), d, nil); err != nil || created != want {
			t.Fatal(created, err)
		}
	}
	got, err := s.Verify(t.Context(), 7, nil)
	if err != nil || !got.CreatedAt.Equal(info.CreatedAt) || got.Key != info.Key || got.Size != info.Size {
		t.Errorf("%+v, want %+v: %v", got, info, err)
	}
	_, recs, err := readAll(t.Context(), s, 7)
	if want := " 1/0:_netsy/epoch 4/0:a 6/0:c 7/0:a"; err != nil || brief(recs) != want {
		t.Errorf("%s, want%s: %v", brief(recs), want, err)
	}
	all, err := s.List(t.Context())
	if err != nil || len(all) != 1 || all[0].Revision != 7 || all[0].Size != info.Size {
		t.Errorf("%+v %v", all, err)
	}
}
