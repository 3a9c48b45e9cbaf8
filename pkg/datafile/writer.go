package datafile

import (
	"errors"
	"fmt"
	"hash/crc64"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/netsy-io/netsy/pkg/record"
)

// Writer writes one file as a stream. It refuses (ErrUsage) whatever its reader would
// find wrong. It is not safe for concurrent use.
type Writer struct {
	header Header
	order  order
	out    io.Writer     // where records go
	zstd   *zstd.Encoder // nil = not compressed
	count  int64
	crc    uint64
	body   []byte // one record's encoding, reused
	frame  []byte // the same with length and crc, reused
	err    error  // sticky
}

// NewWriter begins a file on w. Header.RecordsCount must be the number of records
// that will follow. A zero Compression means zstd. Errors show at the first Write.
func NewWriter(w io.Writer, h Header) *Writer {
	if h.Compression == 0 {
		h.Compression = Zstd
	}
	fw := &Writer{header: h, order: newOrder(&h), out: w}
	if fw.err = checkNewHeader(&h); fw.err != nil {
		return fw
	}
	if _, err := w.Write(appendHeader(nil, &h)); err != nil {
		fw.err = fmt.Errorf("datafile: writing the header: %w", err)
		return fw
	}
	if h.Compression == Zstd {
		fw.zstd = newStreamEncoder(w)
		fw.out = fw.zstd
	}
	return fw
}

func checkNewHeader(h *Header) error {
	err := h.validate()
	switch {
	case err != nil:
	case h.Kind == Snapshot && h.Compression != Zstd:
		err = corrupt(ErrCompression, "snapshots are always compressed")
	case h.Tombstone():
		err = corrupt(ErrRecordMissing, "a chunk without records; EncodeTombstone makes tombstones")
	case len(appendHeader(nil, h)) > MaxHeaderSize:
		err = tooLarge(uint64(len(appendHeader(nil, h))), MaxHeaderSize)
	}
	if err != nil {
		return refuse("header", err)
	}
	return nil
}

// Write appends the next record.
func (w *Writer) Write(r *record.Record) error {
	if w.err == nil {
		w.err = w.write(r)
	}
	return w.err
}

func (w *Writer) write(r *record.Record) error {
	var err error
	w.body, w.frame, err = w.encode(w.body[:0], w.frame[:0], r)
	if err != nil {
		return err
	}
	if _, err := w.out.Write(w.frame); err != nil {
		return fmt.Errorf("datafile: writing record %d: %w", w.count, err)
	}
	return nil
}

// encode checks r, counts it in, and appends it to frame; body is scratch space.
func (w *Writer) encode(body, frame []byte, r *record.Record) (bodyOut, frameOut []byte, err error) {
	err = validateRecord(r)
	if err == nil && w.count == w.header.RecordsCount {
		err = corrupt(ErrRecordExtra, "the header says %d", w.header.RecordsCount)
	}
	if err == nil {
		err = w.order.add(r)
	}
	body = appendRecord(body, r)
	if err == nil && len(body)+11 > MaxRecordSize { // 11: the crc field
		err = tooLarge(uint64(len(body)), MaxRecordSize)
	}
	if err != nil {
		return body, frame, refuse(place(w.count+1, w.header.RecordsCount), err)
	}
	w.count++
	w.crc = crc64.Update(w.crc, crcTable, body)
	return body, appendChecked(frame, checksum(body), body), nil
}

// Close writes the footer and returns it. It doesn't close the underlying writer. After
// an error the file is useless.
func (w *Writer) Close() (Footer, error) {
	if w.err != nil {
		return Footer{}, w.err
	}
	f, err := w.finish()
	w.err = errors.New("datafile: writer is closed")
	if err != nil {
		w.err = err
		return Footer{}, err
	}
	return f, nil
}

func (w *Writer) finish() (Footer, error) {
	f, err := w.end()
	if err != nil {
		return Footer{}, err
	}
	if _, err := w.out.Write(appendFooter(nil, &f)); err != nil {
		return Footer{}, fmt.Errorf("datafile: writing the footer: %w", err)
	}
	if w.zstd != nil {
		if err := w.zstd.Close(); err != nil {
			return Footer{}, fmt.Errorf("datafile: ending the zstd stream: %w", err)
		}
	}
	return f, nil
}

// end makes the footer, once all records are there.
func (w *Writer) end() (Footer, error) {
	if w.count != w.header.RecordsCount {
		return Footer{}, refuse("footer", corrupt(ErrRecordMissing, "%d records were written, the header says %d", w.count, w.header.RecordsCount))
	}
	if err := w.order.end(); err != nil {
		return Footer{}, refuse("footer", err)
	}
	return Footer{RecordsCRC: w.crc, First: w.order.first, Last: w.order.last.Revision}, nil
}

func place(n, of int64) string {
	if of == unknownCount {
		return fmt.Sprintf("record %d", n)
	}
	return fmt.Sprintf("record %d of %d", n, of)
}

// EncodeTombstone makes the file that keeps a slot taken: a header alone. h should be
// the header of the chunk that was there; only its epoch and origin are kept.
func EncodeTombstone(h Header) ([]byte, error) {
	h.Kind, h.Compression, h.RecordsCount = Chunk, None, 0
	if err := h.validate(); err != nil {
		return nil, refuse("header", err)
	}
	b := appendHeader(nil, &h)
	if len(b) > MaxHeaderSize {
		return nil, refuse("header", tooLarge(uint64(len(b)), MaxHeaderSize))
	}
	return b, nil
}
