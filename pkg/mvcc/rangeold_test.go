package mvcc

import (
	"fmt"
	"testing"

	"go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/netsy-io/netsy/pkg/record"
)

// TestEveryOldState: all that can happen to a key between two revisions, read at each of
// them by key, by range, in pages and counted.
func TestEveryOldState(t *testing.T) {
	b := begin(t)
	want := map[record.Revision]map[string]string{1: {}}
	state := map[string]string{}
	step := func(ch *Change, key, value string) {
		if value == "" {
			delete(state, key)
		} else {
			state[key] = value
		}
		at := map[string]string{}
		for k, v := range state {
			at[k] = v
		}
		want[ch.Record.Revision] = at
	}
	put := func(key string) {
		value := fmt.Sprint(b.w.Revision() + 1)
		step(b.put(t, key, value), key, value)
	}
	del := func(key string) { step(b.del(t, key), key, "") }
	put("always")
	put("b")
	put("gone")
	put("b")
	del("gone")
	put("again")
	del("again")
	put("again") // made anew
	put("again")
	b.reign(t, 2)
	want[b.w.Revision()] = want[b.w.Revision()-1]
	put("new")
	del("b")
	put("zero")
	del("zero")
	for rev, keys := range want {
		for _, key := range []string{"always", "b", "gone", "again", "new", "zero", "never", record.EpochStartKey} {
			resp := b.rangeReq(t, &etcdserverpb.RangeRequest{Key: []byte(key), Revision: int64(rev)})
			if value, there := keys[key]; there != (resp.Count == 1) || there && string(resp.Kvs[0].Value) != value {
				t.Errorf("%s at %d: %v, want %q", key, rev, resp.Kvs, value)
			}
		}
		for limit := range int64(8) {
			resp := b.rangeReq(t, &etcdserverpb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}, Revision: int64(rev), Limit: limit})
			for i, kv := range resp.Kvs {
				if keys[string(kv.Key)] != string(kv.Value) || i > 0 && string(kv.Key) <= string(resp.Kvs[i-1].Key) {
					t.Errorf("at %d: %v", rev, resp.Kvs)
				}
			}
			n := int64(len(keys))
			if limit > 0 {
				n = min(n, limit)
			}
			if int64(len(resp.Kvs)) != n || resp.Count != int64(len(keys)) || resp.More != (n < resp.Count) {
				t.Errorf("limit %d at %d: %d of %d keys, want %d of %d", limit, rev, len(resp.Kvs), resp.Count, n, len(keys))
			}
		}
		resp := b.rangeReq(t, &etcdserverpb.RangeRequest{Key: []byte("b"), RangeEnd: []byte("h"), Revision: int64(rev), CountOnly: true})
		n := int64(0)
		for _, k := range []string{"b", "gone"} {
			if keys[k] != "" {
				n++
			}
		}
		if resp.Count != n || resp.Kvs != nil {
			t.Errorf("count of b..h at %d: %d, want %d", rev, resp.Count, n)
		}
	}
}

// TestPurgeOfABrokenChain: a record names one that isn't there, as in a snapshot that others
// reduced to the state at its end. The real one goes, if there is one.
func TestPurgeOfABrokenChain(t *testing.T) {
	b := begin(t)
	ch := b.put(t, "k", "1")
	r := ch.Record
	r.Revision, r.Created, r.PrevRevision, r.Version = 3, false, 1, 2 // 2 it should be
	b.apply(t, &r)
	b.commit(t, r)
	r.Revision, r.Key, r.PrevRevision = 4, []byte("l"), 3 // was never made here
	b.apply(t, &r)
	b.commit(t, r)
	b.put(t, "m", "1")
	b.SetLogged(1, b.Tail())
	if err := b.Compact(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
	purgeAll(t, b.Store)
	got := revisions(t, b.Store)
	if len(got) != 4 || got[1].Revision != 3 || got[2].Revision != 4 || b.Purged() != 4 {
		t.Fatal(got, b.Purged())
	}
}

// TestOldStateOfABusyKey: one with more versions since than are followed one by one.
func TestOldStateOfABusyKey(t *testing.T) {
	b := begin(t)
	var recs []record.Record
	for i := range 2*maxHops + 3 {
		ch, err := putChange(b, "k", fmt.Sprint(i))
		if err != nil {
			t.Fatal(err)
		}
		recs = append(recs, ch.Record)
	}
	b.commit(t, recs...)
	for _, back := range []int{0, 1, maxHops - 1, maxHops, maxHops + 1, 2 * maxHops} {
		r := recs[len(recs)-1-back]
		resp := b.rangeReq(t, &etcdserverpb.RangeRequest{Key: []byte("k"), Revision: int64(r.Revision)})
		if len(resp.Kvs) != 1 || string(resp.Kvs[0].Value) != string(r.Value) {
			t.Errorf("%d versions ago: %v, want %s", back, resp.Kvs, r.Value)
		}
	}
}

// TestIndexOfFormerVersions: a file with the index by key loses it, and is good otherwise.
func TestIndexOfFormerVersions(t *testing.T) {
	dir := t.TempDir()
	s := openDir(t, dir)
	if err := s.AppendLogged(t.Context(), reign(1, 1, 5)); err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{"DROP INDEX epoch_starts_1", "CREATE INDEX records_by_key ON records (key, pos, deleted)"} {
		if err := s.writer.exec(q); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time nothing is to be done
		s = openDir(t, dir)
		var names string
		err := s.readDB.QueryRow("SELECT group_concat(name) FROM sqlite_schema WHERE type = 'index'").Scan(&names)
		if err != nil || names != "epoch_starts_1" {
			t.Fatal(names, err)
		}
		if starts, err := s.EpochStarts(t.Context()); err != nil || len(starts) != 1 || len(revisions(t, s)) != 5 {
			t.Fatal(starts, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestQueriesGoByTheIndex: the epoch starts are found without going through the history.
func TestQueriesGoByTheIndex(t *testing.T) {
	if want := fmt.Sprintf("key = X'%X'", record.EpochStartKey); isEpochStart != want {
		t.Fatalf("%s, want %s", isEpochStart, want)
	}
	s := openDir(t, t.TempDir())
	for _, order := range []string{"", " DESC LIMIT 1"} {
		var a, b, c int
		var plan string
		err := s.readDB.QueryRow("EXPLAIN QUERY PLAN SELECT pos, epoch FROM records WHERE "+isEpochStart+" ORDER BY pos"+order).Scan(&a, &b, &c, &plan)
		if err != nil || plan != "SCAN records USING INDEX epoch_starts_1" {
			t.Fatal(plan, err)
		}
	}
}
