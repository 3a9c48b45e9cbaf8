package mvcc

import (
	"errors"
	"fmt"
	"testing"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/netsy-io/netsy/pkg/record"
)

// rec makes a record as snapshots hold them.
func rec(e record.Epoch, rev record.Revision, key, value string) record.Record {
	return record.Record{Revision: rev, Epoch: e, Key: []byte(key), Value: []byte(value), Created: true, CreateRevision: rev, Version: 1, CreatedAt: testNow, LeaderID: "n2"}
}

func gone(e record.Epoch, rev, prev record.Revision, key string) record.Record {
	return record.Record{Revision: rev, Epoch: e, Key: []byte(key), Deleted: true, CreateRevision: 1, PrevRevision: prev, CreatedAt: testNow, LeaderID: "n2"}
}

// aSnapshot is one of revision 12, purged to 9: key a was deleted at or below 9, b lives since 4.
func aSnapshot() []record.Record {
	return []record.Record{
		rec(1, 4, "b", "4"), rec(2, 7, record.EpochStartKey, ""), rec(2, 9, "c", "9"),
		rec(2, 10, "d", "10"), gone(3, 11, 9, "c"), rec(3, 12, "e", "12"),
	}
}

var aSnapshotEnd = record.Pos{Epoch: 3, Revision: 12}

func loadAll(t testing.TB, s *Store, recs []record.Record, last record.Pos, purged record.Revision) error {
	t.Helper()
	l, err := s.BeginLoad(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Abort(); err != nil {
			t.Error(err)
		}
	}()
	for len(recs) > 0 { // in two parts
		n := (len(recs) + 1) / 2
		if err := l.Add(t.Context(), recs[:n]); err != nil {
			return err
		}
		recs = recs[n:]
	}
	return l.Commit(t.Context(), last, purged)
}

func keysOf(t testing.TB, s *Store, sn *Snapshot) (all string) {
	t.Helper()
	for _, kv := range stateOf(t, s, sn) {
		all += fmt.Sprintf("%s=%s ", kv.Key, kv.Value)
	}
	return all
}

// TestLoadOfARunningReplica: what is published stays readable, older revisions are
// compacted, the state is that of the snapshot alone, and history goes on from there.
func TestLoadOfARunningReplica(t *testing.T) {
	b := begin(t)
	for _, k := range []string{"a", "b", "x"} {
		b.put(t, k, "old")
	}
	first := b.rangeReq(t, &etcdserverpb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}, Limit: 1})
	b.put(t, "y", "old")
	if b.pins.at(4) == nil || !first.More {
		t.Fatal("nothing is pinned")
	}
	if err := loadAll(t, b.Store, aSnapshot(), aSnapshotEnd, 9); err != nil {
		t.Fatal(err)
	}
	if b.Tail() != aSnapshotEnd || b.Purged() != 9 || b.CompactRevision() != 10 {
		t.Fatal(b.Tail(), b.Purged(), b.CompactRevision())
	}
	if first, pos, ok := b.Logged(); !ok || first != 12 || pos != aSnapshotEnd {
		t.Fatal(first, pos, ok)
	}
	if got := keysOf(t, b.Store, b.Snapshot()); got != "a=old b=old x=old y=old " || b.Snapshot().Revision() != 5 {
		t.Fatalf("published: %q", got)
	}
	all := &etcdserverpb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}}
	if resp := b.rangeReq(t, all); resp.Count != 4 || resp.Header.Revision != 5 {
		t.Fatal(resp)
	}
	for rev := int64(1); rev < 5; rev++ {
		all.Revision = rev
		if _, err := b.Range(t.Context(), b.Snapshot(), all); !errors.Is(err, ErrCompacted) {
			t.Errorf("at %d: %v", rev, err)
		}
	}
	if b.pins.at(4) != nil {
		t.Error("a replaced snapshot is still held")
	}
	w, err := b.NewWorkingAt(t.Context(), 12)
	if err != nil {
		t.Fatal(err)
	}
	if got := keysOf(t, b.Store, w.Snapshot()); got != "b=4 d=10 e=12 " {
		t.Fatalf("loaded: %q", got)
	}
	if err := b.Publish(w.Snapshot()); err != nil {
		t.Fatal(err)
	}
	b.checkEvents(t)
	for rev, want := range map[int64]int64{9: 0, 10: 3, 11: 2, 12: 3} {
		all.Revision = rev
		resp, err := b.Range(t.Context(), b.Snapshot(), all)
		if want == 0 && !errors.Is(err, ErrCompacted) || want > 0 && (err != nil || resp.Count != want) {
			t.Errorf("at %d: %v, %v", rev, resp, err)
		}
	}
	if err := b.AppendLogged(t.Context(), []record.Record{rec(3, 13, "f", "13")}); err != nil {
		t.Fatal(err)
	}
	if err := b.Compact(t.Context(), 12); err != nil {
		t.Fatal(err)
	}
	purgeAll(t, b.Store)
	if w, err = b.NewWorking(t.Context()); err != nil || keysOf(t, b.Store, w.Snapshot()) != "b=4 d=10 e=12 f=13 " || b.Purged() != 11 {
		t.Fatal(keysOf(t, b.Store, w.Snapshot()), err, b.Purged())
	}
}

// checkEvents: watches go on from the first revision that isn't purged, with previous values.
func (b *begun) checkEvents(t *testing.T) {
	t.Helper()
	var got string
	err := b.Events(t.Context(), 10, 12, []byte{0}, []byte{0}, func(rev record.Revision, evs []*mvccpb.Event) error {
		for _, e := range evs {
			prev := e.PrevKv
			if prev == nil {
				prev = &mvccpb.KeyValue{}
			}
			got += fmt.Sprintf("%d:%s<%s ", rev, e.Kv.Key, prev.Value)
		}
		return nil
	})
	if err != nil || got != "10:d< 11:c<9 12:e< " {
		t.Fatal(got, err)
	}
	err = b.Events(t.Context(), 9, 12, []byte{0}, []byte{0}, func(record.Revision, []*mvccpb.Event) error { return nil })
	if !errors.Is(err, ErrCompacted) {
		t.Fatal(err)
	}
}

// TestLoadLeavesPromises: also those raised while it is under way.
func TestLoadLeavesPromises(t *testing.T) {
	dir := t.TempDir()
	s := openDir(t, dir)
	if _, err := s.Serve(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	incarnation, starts := s.Incarnation(), s.StartCount()
	if err := s.AppendLogged(t.Context(), reign(1, 1, 2)); err != nil {
		t.Fatal(err)
	}
	l, err := s.BeginLoad(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	recs := aSnapshot()
	if err := l.Add(t.Context(), recs[:3]); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Promise(t.Context(), 7); err != nil {
		t.Fatal(err)
	}
	if err := l.Add(t.Context(), recs[3:]); err != nil {
		t.Fatal(err)
	}
	if s.Tail().Revision != 2 || len(revisions(t, s)) != 2 {
		t.Fatal("staged records are visible")
	}
	if err := l.Commit(t.Context(), aSnapshotEnd, 9); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		want := ElectionState{Promised: 7, Served: 3, Tail: aSnapshotEnd}
		if got := s.ElectionState(); got != want || s.Incarnation() != incarnation || s.StartCount() != starts {
			t.Fatalf("%+v, start %d", got, s.StartCount())
		}
		if got := len(revisions(t, s)); got != 6 || s.Purged() != 9 || s.CompactRevision() != 10 {
			t.Fatal(got, s.Purged(), s.CompactRevision())
		}
		s, starts = reopen(t, s, dir), starts+1
	}
}
