package datafile

import (
	"io"
	"math"

	"github.com/netsy-io/netsy/pkg/record"
)

// unknownCount and unknownEpoch stand in for what the header will say.
const (
	unknownCount = math.MaxInt64
	unknownEpoch = record.Epoch(math.MaxInt64)
)

// BodyWriter writes what follows the header of a snapshot, as a stream, for a writer
// that doesn't know yet what the header has to say. The header is made at the end, and
// belongs before the body. It refuses (ErrUsage) whatever a reader would find wrong. It
// is not safe for concurrent use.
type BodyWriter struct{ w Writer }

// NewBodyWriter begins a body on w.
func NewBodyWriter(w io.Writer) *BodyWriter {
	h := Header{Kind: Snapshot, Compression: Zstd, RecordsCount: unknownCount, Epoch: unknownEpoch}
	z := newStreamEncoder(w)
	return &BodyWriter{Writer{header: h, order: newOrder(&h), out: z, zstd: z}}
}

// Write appends the next record.
func (b *BodyWriter) Write(r *record.Record) error { return b.w.Write(r) }

// Written says how many records there are so far, and the position of the last one.
func (b *BodyWriter) Written() (n int64, last record.Pos) { return b.w.count, b.w.order.last }

// Close ends the body and returns the header that belongs before it: h, completed by what
// follows from the records (Kind, Compression, RecordsCount, Epoch), and its encoding.
// It doesn't close the underlying writer. After an error the body is useless.
func (b *BodyWriter) Close(h Header) (head []byte, full Header, f Footer, err error) {
	h.Kind, h.Compression, h.RecordsCount, h.Epoch = Snapshot, Zstd, b.w.count, b.w.order.last.Epoch
	if b.w.err == nil {
		b.w.err = checkNewHeader(&h)
	}
	b.w.header, b.w.order.header, b.w.order.purged = h, h.Epoch, h.Purged
	if f, err = b.w.Close(); err != nil {
		return nil, Header{}, Footer{}, err
	}
	return appendHeader(nil, &h), h, f, nil
}
