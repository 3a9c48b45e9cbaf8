package datafile

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/netsy-io/netsy/pkg/record"
)

// kinds are all kinds of damage; every error must be of exactly one.
var kinds = []error{ErrTruncated, ErrLength, ErrTooLarge, ErrChecksum, ErrMalformed, ErrZstd, ErrRecordMissing,
	ErrRecordDuplicated, ErrRecordReordered, ErrRecordExtra, ErrTombstone, ErrEpoch, ErrFooter, ErrTrailing, ErrSchemaVersion, ErrKind, ErrCompression}

func kindOf(t *testing.T, err error) error {
	t.Helper()
	var found []error
	for _, k := range kinds {
		if errors.Is(err, k) {
			found = append(found, k)
		}
	}
	if len(found) != 1 || !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrUnsupported) {
		t.Fatalf("%v is of kinds %v", err, found)
	}
	return found[0]
}

// messages cuts an uncompressed file into its messages, prefixes included.
func messages(t *testing.T, file []byte) (out [][]byte) {
	t.Helper()
	for len(file) > 0 {
		_, n := protowire.ConsumeBytes(file)
		if n < 0 {
			t.Fatal(protowire.ParseError(n))
		}
		out, file = append(out, file[:n]), file[n:]
	}
	return out
}

// compressed makes the same file with everything behind the header in a zstd stream.
func compressed(t *testing.T, h Header, parts [][]byte) []byte {
	t.Helper()
	h.Compression = Zstd
	return chunkEncoder.EncodeAll(bytes.Join(parts[1:], nil), appendHeader(nil, &h))
}

// TestDamageIsNamed rearranges whole messages, whose own checksums stay right.
func TestDamageIsNamed(t *testing.T) {
	h := testHeader(Chunk, None, 6)
	file := mustEncode(t, h, testRecords(10))
	m := messages(t, file)
	if len(m) != 8 {
		t.Fatalf("%d messages", len(m))
	}
	other := messages(t, mustEncode(t, h, testRecords(10)[:3]))
	pick := func(idx ...int) (out [][]byte) {
		for _, i := range idx {
			out = append(out, m[i])
		}
		return out
	}
	changed := testRecords(10)[1]
	changed.Value = []byte("another value")
	body := appendRecord(nil, &changed)
	for name, c := range map[string]struct {
		parts [][]byte
		want  error
	}{
		"first record missing":        {pick(0, 2, 3, 4, 5, 6, 7), ErrRecordMissing},
		"record missing":              {pick(0, 1, 3, 4, 5, 6, 7), ErrRecordMissing},
		"part of a revision missing":  {pick(0, 1, 2, 3, 5, 6, 7), ErrRecordMissing},
		"last record missing":         {pick(0, 1, 2, 3, 4, 5, 7), ErrRecordMissing},
		"record duplicated":           {pick(0, 1, 2, 2, 3, 4, 5, 6, 7), ErrRecordDuplicated},
		"last record duplicated":      {pick(0, 1, 2, 3, 4, 5, 6, 6, 7), ErrRecordDuplicated},
		"records swapped":             {pick(0, 1, 3, 2, 4, 5, 6, 7), ErrRecordReordered},
		"within a revision swapped":   {pick(0, 1, 2, 3, 5, 4, 6, 7), ErrRecordReordered},
		"last two swapped":            {pick(0, 1, 2, 3, 4, 6, 5, 7), ErrRecordReordered},
		"first and last swapped":      {pick(0, 6, 2, 3, 4, 5, 1, 7), ErrRecordReordered},
		"an older record at the end":  {pick(0, 1, 2, 3, 4, 5, 6, 2, 7), ErrRecordExtra},
		"footer missing":              {pick(0, 1, 2, 3, 4, 5, 6), ErrTruncated},
		"footer and record missing":   {pick(0, 1, 2, 3, 4, 5), ErrTruncated},
		"header alone":                {pick(0), ErrTruncated},
		"footer twice":                {pick(0, 1, 2, 3, 4, 5, 6, 7, 7), ErrTrailing},
		"a record behind the footer":  {pick(0, 1, 2, 3, 4, 5, 6, 7, 1), ErrTrailing},
		"footer of another file":      {append(pick(0, 1, 2, 3, 4, 5, 6), other[4]), ErrFooter},
		"record of another file":      {append(append(pick(0, 1), appendChecked(nil, checksum(body), body)), pick(3, 4, 5, 6, 7)...), ErrFooter},
		"header in place of a record": {pick(0, 0, 2, 3, 4, 5, 6, 7), ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			for form, file := range map[string][]byte{"none": bytes.Join(c.parts, nil), "zstd": compressed(t, h, c.parts)} {
				_, _, _, err := readAll(file)
				if got := kindOf(t, err); got != c.want {
					t.Errorf("%s: %v, want %v", form, err, c.want)
				}
			}
		})
	}
}

// Each field of a footer that is itself intact is held against the records.
func TestFooterDisagrees(t *testing.T) {
	file := mustEncode(t, testHeader(Chunk, None, 6), testRecords(10))
	_, _, f, err := readAll(file)
	if err != nil {
		t.Fatal(err)
	}
	parts := messages(t, file)
	for name, change := range map[string]func(*Footer){
		"records_crc": func(f *Footer) { f.RecordsCRC++ }, "first_revision": func(f *Footer) { f.First++ }, "last_revision": func(f *Footer) { f.Last++ },
	} {
		bad := f
		change(&bad)
		_, _, _, err := readAll(bytes.Join(append(slices.Clone(parts[:7]), appendFooter(nil, &bad)), nil))
		if got := kindOf(t, err); got != ErrFooter {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBytesBehindTheEnd(t *testing.T) {
	h := testHeader(Chunk, Zstd, 6)
	plain := messages(t, mustEncode(t, testHeader(Chunk, None, 6), testRecords(10)))
	file := compressed(t, h, plain)
	empty := chunkEncoder.EncodeAll(nil, nil)
	skippable := []byte{0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 'x'}
	for name, tail := range map[string][]byte{
		"a byte": {0}, "an empty frame": append(empty, 0), "a frame": chunkEncoder.EncodeAll([]byte("more"), nil),
		"a skippable frame": skippable, "an empty skippable frame": {0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0},
	} {
		_, _, _, err := readAll(append(bytes.Clone(file), tail...))
		if got := kindOf(t, err); got != ErrTrailing {
			t.Errorf("%s: %v", name, err)
		}
	}
	h0 := appendHeader(nil, &h)
	_, _, _, err := readAll(append(append(bytes.Clone(h0), skippable...), file[len(h0):]...))
	if got := kindOf(t, err); got != ErrZstd {
		t.Errorf("skippable frame before: %v", err)
	}
}

// TestEveryFlippedBit flips each bit of a file with every field. Without compression
// every flip is found. Inside a zstd frame some bits mean nothing (the window's size, a
// reserved bit): then the contents must come out exactly as they were.
func TestEveryFlippedBit(t *testing.T) {
	recs := testRecords(10)
	for _, c := range []Compression{None, Zstd} {
		file := mustEncode(t, testHeader(Chunk, c, 0), recs)
		want, _, wantFooter, err := readAll(file)
		if err != nil {
			t.Fatal(err)
		}
		harmless := 0
		for i := range len(file) * 8 {
			flipped := bytes.Clone(file)
			flipped[i/8] ^= 1 << (i % 8)
			h, got, f, err := readAll(flipped)
			if err != nil {
				kindOf(t, err)
				continue
			}
			harmless++
			if h != want || f != wantFooter || sameRecords(got, recs) != nil {
				t.Fatalf("%v: bit %d went unnoticed", c, i)
			}
		}
		if c == None && harmless > 0 || harmless > 16 {
			t.Errorf("%v: %d flips of %d bits change nothing", c, harmless, len(file)*8)
		}
	}
}

func TestTruncationAtEveryByte(t *testing.T) {
	for _, c := range []Compression{None, Zstd} {
		file := mustEncode(t, testHeader(Chunk, c, 0), testRecords(10))
		for n := range file {
			_, _, _, err := readAll(file[:n])
			if got := kindOf(t, err); got != ErrTruncated {
				t.Errorf("%v, first %d of %d bytes: %v", c, n, len(file), err)
			}
		}
	}
}

func TestAbsurdSizes(t *testing.T) {
	h := testHeader(Chunk, None, 1)
	head := appendHeader(nil, &h)
	huge := protowire.AppendVarint(nil, 1<<62)
	for name, c := range map[string]struct {
		file []byte
		want error
	}{
		"header":  {huge, ErrTooLarge},
		"record":  {append(bytes.Clone(head), huge...), ErrTooLarge},
		"footer":  {append(bytes.Join(messages(t, mustEncode(t, h, testRecords(1)[:1]))[:2], nil), huge...), ErrTooLarge},
		"claimed": {append(bytes.Clone(head), protowire.AppendVarint(nil, MaxRecordSize)...), ErrTruncated},
		"empty":   {append(bytes.Clone(head), 0), ErrLength},
	} {
		_, _, _, err := readAll(c.file)
		if got := kindOf(t, err); got != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A small file that decompresses to gigabytes is refused before it is held in memory.
func TestZstdBombs(t *testing.T) {
	h := testHeader(Chunk, Zstd, 1)
	head := appendHeader(nil, &h)
	var zeros bytes.Buffer
	w, err := zstd.NewWriter(&zeros, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 1<<20)
	block[0], block[1], block[2], block[3] = 0xff, 0xff, 0xff, 0x07 // a record of 16 MiB less one byte
	for range 1024 {
		if _, err := w.Write(block); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	_, _, err = DecodeChunk(append(bytes.Clone(head), zeros.Bytes()...))
	if got := kindOf(t, err); got != ErrMalformed && got != ErrChecksum {
		t.Errorf("%d bytes for a gigabyte: %v", zeros.Len(), err)
	}

	window := append(bytes.Clone(head), 0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xf8, 1, 0, 0) // a window of 2 TiB
	if _, _, _, err = readAll(window); kindOf(t, err) != ErrTooLarge {
		t.Errorf("window: %v", err)
	}
}

// A chunk whose records together pass the bound is refused although each is fine.
func TestChunkBound(t *testing.T) {
	if testing.Short() {
		t.Skip("hundreds of megabytes")
	}
	var recs []record.Record
	value := make([]byte, MaxRecordSize-100)
	for rev := range record.Revision(5) {
		recs = append(recs, record.Record{Revision: rev + 1, Key: []byte("k"), Value: value})
	}
	if _, err := EncodeChunk(testHeader(Chunk, 0, 0), recs); !errors.Is(err, ErrTooLarge) || !errors.Is(err, ErrUsage) {
		t.Errorf("EncodeChunk: %v", err)
	}
	file := writeStream(t, testHeader(Chunk, Zstd, len(recs)), recs)
	if _, _, _, err := readAll(file); err != nil {
		t.Errorf("streamed, it is no matter: %v", err)
	}
	if _, _, err := DecodeChunk(file); kindOf(t, err) != ErrTooLarge {
		t.Errorf("DecodeChunk: %v", err)
	}
}

// A source that fails says nothing about the file: that is not damage.
func TestSourceErrorsAreNotDamage(t *testing.T) {
	boom := errors.New("connection reset")
	for _, c := range []Compression{None, Zstd} {
		file := mustEncode(t, testHeader(Chunk, c, 0), testRecords(10))
		for n := range file {
			r, err := NewReader(io.MultiReader(bytes.NewReader(file[:n]), iotest.ErrReader(boom)))
			for err == nil {
				_, err = r.Next()
			}
			if !errors.Is(err, boom) || errors.Is(err, ErrCorrupt) {
				t.Fatalf("%v, failing at byte %d: %v", c, n, err)
			}
		}
		r, err := NewReader(iotest.OneByteReader(bytes.NewReader(file)))
		for err == nil {
			_, err = r.Next()
		}
		if err != io.EOF {
			t.Errorf("%v, byte by byte: %v", c, err)
		}
	}
}

func TestUnsupportedHeaders(t *testing.T) {
	h := testHeader(Chunk, None, 1)
	for name, c := range map[string]struct {
		change func(*Header)
		want   error
	}{
		"kind 0":        {func(h *Header) { h.Kind = 0 }, ErrKind},
		"kind 3":        {func(h *Header) { h.Kind = 3 }, ErrKind},
		"compression 0": {func(h *Header) { h.Compression = 0 }, ErrCompression},
		"compression 3": {func(h *Header) { h.Compression = 3 }, ErrCompression},
		"no records":    {func(h *Header) { h.Kind, h.RecordsCount = Snapshot, 0 }, ErrMalformed},
		"tombstone":     {func(h *Header) { h.RecordsCount, h.Compression = 0, Zstd }, ErrMalformed},
		"count":         {func(h *Header) { h.RecordsCount = -1 }, ErrMalformed},
		"epoch":         {func(h *Header) { h.Epoch = -1 }, ErrMalformed},
	} {
		bad := h
		c.change(&bad)
		_, err := DecodeHeader(appendHeader(nil, &bad))
		if got := kindOf(t, err); got != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	body := appendUint(appendUint(nil, 2, 2), 99, 1) // a later version may have fields we don't know
	if _, err := DecodeHeader(appendChecked(nil, checksum(body), body)); kindOf(t, err) != ErrSchemaVersion {
		t.Errorf("version 2: %v", err)
	}
	body = appendUint(nil, 3, 2)
	if _, err := DecodeHeader(appendChecked(nil, checksum(body), body)); kindOf(t, err) != ErrSchemaVersion {
		t.Errorf("no version: %v", err)
	}
	snapshot := writeStream(t, testHeader(Snapshot, Zstd, 6), testRecords(1))
	if _, _, err := DecodeChunk(snapshot); kindOf(t, err) != ErrKind {
		t.Errorf("snapshot as chunk: %v", err)
	}
}

func TestWriterRefusesWhatItsReaderWould(t *testing.T) {
	recs := testRecords(10)
	invalid := slices.Clone(recs)
	invalid[1].Key = nil
	late := testHeader(Chunk, None, 6)
	late.Epoch = 5
	for name, c := range map[string]struct {
		h    Header
		recs []record.Record
		want error
	}{
		"too few":               {testHeader(Chunk, None, 7), recs, ErrRecordMissing},
		"too many":              {testHeader(Chunk, None, 5), recs, ErrRecordExtra},
		"gap":                   {testHeader(Chunk, None, 2), []record.Record{recs[0], recs[2]}, ErrRecordMissing},
		"no key":                {testHeader(Chunk, None, 6), invalid, ErrMalformed},
		"header's epoch is old": {late, recs, ErrEpoch},
		"no kind":               {testHeader(0, None, 6), recs, ErrKind},
		"no records":            {testHeader(Chunk, None, 0), nil, ErrRecordMissing},
		"plain snapshot":        {testHeader(Snapshot, None, 6), recs, ErrCompression},
		"snapshot's epoch":      {testHeader(Snapshot, Zstd, 3), recs[:3], ErrEpoch},
		"long leader":           {Header{Kind: Chunk, RecordsCount: 6, Epoch: 7, LeaderID: string(make([]byte, MaxHeaderSize))}, recs, ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			w := NewWriter(io.Discard, c.h)
			var err error
			for i := range c.recs {
				err = w.Write(&c.recs[i])
			}
			_, closeErr := w.Close()
			if err != nil && closeErr != err {
				t.Errorf("the error is not sticky: %v, then %v", err, closeErr)
			}
			if !errors.Is(closeErr, c.want) || !errors.Is(closeErr, ErrUsage) || errors.Is(closeErr, ErrCorrupt) {
				t.Errorf("got %v", closeErr)
			}
			if _, again := w.Close(); again == nil {
				t.Error("closed twice")
			}
		})
	}
}
