package objectlog

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/memstore"
	"github.com/netsy-io/netsy/pkg/record"
)

// benchRun is run with values of 1 KiB that compress about as text does.
func benchRun(first record.Revision, n int) []record.Record {
	rng := rand.New(rand.NewPCG(1, 2))
	recs := run(1, first, n)
	for i := range recs {
		for len(recs[i].Value) < 1024 {
			recs[i].Value = fmt.Appendf(recs[i].Value, "app.kubernetes.io/field: %08x; ", rng.Uint32())
		}
	}
	return recs
}

// sink takes objects and keeps the last one.
type sink struct {
	objectstore.Store
	puts int
	last []byte
}

func (s *sink) Put(_ context.Context, _ string, body []byte, _ objectstore.Condition) (objectstore.Version, error) {
	s.puts, s.last = s.puts+1, body
	return "1", nil
}

func (s *sink) List(context.Context, string, string, int) (objectstore.Page, error) {
	return objectstore.Page{}, nil
}

// BenchmarkMicroLogAppend is one chunk of so many records of 1 KiB won in the object log,
// with a store that answers at once.
func BenchmarkMicroLogAppend(b *testing.B) {
	for _, n := range []int{1, 64, 1024} {
		b.Run(fmt.Sprintf("records=%d", n), func(b *testing.B) {
			s := &sink{}
			w := New(s, Options{}).NewWriter(1, "node-a", 1)
			recs := benchRun(1, n)
			b.ReportAllocs()
			for b.Loop() {
				for i := range recs {
					recs[i].Revision = w.Next() + record.Revision(i)
					recs[i].CreateRevision = recs[i].Revision
				}
				if _, err := w.Append(context.Background(), recs); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/record")
			_, got, err := datafile.DecodeChunk(s.last)
			if err != nil || s.puts != b.N || len(got) != n || got[n-1].Revision != w.Next()-1 || w.Next() != record.Revision(b.N*n+1) {
				b.Errorf("%d chunks of %d, the last has %d records: %v", s.puts, b.N, len(got), err)
			}
		})
	}
}

// BenchmarkMicroLogRead is reading a log of 64 chunks of 64 records of 1 KiB, as a start
// does, from memory.
func BenchmarkMicroLogRead(b *testing.B) {
	const chunks, per = 64, 64
	s := memstore.New(nil)
	w := New(s, Options{}).NewWriter(1, "node-a", 1)
	for range chunks {
		if _, err := w.Append(b.Context(), benchRun(w.Next(), per)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		read, end, err := readLog(b.Context(), s, 0)
		if err != nil || len(read) != chunks || end.Last.Revision != chunks*per {
			b.Fatalf("%d chunks, up to %v: %v", len(read), end, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*chunks*per), "ns/record")
}
