package datafile

import (
	"bufio"
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"math"
	"slices"

	"github.com/klauspost/compress/zstd"

	"github.com/netsy-io/netsy/pkg/record"
)

// bufferSize is what a reader asks its source for at a time.
const bufferSize = 64 << 10

// Reader reads and verifies one file as a stream. It is not safe for concurrent use. Who
// stops before Next has returned an error closes it.
type Reader struct {
	header Header
	order  order
	src    *bufio.Reader // the file
	body   *bufio.Reader // what follows the header, decompressed; src itself if it isn't compressed
	zstd   *zstd.Decoder // nil = not compressed, or given back
	pooled bool          // zstd is one of decoders
	frame  *frameReader
	count  int64
	crc    uint64
	budget int64 // bytes of records that may still come
	footer Footer
	err    error // sticky; io.EOF once everything is verified
}

// NewReader reads and verifies the header.
func NewReader(r io.Reader) (*Reader, error) { return newReader(r, bufferSize) }

func newReader(src io.Reader, buffer int) (*Reader, error) {
	r := &Reader{src: bufio.NewReaderSize(src, buffer), budget: math.MaxInt64}
	r.body = r.src
	msg, err := r.message(MaxHeaderSize)
	if err != nil {
		return nil, at("header", err)
	}
	if r.header, err = parseHeader(msg); err != nil {
		return nil, at("header", err)
	}
	r.order = newOrder(&r.header)
	if r.header.Compression == Zstd {
		r.frame = &frameReader{src: r.src}
		r.zstd, r.pooled = takeDecoder()
		if err := r.zstd.Reset(r.frame); err != nil {
			return nil, at("header", r.readError(err))
		}
		r.body = bufio.NewReaderSize(r.zstd, bufferSize)
	}
	return r, nil
}

// Header returns the file's verified header.
func (r *Reader) Header() Header { return r.header }

// Footer returns the verified footer, once Next has returned io.EOF. A tombstone has
// none: its footer is zero.
func (r *Reader) Footer() Footer { return r.footer }

// Next returns the next record. io.EOF means that the whole file was read and is
// sound: only then may one rely on what it left out. The record's key and value are
// its own memory.
func (r *Reader) Next() (record.Record, error) {
	if r.err != nil {
		return record.Record{}, r.err
	}
	rec, err := r.next()
	if err != nil {
		r.err = err
		r.release()
	}
	return rec, err
}

func (r *Reader) next() (record.Record, error) {
	if r.count < r.header.RecordsCount {
		rec, err := r.record()
		if err != nil {
			return rec, at(place(r.count+1, r.header.RecordsCount), err)
		}
		r.count++
		return rec, nil
	}
	if !r.header.Tombstone() {
		if err := r.readFooter(); err != nil {
			return record.Record{}, at("footer", err)
		}
	}
	if err := r.atEnd(); err != nil {
		return record.Record{}, at("end of file", err)
	}
	return record.Record{}, io.EOF
}

func (r *Reader) record() (record.Record, error) {
	rec, err := r.decodeRecord()
	if err != nil {
		return rec, err
	}
	if err := r.order.add(&rec); err != nil {
		return record.Record{}, r.missingOrReordered(&rec, err)
	}
	return rec, nil
}

func (r *Reader) decodeRecord() (record.Record, error) {
	msg, err := r.message(MaxRecordSize)
	if err != nil {
		return record.Record{}, err
	}
	body, err := checkedRecord(msg)
	if err != nil {
		if _, footerErr := parseFooter(msg); footerErr == nil {
			err = corrupt(ErrRecordMissing, "the footer comes where this record belongs")
		}
		return record.Record{}, err
	}
	rec, err := parseRecord(body, r.header.LeaderID)
	if err != nil {
		return record.Record{}, err
	}
	r.crc = crc64.Update(r.crc, crcTable, body)
	return rec, nil
}

// checkedRecord returns a record message without its crc, which it verified.
func checkedRecord(msg []byte) (body []byte, err error) {
	crc, body, err := cutChecksum(msg)
	if err != nil {
		return nil, err
	}
	return body, verifyChecksum(crc, body)
}

// missingOrReordered tells two kinds of damage apart that look alike at first: of
// records out of order the first one seems to follow a gap. It reads on to see
// whether what is missing comes later. Nothing of this file is used any more.
func (r *Reader) missingOrReordered(early *record.Record, gap error) error {
	if !errors.Is(gap, ErrRecordMissing) {
		return gap
	}
	for n := r.count + 1; n < r.header.RecordsCount; n++ {
		rec, err := r.decodeRecord()
		if err != nil {
			return gap
		}
		if rec.Revision < early.Revision || rec.Revision == early.Revision && rec.Sub < early.Sub {
			return corrupt(ErrRecordReordered, "%d/%d comes after %d/%d", rec.Revision, rec.Sub, early.Revision, early.Sub)
		}
	}
	return gap
}

func (r *Reader) readFooter() error {
	msg, err := r.message(MaxRecordSize) // it may be a record too many, to be named
	if err != nil {
		return err
	}
	f, err := parseFooter(msg)
	if err != nil {
		return r.extraRecord(msg, err)
	}
	want := Footer{RecordsCRC: r.crc, First: r.order.first, Last: r.order.last.Revision}
	if f != want {
		return corrupt(ErrFooter, "it says %+v, the records %+v", f, want)
	}
	r.footer = f
	return r.order.end()
}

// extraRecord says whether what should be the footer is a record, else returns err.
func (r *Reader) extraRecord(msg []byte, err error) error {
	body, bodyErr := checkedRecord(msg)
	if bodyErr != nil {
		return err
	}
	rec, bodyErr := parseRecord(body, "")
	switch {
	case bodyErr != nil:
		return err
	case rec.Revision == r.order.last.Revision && rec.Sub == r.order.sub:
		return corrupt(ErrRecordDuplicated, "%d/%d is there twice", rec.Revision, rec.Sub)
	default:
		return corrupt(ErrRecordExtra, "%d/%d comes after %d records", rec.Revision, rec.Sub, r.count)
	}
}

// atEnd checks that nothing follows, inside the compressed stream and behind it.
func (r *Reader) atEnd() error {
	for _, b := range [...]*bufio.Reader{r.body, r.src} {
		_, err := b.ReadByte()
		switch {
		case err == nil:
			return corrupt(ErrTrailing, "the file should end here")
		case err != io.EOF:
			return r.readError(err)
		}
	}
	return nil
}

// message reads one length-delimited message into memory of its own.
func (r *Reader) message(limit uint64) ([]byte, error) {
	size, err := readLength(r.body)
	if err == io.EOF {
		return nil, corrupt(ErrTruncated, "the file ends before it")
	}
	if err != nil {
		return nil, r.readError(err)
	}
	if size > limit {
		return nil, tooLarge(size, limit)
	}
	if r.budget -= int64(size); r.budget < 0 {
		return nil, corrupt(ErrTooLarge, "the chunk's records have more than %d bytes", MaxChunkSize)
	}
	msg, err := readExactly(r.body, int(size))
	if err != nil {
		return nil, r.readError(err)
	}
	return msg, nil
}

// readExactly doesn't trust size with more than 64 KiB before the bytes are there.
func readExactly(src io.Reader, size int) ([]byte, error) {
	buf := make([]byte, min(size, bufferSize))
	for n := 0; ; {
		m, err := io.ReadFull(src, buf[n:])
		if n += m; n == size {
			return buf, nil
		}
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
		more := min(n, size-n)
		buf = slices.Grow(buf, more)[:n+more]
	}
}

// readError tells damage from a source that failed, which says nothing of the file.
func (r *Reader) readError(err error) error {
	if r.frame != nil && r.frame.err != nil && r.frame.err != io.EOF {
		err = r.frame.err // the decoder may have dressed it up
	}
	var f *fault
	switch {
	case errors.As(err, &f):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return corrupt(ErrTruncated, "the file ends within it")
	case r.frame != nil && (r.frame.err == nil || r.frame.err == io.EOF):
		return corrupt(ErrZstd, "%w", err)
	default:
		return fmt.Errorf("reading: %w", err)
	}
}

// Close gives back what reading needs. It doesn't close the underlying reader; Next
// fails from now on.
func (r *Reader) Close() {
	if r.err == nil {
		r.err = errors.New("datafile: reader is closed")
	}
	r.release()
}

// release gives the decoder back. Nothing is read after it.
func (r *Reader) release() {
	if r.zstd == nil {
		return
	}
	if r.pooled && r.zstd.Reset(nil) == nil {
		decoders <- r.zstd
	} else {
		r.zstd.Close()
	}
	r.zstd = nil
	r.body = r.src
}
