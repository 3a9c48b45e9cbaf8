package datafile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/netsy-io/netsy/pkg/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var testTime = time.Date(2025, 3, 1, 12, 30, 45, 678_000_000, time.UTC)

// testHeader is a header with every field set.
func testHeader(kind Kind, c Compression, n int) Header {
	return Header{Kind: kind, Compression: c, RecordsCount: int64(n), LeaderID: "node-1", CreatedAt: testTime, Epoch: 7, ChunkID: "0123456789abcdef"}
}

// testRecords makes a chunk's worth of records from revision first on: one of each
// sort that there is, and one revision of three records.
func testRecords(first record.Revision) []record.Record {
	full := record.Record{
		Revision: first + 1, Epoch: 6, Key: []byte("/registry/pods/a"), Value: []byte("encrypted"), CreateRevision: 1, PrevRevision: first - 1,
		Version: 12, Lease: -5, DEK: 3, CreatedAt: testTime, CompactedAt: testTime.Add(time.Second), ReplicatedAt: time.Unix(0, 0).UTC(), LeaderID: "node-2",
	}
	return []record.Record{
		record.EpochStart(first, 6, "node-1", record.KeyState{}, testTime),
		full,
		{Revision: first + 2, Sub: 0, Epoch: 6, Key: []byte("a"), Created: true, CreateRevision: first + 2, Version: 1, Value: []byte{0}},
		{Revision: first + 2, Sub: 1, Epoch: 6, Key: []byte("b"), Deleted: true, CreateRevision: 1, PrevRevision: 1},
		{Revision: first + 2, Sub: 2, Epoch: 6, Key: []byte("c"), Created: true, CreateRevision: first + 2, Version: 1},
		{Revision: first + 3, Epoch: 7, Key: []byte("d\x00\xff"), Value: bytes.Repeat([]byte("v"), 20), LeaderID: "node-1", Version: 2},
	}
}

func mustEncode(t testing.TB, h Header, recs []record.Record) []byte {
	t.Helper()
	b, err := EncodeChunk(h, recs)
	if err != nil {
		t.Fatalf("EncodeChunk: %v", err)
	}
	return b
}

// readAll reads a file to its end.
func readAll(b []byte) (Header, []record.Record, Footer, error) {
	r, err := NewReader(bytes.NewReader(b))
	if err != nil {
		return Header{}, nil, Footer{}, err
	}
	var recs []record.Record
	for {
		rec, err := r.Next()
		if err == io.EOF {
			return r.Header(), recs, r.Footer(), nil
		}
		if err != nil {
			if _, again := r.Next(); again != err {
				return Header{}, nil, Footer{}, fmt.Errorf("error is not sticky: %w, then %w", err, again)
			}
			return r.Header(), nil, Footer{}, err
		}
		recs = append(recs, rec)
	}
}

func sameRecords(a, b []record.Record) error {
	if len(a) != len(b) {
		return fmt.Errorf("%d records, want %d", len(a), len(b))
	}
	for i := range a {
		if err := sameRecord(&a[i], &b[i]); err != nil {
			return fmt.Errorf("record %d: %w", i, err)
		}
	}
	return nil
}

func sameRecord(a, b *record.Record) error {
	times := a.CreatedAt.Equal(b.CreatedAt) && a.CompactedAt.Equal(b.CompactedAt) && a.ReplicatedAt.Equal(b.ReplicatedAt)
	x, y := *a, *b
	for _, r := range []*record.Record{&x, &y} {
		r.Key, r.Value, r.CreatedAt, r.CompactedAt, r.ReplicatedAt = nil, nil, time.Time{}, time.Time{}, time.Time{}
	}
	if !times || !bytes.Equal(a.Key, b.Key) || !bytes.Equal(a.Value, b.Value) || fmt.Sprint(x) != fmt.Sprint(y) {
		return fmt.Errorf("got %+v, want %+v", a, b)
	}
	return nil
}

// writeStream is EncodeChunk's counterpart over Writer, for both kinds.
func writeStream(t testing.TB, h Header, recs []record.Record) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := NewWriter(&buf, h)
	for i := range recs {
		if err := w.Write(&recs[i]); err != nil {
			t.Fatalf("Write: %v", err)
		}
	}
	if _, err := w.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	return buf.Bytes()
}

func TestRoundTrip(t *testing.T) {
	recs := testRecords(10)
	for _, c := range []Compression{None, Zstd} {
		for name, file := range map[string][]byte{
			"chunk":    mustEncode(t, testHeader(Chunk, c, 0), recs),
			"stream":   writeStream(t, testHeader(Chunk, c, len(recs)), recs),
			"snapshot": writeStream(t, testHeader(Snapshot, Zstd, len(recs)), recs),
		} {
			t.Run(name+"/"+c.String(), func(t *testing.T) {
				h, got, f, err := readAll(file)
				if err != nil {
					t.Fatal(err)
				}
				if err := sameRecords(got, recs); err != nil {
					t.Error(err)
				}
				want := testHeader(h.Kind, h.Compression, len(recs))
				if h != want {
					t.Errorf("header %+v, want %+v", h, want)
				}
				if f.First != 10 || f.Last != 13 || f.RecordsCRC == 0 {
					t.Errorf("footer %+v", f)
				}
				if dh, err := DecodeHeader(file[:min(len(file), MaxHeaderSize)]); err != nil || dh != h {
					t.Errorf("DecodeHeader: %+v, %v", dh, err)
				}
			})
		}
	}
}

func TestStreamAndChunkAgree(t *testing.T) {
	recs := testRecords(1)
	if a, b := mustEncode(t, testHeader(Chunk, None, 0), recs), writeStream(t, testHeader(Chunk, None, len(recs)), recs); !bytes.Equal(a, b) {
		t.Errorf("EncodeChunk\n%x\nWriter\n%x", a, b)
	}
}

func TestZeroTimesAndEmptyFieldsAreAbsent(t *testing.T) {
	b := appendRecord(nil, &record.Record{Revision: 1, Key: []byte("k")})
	if want := []byte{2 << 3, 1, 3<<3 | 2, 1, 'k'}; !bytes.Equal(b, want) {
		t.Errorf("got %x, want %x", b, want)
	}
	r, err := parseRecord(b, "")
	if err != nil || !r.CreatedAt.IsZero() || r.Value != nil {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestTombstone(t *testing.T) {
	h := testHeader(Chunk, Zstd, 5)
	b, err := EncodeTombstone(h)
	if err != nil {
		t.Fatal(err)
	}
	got, recs, err := DecodeChunk(b)
	if err != nil || len(recs) != 0 || !got.Tombstone() {
		t.Fatalf("%+v, %d records, %v", got, len(recs), err)
	}
	h.RecordsCount, h.Compression = 0, None
	if got != h {
		t.Errorf("got %+v, want %+v", got, h)
	}
	_, _, _, err = readAll(append(b, 0))
	if !errors.Is(err, ErrTrailing) || !errors.Is(err, ErrCorrupt) {
		t.Errorf("a byte behind a tombstone: %v", err)
	}
	for n := range b {
		if _, _, _, err := readAll(b[:n]); !errors.Is(err, ErrTruncated) {
			t.Errorf("first %d bytes: %v", n, err)
		}
	}
	if full := testHeader(Chunk, None, 1); full.Tombstone() {
		t.Error("a chunk of one record is no tombstone")
	}
}
