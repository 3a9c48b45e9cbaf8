package mvcc

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/netsy-io/netsy/pkg/record"
)

// BenchmarkMicroValue reads values that memory has no room for, out of a file of 100,000 keys in no
// order: one, and ranges of keys.
func BenchmarkMicroValue(b *testing.B) {
	const keys = 100_000
	o := options(b.TempDir())
	o.ValueCache = 1
	s, err := Open(b.Context(), o)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	w, err := s.NewWorking(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	order := rand.New(rand.NewPCG(1, 2)).Perm(keys)
	for len(order) > 0 {
		var recs []record.Record
		for _, i := range order[:1000] {
			_, ch, err := w.Put(&etcdserverpb.PutRequest{Key: benchKey(i), Value: benchValue}, Stamp{Epoch: 1, LeaderID: "n1", Now: testNow})
			if err != nil {
				b.Fatal(err)
			}
			recs = append(recs, ch.Record)
		}
		order = order[1000:]
		if err := s.Append(b.Context(), recs); err != nil {
			b.Fatal(err)
		}
		if err := s.Publish(w.Snapshot()); err != nil {
			b.Fatal(err)
		}
	}
	for _, n := range []int{1, 500, 10_000} {
		b.Run(fmt.Sprintf("keys=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				from := rand.IntN(keys - n)
				resp, err := s.Range(b.Context(), s.Snapshot(), &etcdserverpb.RangeRequest{Key: benchKey(from), RangeEnd: benchKey(from + n)})
				if err != nil || len(resp.Kvs) != n || len(resp.Kvs[n-1].Value) != len(benchValue) {
					b.Fatal(len(resp.Kvs), err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/value")
		})
	}
}
