package datafile

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/netsy-io/netsy/pkg/record"
)

func randomRecords(rng *rand.Rand, n int) []record.Record {
	recs := make([]record.Record, n)
	for i := range recs {
		value := make([]byte, rng.IntN(3000))
		for j := range value {
			value[j] = byte('a' + rng.IntN(6))
		}
		recs[i] = record.Record{Revision: record.Revision(i + 1), Epoch: 1, Key: fmt.Appendf(nil, "/registry/%d", rng.IntN(50)), Value: value, Version: 1}
	}
	return recs
}

// TestEqualInputEqualBytes: the state that encoders keep for reuse must not show. Several
// goroutines encode different chunks in different orders.
func TestEqualInputEqualBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var inputs [][]record.Record
	var want [][]byte
	for i := range 20 {
		inputs = append(inputs, randomRecords(rng, 1+i*2))
		want = append(want, mustEncode(t, testHeader(Chunk, 0, 0), inputs[i]))
	}
	var wg sync.WaitGroup
	for g := range uint64(4) {
		wg.Go(func() {
			for _, i := range rand.New(rand.NewPCG(g, g)).Perm(len(inputs)) {
				got, err := EncodeChunk(testHeader(Chunk, 0, 0), inputs[i])
				if err != nil || !bytes.Equal(got, want[i]) {
					t.Errorf("chunk %d came out differently: %v", i, err)
				}
			}
		})
	}
	wg.Wait()
	for i, b := range want {
		if _, recs, err := DecodeChunk(b); err != nil || sameRecords(recs, inputs[i]) != nil {
			t.Errorf("chunk %d: %v", i, err)
		}
	}
}

func TestCompressionBySize(t *testing.T) {
	for _, c := range []struct {
		value int
		want  Compression
	}{{CompressAbove - 1, None}, {CompressAbove, Zstd}} { // with a key of one byte
		recs := []record.Record{{Revision: 1, Key: []byte("k"), Value: make([]byte, c.value)}}
		h, _, err := DecodeChunk(mustEncode(t, testHeader(Chunk, 0, 0), recs))
		if err != nil || h.Compression != c.want {
			t.Errorf("%d bytes: %v, %v", c.value, h.Compression, err)
		}
	}
}

// Records outlive the chunk they came from; they must not keep it, or change with it.
func TestRecordsDoNotAliasTheChunk(t *testing.T) {
	want := testRecords(1)
	b := mustEncode(t, testHeader(Chunk, None, 0), want)
	_, recs, err := DecodeChunk(b)
	if err != nil {
		t.Fatal(err)
	}
	clear(b)
	if err := sameRecords(recs, want); err != nil {
		t.Error(err)
	}
	_ = append(recs[1].Key, "overwritten"...)
	if err := sameRecords(recs, want); err != nil {
		t.Errorf("appending to a key reached its value: %v", err)
	}
}

func BenchmarkEncodeChunk(b *testing.B) {
	for _, n := range []int{1, 100, 3000} {
		recs := randomRecords(rand.New(rand.NewPCG(1, 1)), n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(mustEncode(b, testHeader(Chunk, None, 0), recs))))
			for b.Loop() {
				mustEncode(b, testHeader(Chunk, 0, 0), recs)
			}
		})
	}
}

func BenchmarkDecodeChunk(b *testing.B) {
	for _, n := range []int{1, 100, 3000} {
		file := mustEncode(b, testHeader(Chunk, 0, 0), randomRecords(rand.New(rand.NewPCG(1, 1)), n))
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(file)))
			for b.Loop() {
				if _, _, err := DecodeChunk(file); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// The largest chunk that may be written can be read, whether it compresses or not.
func TestLargestChunk(t *testing.T) {
	if testing.Short() {
		t.Skip("hundreds of megabytes")
	}
	rng := rand.NewChaCha8([32]byte{1})
	var recs []record.Record
	for rev := record.Revision(1); rev < 5; rev++ { // 64 MiB with all that surrounds the values
		r := record.Record{Revision: rev, Key: []byte("k"), Value: make([]byte, MaxChunkSize/4-200)}
		_, _ = rng.Read(r.Value) // never fails
		recs = append(recs, r)
	}
	for _, c := range []Compression{None, Zstd} {
		_, got, err := DecodeChunk(mustEncode(t, testHeader(Chunk, c, 0), recs))
		if err != nil || sameRecords(got, recs) != nil {
			t.Errorf("%v: %v", c, err)
		}
	}
}
