package mvcc

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/netsy-io/netsy/pkg/record"
)

// appender makes records that follow a store's tail.
type appender struct {
	*Store
	key  func(i int) []byte // of the i-th record
	made int
}

// BenchmarkMicroAppend is one durable batch of so many records of 1 KiB: one SQLite
// transaction with its fsync, in a file that holds 100,000 records or more. The keys
// come in their own order, as one namespace is filled, or in none.
func BenchmarkMicroAppend(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, keys := range []struct {
		name string
		key  func(i int) []byte
	}{
		{"sequential", benchKey},
		{"random", func(int) []byte { return benchKey(rng.IntN(10_000_000)) }},
	} {
		b.Run("keys="+keys.name, func(b *testing.B) {
			a := &appender{Store: openDir(b, b.TempDir()), key: keys.key}
			for range 20 {
				a.append(b, a.batch(5000))
			}
			for _, n := range []int{1, 16, 64, 512} {
				b.Run(fmt.Sprintf("records=%d", n), func(b *testing.B) { a.bench(b, n) })
			}
		})
	}
}

func (a *appender) bench(b *testing.B, n int) {
	before, batches := a.Tail().Revision, 0
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		recs := a.batch(n)
		b.StartTimer()
		a.append(b, recs)
		batches++
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(batches*n), "ns/record")
	last := a.Tail().Revision
	if last != before+record.Revision(batches*n) {
		b.Fatalf("%d records were stored by %d batches of %d", last-before, batches, n)
	}
	stored := 0
	err := a.Records(b.Context(), before+1, last, func(*record.Record) error { stored++; return nil })
	if err != nil || stored != batches*n {
		b.Fatalf("%d records are in the file of %d: %v", stored, batches*n, err)
	}
}

func (a *appender) append(b *testing.B, recs []record.Record) {
	if err := a.Append(b.Context(), recs); err != nil {
		b.Fatal(err)
	}
}

func (a *appender) batch(n int) []record.Record {
	recs := make([]record.Record, n)
	rev := a.Tail().Revision
	for i := range recs {
		rev++
		recs[i] = record.Record{
			Revision: rev, Epoch: 1, Key: a.key(a.made), Value: benchValue, Created: true, CreateRevision: rev, Version: 1,
			CreatedAt: testNow, LeaderID: "node-1",
		}
		a.made++
	}
	return recs
}
