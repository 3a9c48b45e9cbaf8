package datafile

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/netsy-io/netsy/pkg/record"
)

// kubeRecords makes n records of about 1 KiB that look, and compress, like what
// kube-apiserver writes: names, labels and identifiers, some of them the same everywhere.
func kubeRecords(n int) []record.Record {
	rng := rand.New(rand.NewPCG(1, 2))
	recs := make([]record.Record, n)
	for i := range recs {
		name := fmt.Sprintf("app-%d-%08x", rng.IntN(40), rng.Uint32())
		v := fmt.Appendf(nil, "k8s\x00\n\x0b\n\x02v1\x12\x05Pod\x12%s\x1a namespace-%d uid:%016x-%016x", name, rng.IntN(50), rng.Uint64(), rng.Uint64())
		for j := 0; len(v) < 1000; j++ {
			v = fmt.Appendf(v, "\n\x1capp.kubernetes.io/field-%d\x12%08x\x1a\x06Always", j, rng.Uint32())
		}
		rev := record.Revision(i + 1)
		recs[i] = record.Record{
			Revision: rev, Epoch: 7, Key: fmt.Appendf(nil, "/registry/pods/namespace-%d/%s", rng.IntN(50), name), Value: v,
			Created: true, CreateRevision: rev, Version: 1, CreatedAt: testTime, LeaderID: "node-1",
		}
	}
	return recs
}

// BenchmarkMicroChunk is one whole chunk of so many Kubernetes-like records of 1 KiB.
// Throughput is of records, before compression.
func BenchmarkMicroChunk(b *testing.B) {
	for _, n := range []int{1, 64, 1024} {
		recs := kubeRecords(n)
		size := int64(0)
		for i := range recs {
			size += int64(recs[i].Size())
		}
		for _, c := range []Compression{None, Zstd} {
			name := fmt.Sprintf("records=%d/compression=%v", n, c)
			file := mustEncode(b, testHeader(Chunk, c, 0), recs)
			b.Run("encode/"+name, func(b *testing.B) { benchEncode(b, c, recs, size, file) })
			b.Run("decode/"+name, func(b *testing.B) { benchDecode(b, recs, size, file) })
		}
	}
}

func benchEncode(b *testing.B, c Compression, recs []record.Record, size int64, want []byte) {
	b.SetBytes(size)
	b.ReportAllocs()
	var got []byte
	for b.Loop() {
		got = mustEncode(b, testHeader(Chunk, c, 0), recs)
	}
	b.ReportMetric(float64(len(got))/float64(len(recs)), "bytes/record")
	if !bytes.Equal(got, want) {
		b.Error("equal records came out differently")
	}
}

func benchDecode(b *testing.B, want []record.Record, size int64, file []byte) {
	b.SetBytes(size)
	b.ReportAllocs()
	var got []record.Record
	for b.Loop() {
		var err error
		if _, got, err = DecodeChunk(file); err != nil {
			b.Fatal(err)
		}
	}
	if err := sameRecords(got, want); err != nil {
		b.Error(err)
	}
}

// BenchmarkMicroRecord is one record of 1 KiB by itself, as replicas are sent it.
func BenchmarkMicroRecord(b *testing.B) {
	want := kubeRecords(1)
	msg := AppendRecord(nil, &want[0])
	b.Run("encode", func(b *testing.B) {
		b.SetBytes(int64(want[0].Size()))
		b.ReportAllocs()
		var buf []byte
		for b.Loop() {
			buf = AppendRecord(buf[:0], &want[0])
		}
		if !bytes.Equal(buf, msg) {
			b.Error("it came out differently")
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.SetBytes(int64(want[0].Size()))
		b.ReportAllocs()
		var got record.Record
		for b.Loop() {
			var err error
			if got, err = DecodeRecord(msg); err != nil {
				b.Fatal(err)
			}
		}
		if err := sameRecord(&got, &want[0]); err != nil {
			b.Error(err)
		}
	})
}
