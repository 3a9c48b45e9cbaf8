package mvcc

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/netsy-io/netsy/pkg/record"
)

func reopen(t *testing.T, s *Store, dir string) *Store {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return openDir(t, dir)
}

func TestIdentityIsKeptAndChecked(t *testing.T) {
	dir := t.TempDir()
	s := openDir(t, dir)
	first := s.Incarnation()
	if len(first) != 32 || s.StartCount() != 1 {
		t.Fatalf("incarnation %q, start %d", first, s.StartCount())
	}
	s = reopen(t, s, dir)
	if s.Incarnation() != first || s.StartCount() != 2 {
		t.Fatalf("incarnation %q, start %d after reopening", s.Incarnation(), s.StartCount())
	}
	if _, err := Open(t.Context(), options(dir)); !errors.Is(err, ErrLocked) {
		t.Fatalf("second opener: %v", err)
	}
	s.Close()
	if _, err := os.Stat(filepath.Join(dir, dbName+"-wal")); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("the WAL was not folded in by Close: %v", err)
	}
	for field, change := range map[string]func(*Options){
		"cluster_id": func(o *Options) { o.ClusterID = "other" }, "node_id": func(o *Options) { o.NodeID = "other" },
	} {
		o := options(dir)
		change(&o)
		_, err := Open(t.Context(), o)
		var ie *IdentityError
		if !errors.As(err, &ie) || ie.Field != field || ie.Given != "other" {
			t.Errorf("%s: %v", field, err)
		}
	}
	s = openDir(t, dir)
	if s.StartCount() != 3 {
		t.Fatalf("refused starts were counted: %d", s.StartCount())
	}
	if other := openDir(t, t.TempDir()); other.Incarnation() == first {
		t.Fatal("two files share an incarnation")
	}
}

func TestElectionStateSurvives(t *testing.T) {
	dir := t.TempDir()
	s := openDir(t, dir)
	if _, err := s.Serve(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	r := record.EpochStart(1, 3, "n1", record.KeyState{}, testNow)
	if err := s.Append(t.Context(), []record.Record{r}); err != nil {
		t.Fatal(err)
	}
	st, err := s.Promise(t.Context(), 5)
	want := ElectionState{Promised: 5, Served: 3, Tail: record.Pos{Epoch: 3, Revision: 1}}
	if err != nil || st != want || s.ElectionState() != want {
		t.Fatal(st, err)
	}
	s = reopen(t, s, dir)
	if s.ElectionState() != want {
		t.Fatalf("%+v after reopening", s.ElectionState())
	}
	var promised *PromisedError
	if _, err := s.Promise(t.Context(), 4); !errors.As(err, &promised) || promised.Promised != 5 {
		t.Fatal(err)
	}
	var served *ServedError
	if _, err := s.Serve(t.Context(), 3); !errors.As(err, &served) || served.Served != 3 {
		t.Fatal(err)
	}
	old := []record.Record{{Revision: 2, Epoch: 3, Key: []byte("k")}}
	if err := s.Append(t.Context(), old); !errors.As(err, &promised) {
		t.Fatalf("append in a deposed reign: %v", err)
	}
	if s.ElectionState() != want {
		t.Fatalf("%+v after refusals", s.ElectionState())
	}
	if err := s.AppendLogged(t.Context(), old); err != nil {
		t.Fatalf("the object log's records are history under any promise: %v", err)
	}
}

func TestRecordsComeBackWhole(t *testing.T) {
	b := begin(t)
	rich := record.Record{
		Revision: 2, Epoch: 1, Key: []byte("k\x00\xff"), Value: []byte("v\x00"), Created: true, CreateRevision: 2, Version: 1, Lease: -5, DEK: 7,
		CreatedAt: testNow, CompactedAt: testNow.Add(time.Nanosecond), ReplicatedAt: time.Unix(0, 0).UTC(), LeaderID: "n1",
	}
	batch := []record.Record{rich, {Revision: 2, Sub: 1, Epoch: 1, Key: []byte{}, Deleted: true, PrevRevision: 1}, {Revision: 3, Epoch: 2, Key: []byte("e")}}
	if err := b.Append(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	i := 0
	err := b.Records(t.Context(), 2, 3, func(r *record.Record) error {
		if got, want := *r, batch[i]; string(got.Key) != string(want.Key) || string(got.Value) != string(want.Value) || !got.CreatedAt.Equal(want.CreatedAt) ||
			!got.CompactedAt.Equal(want.CompactedAt) || !got.ReplicatedAt.Equal(want.ReplicatedAt) || got.Sub != want.Sub || got.Lease != want.Lease ||
			got.DEK != want.DEK || got.Deleted != want.Deleted || got.Created != want.Created || got.Pos() != want.Pos() || got.LeaderID != want.LeaderID ||
			got.PrevRevision != want.PrevRevision || got.CreateRevision != want.CreateRevision || got.Version != want.Version {
			t.Errorf("got %+v\nwant %+v", got, want)
		}
		i++
		return nil
	})
	if err != nil || i != 3 {
		t.Fatal(i, err)
	}
	for rev, want := range map[record.Revision]record.Epoch{0: 0, 1: 1, 2: 1, 3: 2, 4: 0} {
		e, ok, err := b.EpochAt(t.Context(), rev)
		if err != nil || e != want || ok != (want != 0) {
			t.Errorf("epoch at %d: %d, %v, %v", rev, e, ok, err)
		}
	}
	far := []record.Record{{Revision: 4, Epoch: 2, Key: []byte("t"), CreatedAt: time.Date(2500, 1, 1, 0, 0, 0, 0, time.UTC)}}
	if err := b.Append(t.Context(), far); err == nil || b.Tail().Revision != 3 {
		t.Fatalf("a timestamp that doesn't fit: %v", err)
	}
	stop := errors.New("stop")
	if err := b.Records(t.Context(), 1, 3, func(*record.Record) error { return stop }); err != stop {
		t.Fatal(err)
	}
}

func TestLoggedIsStoredWithTheNextWriteAndAtClose(t *testing.T) {
	dir := t.TempDir()
	s := openDir(t, dir)
	if _, _, ok := s.Logged(); ok {
		t.Fatal("an empty store knows a logged position")
	}
	if _, err := s.Serve(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	for rev := record.Revision(1); rev <= 3; rev++ {
		if err := s.Append(t.Context(), []record.Record{{Revision: rev, Epoch: 1, Key: []byte("k")}}); err != nil {
			t.Fatal(err)
		}
	}
	s.SetLogged(2, record.Pos{Epoch: 1, Revision: 3})
	s.SetLogged(1, record.Pos{Epoch: 1, Revision: 2}) // older: ignored
	s = reopen(t, s, dir)
	if first, pos, ok := s.Logged(); !ok || first != 2 || pos != (record.Pos{Epoch: 1, Revision: 3}) {
		t.Fatal(first, pos, ok)
	}
	if err := s.TruncateAfter(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if s.state.Load().logged != (loggedPos{}) {
		t.Fatal("a truncated position is still stored as logged: a crash would bring it back")
	}
	if first, pos, ok := s.Logged(); ok {
		t.Fatalf("%d, %v is known to be logged but was truncated", first, pos)
	}
	if got := s.Tail(); got != (record.Pos{Epoch: 1, Revision: 1}) {
		t.Fatal(got)
	}
	s = reopen(t, s, dir)
	if _, _, ok := s.Logged(); ok {
		t.Fatal("forgotten position came back")
	}
}

func TestPublishRefusesWhatIsNotStoredOrOlder(t *testing.T) {
	b := begin(t)
	old := b.Snapshot()
	b.put(t, "a", "1")
	if err := b.Publish(old); !errors.Is(err, ErrRevisionBack) {
		t.Fatal(err)
	}
	if _, _, err := b.w.Put(&etcdserverpb.PutRequest{Key: []byte("a")}, b.stamp); err != nil {
		t.Fatal(err)
	}
	if err := b.Publish(b.w.Snapshot()); !errors.Is(err, ErrNotStored) {
		t.Fatal(err)
	}
	var te *TruncateError
	if err := b.TruncateAfter(t.Context(), 1); !errors.As(err, &te) || te.What != "published" {
		t.Fatal(err)
	}
}

func TestEventsRefuseWhatIsNotPublished(t *testing.T) {
	b := begin(t)
	err := b.Events(t.Context(), 1, 2, []byte{0}, []byte{0}, func(record.Revision, []*mvccpb.Event) error { return nil })
	if !errors.Is(err, ErrFutureRev) {
		t.Fatal(err)
	}
}

// TestEventsInPieces: pieces are joined without a hole, never split a revision, and
// compaction that overtakes a slow reader ends it.
func TestEventsInPieces(t *testing.T) {
	b := begin(t)
	var recs []record.Record
	const n = 2*pieceRecords + 10
	for range n {
		_, ch, err := b.w.Put(&etcdserverpb.PutRequest{Key: []byte("k"), Value: []byte("v")}, b.stamp)
		if err != nil {
			t.Fatal(err)
		}
		recs = append(recs, ch.Record)
	}
	// One revision with more records than a piece holds, as a lease's expiry has.
	rev := b.w.Revision() + 1
	for sub := range int32(pieceRecords + 5) {
		recs = append(recs, record.Record{Revision: rev, Sub: sub, Epoch: 1, Key: []byte("k"), Version: 1, PrevRevision: rev - 1})
	}
	for i := len(recs) - pieceRecords - 5; i < len(recs); i++ {
		b.apply(t, &recs[i])
	}
	b.commit(t, recs...)
	next, calls := record.Revision(2), 0
	err := b.Events(t.Context(), 1, rev, []byte("k"), nil, func(r record.Revision, evs []*mvccpb.Event) error {
		if r != next || (r < rev && len(evs) != 1) || (r == rev && len(evs) != pieceRecords+5) {
			t.Fatalf("revision %d with %d events, expected %d", r, len(evs), next)
		}
		if (r == 2) != (evs[0].PrevKv == nil) || r > 2 && evs[0].PrevKv.ModRevision != int64(r-1) {
			t.Fatalf("revision %d: %v", r, evs[0])
		}
		next++
		calls++
		return nil
	})
	if err != nil || calls != n+1 {
		t.Fatal(calls, err)
	}
	err = b.Events(t.Context(), 1, rev, []byte("k"), nil, func(r record.Revision, _ []*mvccpb.Event) error {
		if r == 5 {
			return b.Compact(t.Context(), rev-1)
		}
		return nil
	})
	if !errors.Is(err, ErrCompacted) {
		t.Fatalf("overtaken by compaction: %v", err)
	}
}

func TestReservedKeysInSQL(t *testing.T) {
	b := begin(t)
	keys := []string{"_nets", "_netsy", "_netsy\x00", "_netsy.", "_netsy/", "_netsy/a", "_netsy/\xff", "_netsy0", "_netsz", "a"}
	var recs []record.Record
	for i, k := range keys {
		recs = append(recs, record.Record{Revision: record.Revision(2 + i), Epoch: 1, Key: []byte(k), Version: 1})
	}
	recs = append(recs, record.Record{Revision: recs[len(recs)-1].Revision + 1, Epoch: 1, Key: []byte("last"), Version: 1})
	for i := range recs {
		b.apply(t, &recs[i])
	}
	b.commit(t, recs...)
	resp := b.rangeReq(t, &etcdserverpb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}, Revision: int64(b.Tail().Revision - 1)})
	var got, want []string
	for _, kv := range resp.Kvs {
		got = append(got, string(kv.Key))
	}
	for _, k := range keys {
		if !record.IsReserved([]byte(k)) {
			want = append(want, k)
		}
		at := &etcdserverpb.RangeRequest{Key: []byte(k), Revision: int64(b.Tail().Revision - 1)}
		if resp := b.rangeReq(t, at); (resp.Count == 0) != record.IsReserved([]byte(k)) {
			t.Errorf("get %q: %v", k, resp)
		}
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func TestUnsupportedRequestsChangeNothing(t *testing.T) {
	b := begin(t)
	put := func(k string) *etcdserverpb.RequestOp {
		return &etcdserverpb.RequestOp{Request: &etcdserverpb.RequestOp_RequestPut{RequestPut: &etcdserverpb.PutRequest{Key: []byte(k)}}}
	}
	del := func(k, end string) *etcdserverpb.RequestOp {
		r := &etcdserverpb.DeleteRangeRequest{Key: []byte(k), RangeEnd: []byte(end)}
		return &etcdserverpb.RequestOp{Request: &etcdserverpb.RequestOp_RequestDeleteRange{RequestDeleteRange: r}}
	}
	nested := &etcdserverpb.RequestOp{Request: &etcdserverpb.RequestOp_RequestTxn{RequestTxn: &etcdserverpb.TxnRequest{}}}
	badSort := &etcdserverpb.RequestOp{Request: &etcdserverpb.RequestOp_RequestRange{RequestRange: &etcdserverpb.RangeRequest{Key: []byte("k"), SortOrder: 7}}}
	for name, req := range map[string]*etcdserverpb.TxnRequest{
		"two puts":           {Success: []*etcdserverpb.RequestOp{put("a"), put("b")}},
		"put and delete":     {Failure: []*etcdserverpb.RequestOp{put("a"), del("b", "")}},
		"range delete":       {Success: []*etcdserverpb.RequestOp{del("a", "b")}},
		"nested":             {Success: []*etcdserverpb.RequestOp{nested}},
		"empty operation":    {Success: []*etcdserverpb.RequestOp{{}}},
		"reserved put":       {Success: []*etcdserverpb.RequestOp{put("_netsy/epoch")}},
		"reserved delete":    {Success: []*etcdserverpb.RequestOp{del("_netsy", "")}},
		"unknown sort":       {Success: []*etcdserverpb.RequestOp{put("a"), badSort}},
		"unknown compare":    {Compare: []*etcdserverpb.Compare{{Key: []byte("k"), Target: 9}}, Success: []*etcdserverpb.RequestOp{put("a")}},
		"unknown operator":   {Compare: []*etcdserverpb.Compare{{Key: []byte("k"), Result: 9}}, Success: []*etcdserverpb.RequestOp{put("a")}},
		"the other branch's": {Success: []*etcdserverpb.RequestOp{put("a")}, Failure: []*etcdserverpb.RequestOp{nested}},
	} {
		resp, ch, err := b.w.Txn(req, b.stamp)
		if !errors.Is(err, ErrUnsupported) || resp != nil || ch != nil || b.w.Revision() != 1 {
			t.Errorf("%s: %v, %v, %v", name, resp, ch, err)
		}
	}
}

func TestCorruptFilesAreNamedAndSetAside(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, path string){
		"garbage": func(t *testing.T, path string) { write(t, path, []byte(strings.Repeat("not a database ", 1000))) },
		"short":   func(t *testing.T, path string) { write(t, path, []byte("x")) },
		"truncated": func(t *testing.T, path string) {
			st, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(path, st.Size()/2/4096*4096); err != nil {
				t.Fatal(err)
			}
		},
		"scribbled": scribble,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := openDir(t, dir)
			first := s.Incarnation()
			b := &begun{Store: s, stamp: Stamp{Epoch: 1}}
			b.reign(t, 1)
			for range 50 {
				b.put(t, "k", strings.Repeat("v", 1000))
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			damage(t, filepath.Join(dir, dbName))
			if _, err := Open(t.Context(), options(dir)); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("damaged file: %v", err)
			}
			aside, err := SetAside(dir)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(aside); err != nil {
				t.Fatal(err)
			}
			s = openDir(t, dir)
			if s.Incarnation() == first || s.Tail().Revision != 0 {
				t.Fatal("the new file is not a new incarnation")
			}
			if _, err := SetAside(dir); !errors.Is(err, ErrLocked) {
				t.Fatalf("setting aside an open file: %v", err)
			}
		})
	}
}

// scribble spoils the pages between the first two and the last.
func scribble(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 2 * 4096; i < len(b)-4096; i += 4096 {
		copy(b[i:], "scribble scribble")
	}
	write(t, path, b)
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestForeignAndNewerFilesAreRefused(t *testing.T) {
	dir := t.TempDir()
	s := openDir(t, dir)
	if err := s.writer.exec("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := Open(t.Context(), options(dir)); !errors.Is(err, ErrNewerSchema) {
		t.Fatal(err)
	}
	dir = t.TempDir()
	s = openDir(t, dir)
	if err := s.writer.exec("PRAGMA application_id = 1"); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := Open(t.Context(), options(dir)); !errors.Is(err, ErrCorrupt) {
		t.Fatal(err)
	}
}

// TestHistoryWithAHoleIsNotLoaded: a file that lost a record is corrupt, not shorter.
func TestHistoryWithAHoleIsNotLoaded(t *testing.T) {
	b := begin(t)
	b.put(t, "a", "1")
	b.put(t, "a", "2")
	b.put(t, "a", "3")
	if err := b.writer.exec("DELETE FROM records WHERE pos = 3<<20"); err != nil {
		t.Fatal(err)
	}
	b.published.Store(&Snapshot{tree: newTree()})
	if _, err := b.NewWorking(t.Context()); !errors.Is(err, ErrCorrupt) {
		t.Fatal(err)
	}
}

// TestStaleWALIsNotReplayed: a database that was removed takes its WAL with it.
func TestStaleWALIsNotReplayed(t *testing.T) {
	dir := t.TempDir()
	s := openDir(t, dir)
	path := filepath.Join(dir, dbName)
	wal, err := os.ReadFile(path + "-wal")
	if err != nil || len(wal) == 0 {
		t.Fatal(len(wal), err)
	}
	first := s.Incarnation()
	s.Close()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	write(t, path+"-wal", wal)
	if s = openDir(t, dir); s.Incarnation() == first {
		t.Fatal("the old WAL was replayed into a new file")
	}
}

func TestClosedStoreRefusesWrites(t *testing.T) {
	s := openDir(t, t.TempDir())
	s.Close()
	if err := s.Append(t.Context(), []record.Record{{Revision: 1, Epoch: 1}}); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
	if _, err := s.Promise(t.Context(), 1); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
