package datafile

import (
	"bytes"
	"errors"
	"testing"
)

// FuzzRead feeds anything to the reader: it must not panic, must name what is wrong,
// and what it accepts must survive being written and read again.
func FuzzRead(f *testing.F) {
	for _, g := range goldens() {
		if !g.header.Tombstone() {
			h := g.header
			h.Compression = Zstd
			f.Add(chunkEncoder.EncodeAll(nil, appendHeader(nil, &h)))
		}
	}
	for _, c := range []Compression{None, Zstd} {
		b, err := EncodeChunk(testHeader(Chunk, c, 0), testRecords(5))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		h, recs, footer, err := readAll(file)
		if err != nil {
			if errors.Is(err, ErrCorrupt) == errors.Is(err, ErrUnsupported) {
				t.Fatalf("of no class, or both: %v", err)
			}
			return
		}
		var again []byte
		if h.Tombstone() {
			again, err = EncodeTombstone(h)
		} else {
			var buf bytes.Buffer
			w := NewWriter(&buf, h)
			for i := range recs {
				if err := w.Write(&recs[i]); err != nil {
					t.Fatalf("read, but refused: %v", err)
				}
			}
			_, err = w.Close()
			again = buf.Bytes()
		}
		if err != nil {
			t.Fatalf("read, but refused: %v", err)
		}
		h2, recs2, footer2, err := readAll(again)
		if err != nil || h2 != h || footer2.First != footer.First || footer2.Last != footer.Last || sameRecords(recs2, recs) != nil {
			t.Fatalf("written again: %+v %+v %v", h2, footer2, err)
		}
	})
}

// FuzzRecord skips the checksums, which hide the message decoders from the fuzzer.
func FuzzRecord(f *testing.F) {
	for _, r := range testRecords(5) {
		f.Add(appendRecord(nil, &r))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := parseRecord(body, "node-1")
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		again, err := parseRecord(appendRecord(nil, &r), "")
		if err != nil {
			t.Fatal(err)
		}
		if err := sameRecord(&again, &r); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzHeader gives each body its right checksum, for the same reason.
func FuzzHeader(f *testing.F) {
	for _, g := range goldens() {
		_, body, err := cutChecksum(appendHeader(nil, &g.header)[1:])
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		h, err := DecodeHeader(appendChecked(nil, checksum(body), body))
		if err != nil {
			if errors.Is(err, ErrCorrupt) == errors.Is(err, ErrUnsupported) {
				t.Fatalf("of no class, or both: %v", err)
			}
			return
		}
		if again, err := DecodeHeader(appendHeader(nil, &h)); err != nil || again != h {
			t.Fatalf("%+v, %v, want %+v", again, err, h)
		}
	})
}
