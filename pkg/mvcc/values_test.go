package mvcc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/netsy-io/netsy/pkg/record"
)

var everyKey = etcdserverpb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}}

func (b *begun) reads(t testing.TB) float64 { t.Helper(); return metricValue(t, b.metrics.valueReads) }

// TestValuesStayWithinTheirBound: what is published takes no more memory than it may, while written
// and when loaded, and is read all the same.
func TestValuesStayWithinTheirBound(t *testing.T) {
	const bound = 20 << 10
	b := beginBounded(t, bound)
	for i := range 100 {
		b.put(t, fmt.Sprintf("k%02d", i%50), aKiB)
		if b.cache.bytes > bound {
			t.Fatalf("%d bytes of values", b.cache.bytes)
		}
	}
	if b.cache.bytes < bound/2 {
		t.Errorf("only %d bytes of values", b.cache.bytes)
	}
	before := stateOf(t, b.Store, b.Snapshot())
	w := b.loadAnew(t, 60)
	if bytes := b.cache.bytes; bytes > bound || bytes < bound/2 || bytes != inMemory(w) {
		t.Errorf("%d bytes of values were loaded, the cache knows of %d", inMemory(w), bytes)
	}
	if after := stateOf(t, b.Store, w.Snapshot()); !reflect.DeepEqual(before, after) || len(after) != 50 {
		t.Errorf("%d keys, then %d; not the same", len(before), len(after))
	}
}

var aKiB = strings.Repeat("v", 1024)

// loadAnew purges up to a revision and loads the state as a start does.
func (b *begun) loadAnew(t *testing.T, rev record.Revision) *Working {
	t.Helper()
	if err := b.Compact(t.Context(), rev); err != nil {
		t.Fatal(err)
	}
	b.SetLogged(b.Tail().Revision, b.Tail())
	purgeAll(t, b.Store)
	b.published.Store(&Snapshot{tree: newTree()})
	w, err := b.NewWorking(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func inMemory(w *Working) (bytes int64) {
	w.tree.Scan(func(it *item) bool {
		if c := it.value.Load(); c != nil {
			bytes += c.size()
		}
		return true
	})
	return bytes
}

// TestNothingReplacedIsKept: the cache holds the present values and no others, where nothing drives them out.
func TestNothingReplacedIsKept(t *testing.T) {
	b := begin(t)
	check := func(when string, w *Working) {
		t.Helper()
		if got := metricValue(t, b.metrics.valueBytes); b.cache.bytes != inMemory(w) || got != float64(b.cache.bytes) {
			t.Errorf("%s: %d bytes of present values, the cache has %d, the metric says %v", when, inMemory(w), b.cache.bytes, got)
		}
	}
	for i := range 20 {
		b.put(t, fmt.Sprint(i%7), aKiB)
	}
	b.del(t, "3")
	check("written", b.w)
	check("loaded", b.loadAnew(t, 10))
	b.reign(t, 2)
	check("loaded for the next reign", b.w)
}

// TestUnpublishedValuesStay: what isn't known to be stored can't be read back.
func TestUnpublishedValuesStay(t *testing.T) {
	b := beginBounded(t, noValues)
	var recs []record.Record
	for i := range 10 {
		ch, err := putChange(b, fmt.Sprint(i%5), fmt.Sprint(i))
		if err != nil {
			t.Fatal(err)
		}
		recs = append(recs, ch.Record)
	}
	if got := stateOf(t, b.Store, b.w.Snapshot()); len(got) != 5 || string(got[4].Value) != "9" || b.reads(t) != 0 {
		t.Fatalf("%v, %v values read", got, b.reads(t))
	}
	b.commit(t, recs...)
	if got := stateOf(t, b.Store, b.Snapshot()); len(got) != 5 || string(got[4].Value) != "9" || b.reads(t) != 5 {
		t.Fatalf("%v, %v values read", got, b.reads(t))
	}
}

// TestReplacedValueOfALostReign: what an uncommitted write took the place of is the present value still.
func TestReplacedValueOfALostReign(t *testing.T) {
	const room = 2 * cachedOverhead
	b := beginBounded(t, room)
	b.put(t, "a", "1")
	if _, err := putChange(b, "a", "2"); err != nil {
		t.Fatal(err)
	}
	b.reign(t, 2)
	for i := range 4 {
		b.put(t, fmt.Sprint(i), "") // lets a's value go
	}
	if b.cache.bytes > room {
		t.Errorf("%d bytes of values", b.cache.bytes)
	}
	if resp := b.rangeReq(t, &etcdserverpb.RangeRequest{Key: []byte("a")}); string(resp.Kvs[0].Value) != "1" || b.reads(t) != 1 {
		t.Errorf("%v, %v values read", resp.Kvs, b.reads(t))
	}
}

// TestOneValueIsKept, what a list reads isn't.
func TestOneValueIsKept(t *testing.T) {
	for name, read := range map[string]func(b *begun, key string) error{
		"by a client": func(b *begun, key string) error {
			_, err := b.Range(t.Context(), b.Snapshot(), &etcdserverpb.RangeRequest{Key: []byte(key)})
			return err
		},
		"by the sequencer": func(b *begun, key string) error {
			_, err := b.w.value(b.w.find([]byte(key)))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := beginBounded(t, 3*cachedOverhead)
			for i := range 6 {
				b.put(t, fmt.Sprint(i), "v")
			}
			b.rangeReq(t, &everyKey)
			before := b.reads(t)
			for range 3 {
				if err := read(b, "0"); err != nil {
					t.Fatal(err)
				}
			}
			if got := b.reads(t) - before; got != 1 {
				t.Errorf("read %v times", got)
			}
		})
	}
}

// TestOnlyWhatIsAnsweredIsRead: keys, counts and what a limit leaves out need no values; an order by
// value needs them all, once.
func TestOnlyWhatIsAnsweredIsRead(t *testing.T) {
	b := beginBounded(t, noValues)
	for i := range 200 {
		b.put(t, fmt.Sprintf("%03d", i), fmt.Sprintf("%03d", 199-i))
	}
	for _, tc := range []struct {
		name  string
		req   etcdserverpb.RangeRequest
		reads float64
		first string
	}{
		{"all", etcdserverpb.RangeRequest{}, 200, "199"},
		{"count", etcdserverpb.RangeRequest{CountOnly: true}, 0, ""},
		{"keys", etcdserverpb.RangeRequest{KeysOnly: true}, 0, ""},
		{"page", etcdserverpb.RangeRequest{Limit: 70}, 70, "199"},
		{"last", etcdserverpb.RangeRequest{Limit: 1, SortOrder: etcdserverpb.RangeRequest_DESCEND, SortTarget: etcdserverpb.RangeRequest_MOD}, 1, "000"},
		{"by value", etcdserverpb.RangeRequest{Limit: 1, SortTarget: etcdserverpb.RangeRequest_VALUE, SortOrder: etcdserverpb.RangeRequest_ASCEND}, 200, "000"},
		{"some", etcdserverpb.RangeRequest{MinModRevision: 101}, 101, "100"},
	} {
		tc.req.Key, tc.req.RangeEnd = []byte{0}, []byte{0}
		before := b.reads(t)
		resp := b.rangeReq(t, &tc.req)
		if got := b.reads(t) - before; got != tc.reads {
			t.Errorf("%s: %v values read, want %v", tc.name, got, tc.reads)
		}
		if len(resp.Kvs) > 0 && string(resp.Kvs[0].Value) != tc.first {
			t.Errorf("%s: the first value is %q", tc.name, resp.Kvs[0].Value)
		}
	}
}

// TestCompactedWhileReading: the present state is read anew where compaction took a value away; a given
// revision is compacted.
func TestCompactedWhileReading(t *testing.T) {
	b := beginBounded(t, noValues)
	b.put(t, "a", "1")
	before := b.Snapshot()
	b.put(t, "a", "2")
	b.put(t, "b", "1")
	if err := b.Compact(t.Context(), b.Snapshot().Revision()); err != nil {
		t.Fatal(err)
	}
	b.SetLogged(1, b.Tail())
	purgeAll(t, b.Store)
	before.tree.Scan(func(it *item) bool { it.value.Store(nil); return true }) // it stays in memory as long as a snapshot has it
	resp, err := b.Range(t.Context(), before, &everyKey)
	if err != nil || resp.Header.Revision != int64(b.Snapshot().Revision()) || len(resp.Kvs) != 2 || string(resp.Kvs[0].Value) != "2" {
		t.Errorf("%v, %v", resp, err)
	}
	req := everyKey
	req.Revision = int64(before.Revision())
	if resp, err := b.Range(t.Context(), before, &req); !errors.Is(err, ErrCompacted) {
		t.Errorf("%v, %v", resp, err)
	}
}

// TestOvertakenByALoad: what is published can't be read whole any more until there is a later state.
func TestOvertakenByALoad(t *testing.T) {
	b := beginBounded(t, noValues)
	for _, k := range []string{"a", "b", "x"} {
		b.put(t, k, "old")
	}
	if err := loadAll(t, b.Store, aSnapshot(), aSnapshotEnd, 9); err != nil {
		t.Fatal(err)
	}
	if resp, err := b.Range(t.Context(), b.Snapshot(), &everyKey); !errors.Is(err, ErrOvertaken) {
		t.Errorf("%v, %v", resp, err)
	}
	keys := everyKey
	keys.KeysOnly = true
	if resp := b.rangeReq(t, &keys); len(resp.Kvs) != 3 {
		t.Errorf("%v", resp)
	}
	w, err := b.NewWorkingAt(t.Context(), 12)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Publish(w.Snapshot()); err != nil {
		t.Fatal(err)
	}
	if got := keysOf(t, b.Store, b.Snapshot()); got != "b=4 d=10 e=12 " {
		t.Errorf("%s", got)
	}
}

// TestMissingValueIsCorruption, where nothing explains it, and the owner is told.
func TestMissingValueIsCorruption(t *testing.T) {
	b := beginBounded(t, noValues)
	var told error
	b.readFailed = func(err error) { told = err }
	b.put(t, "a", "1")
	if err := b.writer.exec("DELETE FROM records WHERE key = CAST('a' AS BLOB)"); err != nil {
		t.Fatal(err)
	}
	for _, rev := range []int64{0, 2} {
		req := everyKey
		req.Revision = rev
		if resp, err := b.Range(t.Context(), b.Snapshot(), &req); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "revision 2") {
			t.Errorf("at %d: %v, %v", rev, resp, err)
		}
	}
	if !errors.Is(told, ErrCorrupt) {
		t.Error(told)
	}
	told = nil
	b.unreadable.Store(nil)
	all := &etcdserverpb.RequestOp{Request: &etcdserverpb.RequestOp_RequestRange{RequestRange: &everyKey}}
	if resp, _, err := b.w.Txn(&etcdserverpb.TxnRequest{Success: []*etcdserverpb.RequestOp{all}}, b.stamp); !errors.Is(err, ErrCorrupt) || !errors.Is(told, ErrCorrupt) {
		t.Errorf("%v, %v, told of %v", resp, err, told)
	}
	told = nil
	b.unreadable.Store(nil)
	if ch, err := putChange(b, "a", "2"); !errors.Is(err, ErrCorrupt) || !errors.Is(told, ErrCorrupt) {
		t.Errorf("%v, %v, told of %v", ch, err, told)
	}
}

// TestNothingIsHalfDone: where a value can't be read, nothing of the transaction, put, delete or record
// has happened; also where only a range after the write needs it.
func TestNothingIsHalfDone(t *testing.T) {
	b := beginBounded(t, 2*cachedOverhead)
	for _, k := range []string{"b", "c", "d", "a"} {
		b.put(t, k, "1")
	}
	b.w.find([]byte("b")).value.Store(nil)
	if err := b.sequenced.close(); err != nil { // so every read fails
		t.Fatal(err)
	}
	defer func() { b.sequenced = nil }()
	del := &etcdserverpb.RequestOp{Request: &etcdserverpb.RequestOp_RequestDeleteRange{RequestDeleteRange: &etcdserverpb.DeleteRangeRequest{Key: []byte("a")}}}
	put := func(key string) *etcdserverpb.RequestOp {
		return &etcdserverpb.RequestOp{Request: &etcdserverpb.RequestOp_RequestPut{RequestPut: &etcdserverpb.PutRequest{Key: []byte(key), Value: []byte("v")}}}
	}
	get := func(r etcdserverpb.RangeRequest) *etcdserverpb.RequestOp {
		return &etcdserverpb.RequestOp{Request: &etcdserverpb.RequestOp_RequestRange{RequestRange: &r}}
	}
	first := etcdserverpb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}, Limit: 1}
	oldest := first
	oldest.SortTarget, oldest.SortOrder = etcdserverpb.RangeRequest_MOD, etcdserverpb.RangeRequest_ASCEND
	value := &etcdserverpb.Compare{Key: []byte("b"), Target: etcdserverpb.Compare_VALUE, TargetUnion: &etcdserverpb.Compare_Value{Value: []byte("1")}}
	txn := func(req *etcdserverpb.TxnRequest) func() (*Change, error) {
		return func() (*Change, error) {
			_, ch, err := b.w.Txn(req, b.stamp)
			return ch, err
		}
	}
	rev, keys := b.w.Revision(), b.w.tree.Len()
	for name, do := range map[string]func() (*Change, error){
		"put": func() (*Change, error) { return putChange(b, "b", "2") },
		"delete": func() (*Change, error) {
			_, ch, err := b.w.DeleteRange(&etcdserverpb.DeleteRangeRequest{Key: []byte("b")}, b.stamp)
			return ch, err
		},
		"record": func() (*Change, error) {
			ev, err := b.w.Apply(&record.Record{Revision: rev + 1, Epoch: 1, Key: []byte("b"), Value: []byte("2"), Version: 2, CreateRevision: 2, PrevRevision: 2})
			if ev != nil {
				return &Change{Event: ev}, err
			}
			return nil, err
		},
		"compare":                   txn(&etcdserverpb.TxnRequest{Compare: []*etcdserverpb.Compare{value}, Success: []*etcdserverpb.RequestOp{put("new")}}),
		"create and range":          txn(&etcdserverpb.TxnRequest{Success: []*etcdserverpb.RequestOp{put("new"), get(everyKey)}}),
		"overwrite and range":       txn(&etcdserverpb.TxnRequest{Success: []*etcdserverpb.RequestOp{put("a"), get(everyKey)}}),
		"delete and what is next":   txn(&etcdserverpb.TxnRequest{Success: []*etcdserverpb.RequestOp{del, get(first)}}),
		"overwrite and what is old": txn(&etcdserverpb.TxnRequest{Success: []*etcdserverpb.RequestOp{put("a"), get(oldest)}}),
	} {
		if ch, err := do(); !errors.Is(err, ErrClosed) || ch != nil {
			t.Errorf("%s: %v, %v", name, ch, err)
		}
		if it := b.w.find([]byte("a")); b.w.Revision() != rev || b.w.tree.Len() != keys || it == nil || it.modRevision() != int64(rev) ||
			len(b.w.written.entries) != 0 || len(b.w.undo.entries) != 0 && b.w.undo.entries[len(b.w.undo.entries)-1].rev > rev {
			t.Fatalf("%s has changed something", name)
		}
	}
}

// TestRangeAfterPut sees the transaction's own write, and values from the disk.
func TestRangeAfterPut(t *testing.T) {
	b := beginBounded(t, noValues)
	b.put(t, "a", "1")
	b.put(t, "b", "1")
	ops := []*etcdserverpb.RequestOp{
		{Request: &etcdserverpb.RequestOp_RequestPut{RequestPut: &etcdserverpb.PutRequest{Key: []byte("a"), Value: []byte("2"), PrevKv: true}}},
		{Request: &etcdserverpb.RequestOp_RequestRange{RequestRange: &everyKey}},
	}
	resp, ch, err := b.w.Txn(&etcdserverpb.TxnRequest{Success: ops}, b.stamp)
	if err != nil {
		t.Fatal(err)
	}
	kvs := resp.Responses[1].GetResponseRange().Kvs
	if len(kvs) != 2 || string(kvs[0].Value) != "2" || string(kvs[1].Value) != "1" {
		t.Error(kvs)
	}
	if prev := resp.Responses[0].GetResponsePut().PrevKv; prev == nil || string(prev.Value) != "1" || ch.Event.PrevKv != prev {
		t.Error(prev, ch.Event.PrevKv)
	}
}

// TestApplyKeepsNothing of a record: it may be a part of a message with many, which would stay
// in memory with it.
func TestApplyKeepsNothing(t *testing.T) {
	b := begin(t)
	put := func(rev record.Revision, key, value string) *mvccpb.Event {
		message := []byte(key + value)
		r := record.Record{Revision: rev, Epoch: 1, Key: message[:len(key)], Value: message[len(key):], Version: 1, CreateRevision: rev, Created: true}
		ev := b.apply(t, &r)
		clear(message)
		return ev
	}
	for rev := range record.Revision(2) {
		ev := put(2+rev, "key", fmt.Sprint("value", rev))
		want := &mvccpb.KeyValue{Key: []byte("key"), Value: fmt.Append(nil, "value", rev), Version: 1, CreateRevision: int64(2 + rev), ModRevision: int64(2 + rev)}
		if !reflect.DeepEqual(ev.Kv, want) || !reflect.DeepEqual(stateOf(t, b.Store, b.w.Snapshot()), []*mvccpb.KeyValue{want}) {
			t.Errorf("%v", ev.Kv)
		}
	}
	if before := b.w.undo.at(b.w.tree.Copy(), 1); before.Len() != 0 {
		t.Errorf("what was written can't be undone: %d keys", before.Len())
	}
	message := []byte("key")
	ev := b.apply(t, &record.Record{Revision: 4, Epoch: 1, Key: message, Deleted: true, PrevRevision: 3})
	if clear(message); string(ev.Kv.Key) != "key" || string(ev.PrevKv.Value) != "value1" {
		t.Errorf("%v", ev)
	}
}

// TestValueReaders: so many at a time; one that failed is made anew; none after the end.
func TestValueReaders(t *testing.T) {
	b := begin(t)
	big := bytes.Repeat([]byte("v"), 10_000)
	b.put(t, "a", string(big))
	v, err := newValueReaders(filepath.Join(b.dir, dbName), 2)
	if err != nil {
		t.Fatal(err)
	}
	read := func(r *valueReader) error {
		return r.read([]rowPos{firstOf(2)}, func(_ rowPos, value []byte) {
			if !bytes.Equal(value, big) {
				t.Errorf("%d bytes", len(value))
			}
		})
	}
	var all []*valueReader
	err = v.use(t.Context(), func(one *valueReader) error {
		return v.use(t.Context(), func(other *valueReader) error {
			all = append(all, one, other)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			time.AfterFunc(time.Millisecond, cancel)
			if err := v.use(ctx, read); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
			return errors.Join(read(one), read(other))
		})
	})
	if err != nil || all[0] == all[1] {
		t.Fatal(all, err)
	}
	want := errors.New("as if the disk failed")
	var failed *valueReader
	if err := v.use(t.Context(), func(r *valueReader) error { failed = r; return want }); !errors.Is(err, want) {
		t.Error(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := v.use(ended, read); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for range 2 {
		err := v.use(t.Context(), func(r *valueReader) error {
			if r == failed {
				t.Error("one that failed is used again")
			}
			return read(r)
		})
		if err != nil {
			t.Error(err)
		}
	}
	if err := v.close(); err != nil {
		t.Error(err)
	}
	if err := v.use(t.Context(), read); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// TestWarm: the values of keys that are about to be written are read once and at once, whatever is asked
// for; nothing is looked for while all is in memory.
func TestWarm(t *testing.T) {
	const keys = valuesAtOnce + 10
	b := beginBounded(t, keys*(cachedOverhead+10))
	all := func(yield func([]byte) bool) {
		for i := range keys {
			for _, key := range []string{fmt.Sprint(i), fmt.Sprint(i), fmt.Sprint("other", i)} { // a key may be written twice
				if !yield([]byte(key)) {
					return
				}
			}
		}
	}
	for i := range keys {
		b.put(t, fmt.Sprint(i), "v")
	}
	b.Warm(t.Context(), func(func([]byte) bool) { t.Error("keys are asked for") })
	for i := range keys {
		b.put(t, fmt.Sprint("other", i), "value") // lets others go
	}
	for i := range keys {
		b.del(t, fmt.Sprint("other", i)) // makes room
	}
	before := b.reads(t)
	b.Warm(t.Context(), all)
	if got := b.reads(t) - before; got < keys/2 {
		t.Fatalf("%v values read", got)
	}
	before = b.reads(t)
	b.Warm(t.Context(), all)
	for i := range keys {
		if ch := b.put(t, fmt.Sprint(i), "w"); string(ch.Event.PrevKv.Value) != "v" {
			t.Fatal(ch.Event)
		}
	}
	if got := b.reads(t) - before; got != 0 {
		t.Errorf("%v values read again", got)
	}
}

// TestReadFailures: the owner is told once of values that can't be read, and the disk is not well until
// they can be.
func TestReadFailures(t *testing.T) {
	var told []error
	o := options(t.TempDir())
	o.ValueCache, o.ReadFailed = noValues, func(err error) { told = append(told, err) }
	b := &begun{Store: open(t, o), stamp: Stamp{Epoch: 1, LeaderID: "n1", Now: testNow}}
	b.reign(t, 1)
	b.put(t, "a", "1")
	b.put(t, "b", "1")
	fails, err := newValueReaders(filepath.Join(o.Dir, "no", "such", "file"), 1)
	if err != nil {
		t.Fatal(err)
	}
	works := b.values
	defer fails.close()
	for round := 1; round <= 2; round++ {
		b.values = fails
		for range 2 {
			if _, err := b.Range(t.Context(), b.Snapshot(), &everyKey); !errors.Is(err, ErrDisk) {
				t.Fatal(err)
			}
			if err := b.CheckDisk(t.Context()); !errors.Is(err, ErrDisk) {
				t.Fatal(err)
			}
		}
		if failed := *b.unreadable.Load(); len(failed) != 2 {
			t.Errorf("what failed is at %v", failed) // a list may fail where each of its values doesn't
		}
		if len(told) != round || !errors.Is(told[round-1], ErrDisk) {
			t.Fatalf("told of %v", told)
		}
		b.values = works
		if err := b.CheckDisk(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	b.rangeReq(t, &everyKey)
}

// TestPinnedPagesHoldNoValues that were replaced: many may be, until history is compacted. They are read all the same.
func TestPinnedPagesHoldNoValues(t *testing.T) {
	b := beginBounded(t, 100<<10)
	for i := range 10 {
		b.put(t, fmt.Sprint(i), "old")
	}
	first := b.rangeReq(t, &etcdserverpb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}, Limit: 3})
	for i := range 10 {
		b.put(t, fmt.Sprint(i), "new")
	}
	pinned := b.pins.at(record.Revision(first.Header.Revision))
	if pinned == nil {
		t.Fatal("nothing is pinned")
	}
	if held := inMemory(&Working{tree: pinned.tree}); held != 0 {
		t.Errorf("%d bytes of replaced values", held)
	}
	rest := b.rangeReq(t, &etcdserverpb.RangeRequest{Key: []byte("3"), RangeEnd: []byte{0}, Revision: first.Header.Revision})
	if len(rest.Kvs) != 7 || string(rest.Kvs[0].Value) != "old" || string(rest.Kvs[6].Value) != "old" {
		t.Errorf("%v", rest.Kvs)
	}
}

// TestLoadTellsTheCacheInTime: large values don't pile up in memory until there are many of them.
func TestLoadTellsTheCacheInTime(t *testing.T) {
	const bound = 1 << 20
	e := entering{cache: &valueCache{bound: bound, metrics: NewMetrics(nil)}}
	var all []*item
	for i := range 20 {
		it, _ := newItem(firstOf(record.Revision(1+i)), &mvccpb.KeyValue{Key: []byte{byte(i)}, Value: make([]byte, enteringBytes/4)})
		e.add(turn{new: it})
		all = append(all, it)
		var held int64
		for _, it := range all {
			if c := it.value.Load(); c != nil {
				held += c.size()
			}
		}
		if held > bound+enteringBytes {
			t.Fatalf("%d bytes in memory", held)
		}
	}
}
