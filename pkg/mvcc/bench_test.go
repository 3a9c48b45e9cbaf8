package mvcc

import (
	"bytes"
	"fmt"
	"testing"

	"go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/netsy-io/netsy/pkg/record"
)

func BenchmarkAppend(b *testing.B) {
	value := bytes.Repeat([]byte("v"), 1024)
	for _, n := range []int{1, 64, 512} {
		b.Run(fmt.Sprintf("%dx1KiB", n), func(b *testing.B) {
			s := openDir(b, b.TempDir())
			batch := make([]record.Record, n)
			b.ReportAllocs()
			for b.Loop() {
				for i := range batch {
					rev := s.Tail().Revision + 1 + record.Revision(i)
					batch[i] = record.Record{
						Revision: rev, Epoch: 1, Key: fmt.Appendf(nil, "/registry/pods/ns-%d/pod-%d", rev%50, rev%5000),
						Value: value, Version: 1, CreateRevision: 1, PrevRevision: 1, CreatedAt: testNow, LeaderID: "node-1",
					}
				}
				if err := s.Append(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// filled is a store with keys /k/0000000 and so on, 1 KiB each, and one key above.
func filled(b *testing.B, keys int) *begun {
	s := begin(b)
	value := bytes.Repeat([]byte("v"), 1024)
	var recs []record.Record
	for i := range keys {
		_, ch, err := s.w.Put(&etcdserverpb.PutRequest{Key: fmt.Appendf(nil, "/k/%07d", i), Value: value}, s.stamp)
		if err != nil {
			b.Fatal(err)
		}
		if recs = append(recs, ch.Record); len(recs) == 5000 {
			s.commit(b, recs...)
			recs = nil
		}
	}
	s.commit(b, recs...)
	s.put(b, "/z", "")
	return s
}

func BenchmarkRange(b *testing.B) {
	s := filled(b, 100_000)
	old := int64(s.Snapshot().Revision()) - 1
	for name, req := range map[string]*etcdserverpb.RangeRequest{
		"get":           {Key: []byte("/k/0050000"), Limit: 1},
		"list500":       {Key: []byte("/k/"), RangeEnd: []byte("/k0"), Limit: 500},
		"list10000":     {Key: []byte("/k/"), RangeEnd: []byte("/k0"), Limit: 10000},
		"count":         {Key: []byte("/k/"), RangeEnd: []byte("/k0"), CountOnly: true},
		"old-get":       {Key: []byte("/k/0050000"), Limit: 1, Revision: old},
		"old-list500":   {Key: []byte("/k/"), RangeEnd: []byte("/k0"), Limit: 500, Revision: old},
		"old-list10000": {Key: []byte("/k/"), RangeEnd: []byte("/k0"), Limit: 10000, Revision: old},
		"old-count":     {Key: []byte("/k/"), RangeEnd: []byte("/k0"), CountOnly: true, Revision: old},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if resp, err := s.Range(b.Context(), s.Snapshot(), req); err != nil || resp.Count == 0 {
					b.Fatal(resp.Count, err)
				}
			}
		})
	}
}

func BenchmarkTxn(b *testing.B) {
	s := filled(b, 100_000)
	req := &etcdserverpb.TxnRequest{
		Compare: []*etcdserverpb.Compare{{Key: []byte("/k/0050000"), Target: etcdserverpb.Compare_MOD, TargetUnion: &etcdserverpb.Compare_ModRevision{}, Result: etcdserverpb.Compare_GREATER}},
		Success: []*etcdserverpb.RequestOp{{Request: &etcdserverpb.RequestOp_RequestPut{RequestPut: &etcdserverpb.PutRequest{Key: []byte("/k/0050000"), Value: []byte("v")}}}},
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, ch, err := s.w.Txn(req, s.stamp); err != nil || ch == nil {
			b.Fatal(err)
		}
		if s.w.undo.entries = s.w.undo.entries[:0]; s.w.Revision()%64 == 0 {
			s.w.Snapshot()
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	s := filled(b, 100_000)
	s.published.Store(&Snapshot{tree: newTree()})
	for b.Loop() {
		if _, err := s.NewWorking(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
