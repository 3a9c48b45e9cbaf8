package mvcc

import (
	"context"
	"errors"
	"os"
	"reflect"
	"testing"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"pgregory.net/rapid"

	"github.com/netsy-io/netsy/pkg/record"
)

// TestStoreIsTheModel drives a store through random histories (writes, transactions,
// late publishing, compaction, purges, truncation, restarts) and compares whatever can
// be seen with the naive model.
func TestStoreIsTheModel(t *testing.T) {
	seen := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "mvcc")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		m := &machine{dir: dir, seen: seen, valueCache: rapid.SampledFrom([]int64{0, 1, 3 * cachedOverhead, 6 * cachedOverhead}).Draw(t, "value cache")}
		m.open(t)
		m.fill(t)
		defer func() {
			if err := m.s.Close(); err != nil {
				t.Error(err)
			}
		}()
		t.Repeat(map[string]func(*rapid.T){
			"put": m.put, "put more": m.put, "delete": m.delete, "txns": m.txns, "txns more": m.txns, "lease": m.lease,
			"commit": m.commit, "store": m.store, "publish": m.publish,
			"range": m.ranges, "range more": m.ranges, "events": m.events,
			"run ahead": m.runAhead, "compact": m.compact, "purge": m.purge, "truncate": m.truncate, "restart": m.restart,
			"": m.check,
		})
	})
	for _, what := range []string{ // the random histories must have gone there
		"more", "more, old", "count over limit", "old", "compacted", "future", "purged", "prev_kv", "txn wrote", "txn wrote, old range",
		"unpublished range", "truncated", "delete event", "no such key", "value from the disk", "value let go",
	} {
		if seen[what] == 0 && !t.Failed() {
			t.Errorf("nothing random was seen of: %s", what)
		}
	}
	t.Log(seen)
}

// machine is the store under test beside the model. Its states lie in this order:
// published <= stored <= working; the model knows all of them.
type machine struct {
	dir string
	s   *Store

	valueCache int64

	w       *Working
	epoch   record.Epoch
	model   model
	pending []record.Record // not stored yet
	stored  *Snapshot       // of the stored tail
	seen    map[string]int  // what happened, over all histories
}

func (m *machine) saw(what string, when bool) {
	if when {
		m.seen[what]++
	}
}

var ctx = context.Background()

func (m *machine) open(t *rapid.T) {
	o := options(m.dir)
	o.ValueCache = m.valueCache
	s, err := Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	m.s = s
	m.begin(t)
}

// fill writes every key once, in no particular order, so that ranges have something to cut.
func (m *machine) fill(t *rapid.T) {
	for _, k := range rapid.Permutation(keys).Draw(t, "keys") {
		before := m.model.rev()
		_, ch, err := m.w.Put(&etcdserverpb.PutRequest{Key: []byte(k), Value: drawValue(t)}, m.stamp())
		if err != nil {
			t.Fatal(err)
		}
		m.model.put(k, string(ch.Record.Value), 0)
		m.changed(t, before, ch)
	}
	m.commit(t)
}

// begin starts a reign on what is stored, and publishes it.
func (m *machine) begin(t *rapid.T) {
	m.epoch++
	_, err := m.s.Serve(ctx, m.epoch)
	if err != nil {
		t.Fatal(err)
	}
	m.reload(t)
	prev, err := m.s.LastEpochStart(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if prev.Version != int64(m.epoch-1) {
		t.Fatalf("epoch %d begins after %+v", m.epoch, prev)
	}
	r := record.EpochStart(m.w.Revision()+1, m.epoch, "n1", prev, testNow)
	if ev, err := m.w.Apply(&r); ev != nil || err != nil {
		t.Fatalf("an internal record has event %v, %v", ev, err)
	}
	m.model.versions = append(m.model.versions, modelVersion{rev: int64(r.Revision), key: record.EpochStartKey, internal: true})
	m.pending = append(m.pending, r)
	m.commit(t)
}

func (m *machine) reload(t *rapid.T) {
	w, err := m.s.NewWorking(ctx)
	if err != nil {
		t.Fatal(err)
	}
	m.w, m.pending, m.stored = w, nil, w.Snapshot()
	m.model.forget(int64(m.s.Tail().Revision))
	if int64(w.Revision()) != m.model.rev() {
		t.Fatalf("loaded revision %d, want %d", w.Revision(), m.model.rev())
	}
}

func (m *machine) stamp() Stamp { return Stamp{Epoch: m.epoch, LeaderID: "n1", Now: testNow} }

var keys = []string{"a", "a\x00", "aa", "ab", "b", "/x", "\xff", "_netsyx", "_nets"}

func drawKey(t *rapid.T) []byte { return []byte(rapid.SampledFrom(keys).Draw(t, "key")) }

func drawEnd(t *rapid.T) []byte {
	return []byte(rapid.SampledFrom(append([]string{"", "", "\x00", "_netsy0", "_netsy/", "c"}, keys...)).Draw(t, "end"))
}

func drawFrom(t *rapid.T) []byte {
	return []byte(rapid.SampledFrom(append([]string{"\x00", "_netsy", "_netsy/epoch"}, keys...)).Draw(t, "from"))
}

func drawValue(t *rapid.T) []byte {
	return []byte(rapid.SampledFrom([]string{"", "1", "2", "3"}).Draw(t, "value"))
}

func drawPut(t *rapid.T) *etcdserverpb.PutRequest {
	return &etcdserverpb.PutRequest{
		Key: drawKey(t), Value: drawValue(t), Lease: rapid.Int64Range(0, 2).Draw(t, "lease"), PrevKv: rapid.Bool().Draw(t, "prev"),
		IgnoreValue: rapid.IntRange(0, 5).Draw(t, "ignore value") == 0, IgnoreLease: rapid.IntRange(0, 5).Draw(t, "ignore lease") == 0,
	}
}

func drawDelete(t *rapid.T) *etcdserverpb.DeleteRangeRequest {
	return &etcdserverpb.DeleteRangeRequest{Key: drawKey(t), PrevKv: rapid.Bool().Draw(t, "prev")}
}

func (m *machine) drawRange(t *rapid.T, now int64) *etcdserverpb.RangeRequest {
	r := &etcdserverpb.RangeRequest{
		Key: drawFrom(t), RangeEnd: drawEnd(t), Limit: rapid.Int64Range(-1, 4).Draw(t, "limit"),
		CountOnly: rapid.IntRange(0, 4).Draw(t, "count only") == 0, KeysOnly: rapid.IntRange(0, 4).Draw(t, "keys only") == 0,
	}
	if rapid.Bool().Draw(t, "wide") {
		r.Key, r.RangeEnd = []byte{0}, []byte{0}
	}
	if rapid.Bool().Draw(t, "old") {
		r.Revision = rapid.Int64Range(1, now+1).Draw(t, "revision")
	}
	if rapid.Bool().Draw(t, "sorted") {
		r.SortOrder = etcdserverpb.RangeRequest_SortOrder(rapid.IntRange(0, 2).Draw(t, "order"))
		r.SortTarget = etcdserverpb.RangeRequest_SortTarget(rapid.IntRange(0, 4).Draw(t, "target"))
	}
	if rapid.IntRange(0, 3).Draw(t, "filtered") == 0 {
		for _, f := range []*int64{&r.MinModRevision, &r.MaxModRevision, &r.MinCreateRevision, &r.MaxCreateRevision} {
			if rapid.Bool().Draw(t, "filter") {
				*f = rapid.Int64Range(1, now).Draw(t, "bound")
			}
		}
	}
	return r
}

// modelPut is what a put does and answers; ok is false for ErrKeyNotFound.
func (m *machine) modelPut(p *etcdserverpb.PutRequest) (*etcdserverpb.PutResponse, bool) {
	prev := m.model.get(string(p.Key), m.model.rev())
	value, lease := string(p.Value), p.Lease
	if p.IgnoreValue || p.IgnoreLease {
		if prev == nil {
			return nil, false
		}
		if p.IgnoreValue {
			value = string(prev.Value)
		}
		if p.IgnoreLease {
			lease = prev.Lease
		}
	}
	m.model.put(string(p.Key), value, lease)
	resp := &etcdserverpb.PutResponse{Header: m.header()}
	if p.PrevKv {
		resp.PrevKv = prev
	}
	return resp, true
}

func (m *machine) modelDelete(d *etcdserverpb.DeleteRangeRequest) *etcdserverpb.DeleteRangeResponse {
	prev := m.model.del(string(d.Key))
	resp := &etcdserverpb.DeleteRangeResponse{Header: m.header()}
	if prev != nil {
		resp.Deleted = 1
		if d.PrevKv {
			resp.PrevKvs = []*mvccpb.KeyValue{prev}
		}
	}
	return resp
}

func (m *machine) header() *etcdserverpb.ResponseHeader {
	return &etcdserverpb.ResponseHeader{Revision: m.model.rev()}
}

// changed checks a change against what the model has just done.
func (m *machine) changed(t *rapid.T, before int64, ch *Change) {
	if (ch != nil) != (m.model.rev() > before) {
		t.Fatalf("change %v, model went from %d to %d", ch, before, m.model.rev())
	}
	if int64(m.w.Revision()) != m.model.rev() {
		t.Fatalf("working at %d, model at %d", m.w.Revision(), m.model.rev())
	}
	if ch == nil {
		return
	}
	v := m.model.versions[len(m.model.versions)-1]
	same(t, "event", ch.Event, m.model.event(v))
	r := ch.Record
	prev := m.model.get(v.key, v.rev-1)
	want := record.Record{Revision: record.Revision(v.rev), Epoch: m.epoch, Key: []byte(v.key), CreatedAt: testNow, LeaderID: "n1"}
	if prev != nil {
		want.PrevRevision, want.CreateRevision = record.Revision(prev.ModRevision), record.Revision(prev.CreateRevision)
	}
	if v.kv != nil {
		want.Value, want.Version, want.Lease = v.kv.Value, v.kv.Version, v.kv.Lease
		want.Created, want.CreateRevision = prev == nil, record.Revision(v.kv.CreateRevision)
	} else {
		want.Deleted = true
	}
	if len(r.Value) == 0 {
		r.Value = nil
	}
	if !reflect.DeepEqual(r, want) {
		t.Fatalf("record %+v, want %+v", r, want)
	}
	m.pending = append(m.pending, ch.Record)
}

// same compares messages by what they mean on the wire.
func same(t *rapid.T, what string, got, want interface{ Marshal() ([]byte, error) }) {
	t.Helper()
	g, err1 := got.Marshal()
	w, err2 := want.Marshal()
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	if string(g) != string(w) {
		t.Fatalf("%s:\n got %v\nwant %v", what, got, want)
	}
}

func (m *machine) put(t *rapid.T) {
	req, before := drawPut(t), m.model.rev()
	resp, ch, err := m.w.Put(req, m.stamp())
	want, ok := m.modelPut(req)
	if !ok {
		if !errors.Is(err, ErrKeyNotFound) {
			t.Fatalf("put of an absent key: %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	same(t, "put", resp, want)
	m.changed(t, before, ch)
}

func (m *machine) delete(t *rapid.T) {
	req, before := drawDelete(t), m.model.rev()
	resp, ch, err := m.w.DeleteRange(req, m.stamp())
	if err != nil {
		t.Fatal(err)
	}
	same(t, "delete", resp, m.modelDelete(req))
	m.changed(t, before, ch)
}

func (m *machine) lease(t *rapid.T) {
	key, lease, before := drawKey(t), rapid.Int64Range(0, 2).Draw(t, "lease"), m.model.rev()
	ch, err := m.w.DeleteIfLease(key, lease, m.stamp())
	if err != nil {
		t.Fatal(err)
	}
	if kv := m.model.get(string(key), before); kv != nil && kv.Lease == lease && lease != 0 {
		m.model.del(string(key))
	}
	m.changed(t, before, ch)
}

func (m *machine) drawCompare(t *rapid.T) *etcdserverpb.Compare {
	c := &etcdserverpb.Compare{
		Key: drawFrom(t), Target: etcdserverpb.Compare_CompareTarget(rapid.IntRange(0, 4).Draw(t, "target")),
		Result: etcdserverpb.Compare_CompareResult(rapid.IntRange(0, 3).Draw(t, "result")),
	}
	if rapid.IntRange(0, 2).Draw(t, "ranged") == 0 {
		c.RangeEnd = drawEnd(t)
	}
	n := rapid.Int64Range(0, 3).Draw(t, "number")
	if kv := m.model.get(string(c.Key), m.model.rev()); kv != nil && rapid.Bool().Draw(t, "mod") {
		n = kv.ModRevision
	}
	switch c.Target {
	case etcdserverpb.Compare_VERSION:
		c.TargetUnion = &etcdserverpb.Compare_Version{Version: n}
	case etcdserverpb.Compare_CREATE:
		c.TargetUnion = &etcdserverpb.Compare_CreateRevision{CreateRevision: n}
	case etcdserverpb.Compare_MOD:
		c.TargetUnion = &etcdserverpb.Compare_ModRevision{ModRevision: n}
	case etcdserverpb.Compare_VALUE:
		c.TargetUnion = &etcdserverpb.Compare_Value{Value: drawValue(t)}
	case etcdserverpb.Compare_LEASE:
		c.TargetUnion = &etcdserverpb.Compare_Lease{Lease: n}
	}
	return c
}

func (m *machine) drawBranch(t *rapid.T) []*etcdserverpb.RequestOp {
	var ops []*etcdserverpb.RequestOp
	n := rapid.IntRange(0, 3).Draw(t, "ops")
	mutation := rapid.IntRange(-1, 2).Draw(t, "mutation")
	for i := range n {
		op := &etcdserverpb.RequestOp{Request: &etcdserverpb.RequestOp_RequestRange{RequestRange: m.drawRange(t, m.model.rev())}}
		if i == mutation {
			if rapid.Bool().Draw(t, "put") {
				op.Request = &etcdserverpb.RequestOp_RequestPut{RequestPut: drawPut(t)}
			} else {
				op.Request = &etcdserverpb.RequestOp_RequestDeleteRange{RequestDeleteRange: drawDelete(t)}
			}
		}
		ops = append(ops, op)
	}
	return ops
}

func (m *machine) txns(t *rapid.T) {
	for range 4 {
		m.txn(t)
	}
}

// runAhead stores some more without publishing it.
func (m *machine) runAhead(t *rapid.T) {
	for range 3 {
		m.put(t)
		m.delete(t)
	}
	m.store(t)
}

func (m *machine) txn(t *rapid.T) {
	req := &etcdserverpb.TxnRequest{Success: m.drawBranch(t), Failure: m.drawBranch(t)}
	for range rapid.IntRange(0, 2).Draw(t, "compares") {
		req.Compare = append(req.Compare, m.drawCompare(t))
	}
	before := m.model.rev()
	resp, ch, err := m.w.Txn(req, m.stamp())
	want, wantErr := m.modelTxn(req)
	if !errors.Is(err, wantErr) || (err != nil) != (wantErr != nil) {
		t.Fatalf("txn error %v, want %v", err, wantErr)
	}
	if err == nil {
		same(t, "txn", resp, want)
		m.saw("txn wrote", ch != nil)
	}
	m.saw("no such key", err == ErrKeyNotFound)
	m.changed(t, before, ch)
	for _, op := range append(req.Success, req.Failure...) {
		if r := op.GetRequestRange(); r != nil && err == nil && r.Revision > 0 && r.Revision < before {
			m.saw("txn wrote, old range", ch != nil)
			m.saw("unpublished range", r.Revision > m.published())
		}
	}
}

func (m *machine) modelTxn(req *etcdserverpb.TxnRequest) (*etcdserverpb.TxnResponse, error) {
	resp := &etcdserverpb.TxnResponse{Succeeded: true}
	for _, c := range req.Compare {
		resp.Succeeded = resp.Succeeded && m.model.compare(c)
	}
	ops := req.Failure
	if resp.Succeeded {
		ops = req.Success
	}
	start := m.model.rev()
	for _, op := range ops { // everything is checked against the state before the branch
		if p := op.GetRequestPut(); p != nil && (p.IgnoreLease || p.IgnoreValue) && m.model.get(string(p.Key), start) == nil {
			return nil, ErrKeyNotFound
		}
		if r := op.GetRequestRange(); r != nil && r.Revision != 0 {
			if _, err := m.model.rangeAt(r, start); err != nil {
				return nil, err
			}
		}
	}
	for _, op := range ops {
		out := &etcdserverpb.ResponseOp{}
		switch r := op.Request.(type) {
		case *etcdserverpb.RequestOp_RequestRange:
			rr, err := m.model.rangeAt(r.RequestRange, m.model.rev())
			if err != nil {
				return nil, err
			}
			out.Response = &etcdserverpb.ResponseOp_ResponseRange{ResponseRange: rr}
		case *etcdserverpb.RequestOp_RequestPut:
			pr, _ := m.modelPut(r.RequestPut)
			out.Response = &etcdserverpb.ResponseOp_ResponsePut{ResponsePut: pr}
		case *etcdserverpb.RequestOp_RequestDeleteRange:
			out.Response = &etcdserverpb.ResponseOp_ResponseDeleteRange{ResponseDeleteRange: m.modelDelete(r.RequestDeleteRange)}
		}
		resp.Responses = append(resp.Responses, out)
	}
	resp.Header = m.header()
	return resp, nil
}

func (m *machine) store(t *rapid.T) {
	if err := m.s.Append(ctx, m.pending); err != nil {
		t.Fatal(err)
	}
	m.pending, m.stored = nil, m.w.Snapshot()
}

func (m *machine) publish(t *rapid.T) {
	if err := m.s.Publish(m.stored); err != nil {
		t.Fatal(err)
	}
}

func (m *machine) commit(t *rapid.T) { m.store(t); m.publish(t) }

func (m *machine) published() int64 { return int64(m.s.Snapshot().Revision()) }

func (m *machine) ranges(t *rapid.T) {
	for range 6 {
		m.rangeOnce(t)
	}
}

func (m *machine) rangeOnce(t *rapid.T) {
	req := m.drawRange(t, m.published())
	got, err := m.s.Range(ctx, m.s.Snapshot(), req)
	want, wantErr := m.model.rangeAt(req, m.published())
	if !errors.Is(err, wantErr) || (err != nil) != (wantErr != nil) {
		t.Fatalf("range %v: error %v, want %v", req, err, wantErr)
	}
	if err == nil {
		same(t, req.String(), got, want)
		old := req.Revision > 0 && req.Revision < m.published()
		m.saw("more", got.More)
		m.saw("more, old", got.More && old && m.s.pins.at(record.Revision(req.Revision)) == nil)
		m.saw("count over limit", req.Limit > 0 && got.Count > req.Limit)
		m.saw("old", old && got.Count > 0)
	}
	m.saw("compacted", err == ErrCompacted)
	m.saw("future", err == ErrFutureRev)
}

func (m *machine) events(t *rapid.T) {
	from, to := rapid.Int64Range(1, m.published()).Draw(t, "from"), m.published()
	key, end := drawFrom(t), drawEnd(t)
	var got, want []*mvccpb.Event
	last := record.Revision(0)
	err := m.s.Events(ctx, record.Revision(from), record.Revision(to), key, end, func(rev record.Revision, evs []*mvccpb.Event) error {
		if rev <= last || len(evs) == 0 {
			t.Fatalf("revision %d with %d events after %d", rev, len(evs), last)
		}
		last, got = rev, append(got, evs...)
		return nil
	})
	if from < m.model.compact {
		if !errors.Is(err, ErrCompacted) {
			t.Fatalf("events from %d: %v", from, err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range m.model.versions {
		if v.rev >= from && v.rev <= to && !v.internal && modelIn([]byte(v.key), key, end) {
			want = append(want, m.model.event(v))
		}
	}
	for _, ev := range got {
		m.saw("prev_kv", ev.PrevKv != nil)
		m.saw("delete event", ev.Type == mvccpb.DELETE)
	}
	same(t, "events", &etcdserverpb.WatchResponse{Events: got}, &etcdserverpb.WatchResponse{Events: want})
}

func (m *machine) compact(t *rapid.T) {
	rev := rapid.Int64Range(1, m.published()+1).Draw(t, "revision")
	err := m.s.Compact(ctx, record.Revision(rev))
	switch {
	case rev <= m.model.compact:
		if !errors.Is(err, ErrCompacted) {
			t.Fatalf("compact %d again: %v", rev, err)
		}
	case rev > m.published():
		if !errors.Is(err, ErrFutureRev) {
			t.Fatalf("compact %d beyond %d: %v", rev, m.published(), err)
		}
	case err != nil:
		t.Fatal(err)
	default:
		m.model.compact = rev
	}
}

func (m *machine) purge(t *rapid.T) {
	rev := rapid.Int64Range(1, int64(m.s.Tail().Revision)).Draw(t, "logged")
	m.s.SetLogged(record.Revision(rev), record.Pos{Epoch: m.epoch, Revision: record.Revision(rev)})
	before := m.s.state.Load().purged
	defer func() { m.saw("purged", m.s.state.Load().purged > before) }()
	for more := true; more; {
		var err error
		if more, err = m.s.purgeStep(ctx); err != nil {
			t.Fatal(err)
		}
	}
	m.checkPurged(t)
}

// checkPurged: exactly the records that the rule keeps are left.
func (m *machine) checkPurged(t *rapid.T) {
	want := 0
	purged := int64(m.s.state.Load().purged)
	newest := map[string]modelVersion{}
	for _, v := range m.model.versions {
		if v.rev > purged && v.rev <= int64(m.s.Tail().Revision) {
			want++
		} else if v.rev <= purged {
			newest[v.key] = v
		}
	}
	for _, v := range newest {
		if v.kv != nil || v.internal {
			want++
		}
	}
	got := 0
	if err := m.s.readDB.QueryRow("SELECT count(*) FROM records").Scan(&got); err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Fatalf("%d records are left after purging up to %d, want %d", got, purged, want)
	}
}

func (m *machine) truncate(t *rapid.T) {
	rev := int64(m.s.Tail().Revision) - rapid.Int64Range(0, 4).Draw(t, "less")
	err := m.s.TruncateAfter(ctx, record.Revision(rev))
	if rev < m.published() || rev < m.model.compact {
		var te *TruncateError
		if !errors.As(err, &te) {
			t.Fatalf("truncate after %d: %v", rev, err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	m.saw("truncated", rev < int64(m.stored.Revision()))
	if got := m.s.Tail().Revision; got != record.Revision(rev) {
		t.Fatalf("tail is %d after truncating to %d", got, rev)
	}
	m.reload(t)
}

func (m *machine) restart(t *rapid.T) {
	m.saw("value from the disk", metricValue(t, m.s.metrics.valueReads) > 0)
	m.saw("value let go", metricValue(t, m.s.metrics.valueEvictions) > 0)
	if err := m.s.Close(); err != nil {
		t.Fatal(err)
	}
	m.open(t)
}

// check compares the three states whole.
func (m *machine) check(t *rapid.T) {
	for _, sn := range []*Snapshot{m.s.Snapshot(), m.stored, m.w.Snapshot()} {
		got, err := m.s.Range(ctx, sn, &etcdserverpb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}})
		if err != nil {
			t.Fatal(err)
		}
		same(t, "state", &etcdserverpb.RangeResponse{Kvs: got.Kvs}, &etcdserverpb.RangeResponse{Kvs: m.model.at(int64(sn.Revision()))})
	}
	if got := int64(m.s.CompactRevision()); got != m.model.compact {
		t.Fatalf("compaction revision %d, want %d", got, m.model.compact)
	}
}
