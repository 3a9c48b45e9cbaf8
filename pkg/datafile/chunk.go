package datafile

import (
	"bytes"
	"io"
	"slices"
	"sync"

	"github.com/netsy-io/netsy/pkg/record"
)

// scratch is what encoding a chunk needs for a moment: one record, all of them, and the file.
type scratch struct{ body, rest, file []byte }

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// maxPooled is the size beyond which scratch space isn't kept: chunks are cut at 4 MB of keys
// and values, which are twice as much encoded if they are small, and are there twice.
const maxPooled = 24 << 20

func (s *scratch) release() {
	if cap(s.body)+cap(s.rest)+cap(s.file) <= maxPooled {
		scratches.Put(s)
	}
}

// EncodeChunk makes a whole chunk of recs. It sets the header's Kind, RecordsCount
// and, unless it is set, Compression. Equal arguments give equal bytes.
func EncodeChunk(h Header, recs []record.Record) ([]byte, error) {
	h.Kind, h.RecordsCount = Chunk, int64(len(recs))
	if h.Compression == 0 {
		h.Compression = chunkCompression(recs)
	}
	if err := checkNewHeader(&h); err != nil {
		return nil, err
	}
	s := scratches.Get().(*scratch)
	defer s.release()
	w := Writer{header: h, order: newOrder(&h)}
	s.rest = slices.Grow(s.rest[:0], roughSize(recs))
	for i := range recs {
		var err error
		if s.body, s.rest, err = w.encode(s.body[:0], s.rest, &recs[i]); err != nil {
			return nil, err
		}
		if len(s.rest)+maxFooterSize > MaxChunkSize {
			return nil, refuse(place(w.count, h.RecordsCount), tooLarge(uint64(len(s.rest)), MaxChunkSize))
		}
	}
	f, err := w.end()
	if err != nil {
		return nil, err
	}
	s.rest = appendFooter(s.rest, &f)
	return s.assemble(&h), nil
}

func chunkCompression(recs []record.Record) Compression {
	if contentSize(recs) > CompressAbove {
		return Zstd
	}
	return None
}

// contentSize is the bytes of keys and values.
func contentSize(recs []record.Record) int {
	size := 0
	for i := range recs {
		size += recs[i].Size()
	}
	return size
}

// roughSize is room for recs, encoded, so that it needn't grow as it is filled: a record
// takes some 70 to 110 bytes beside its key and value. It is never beyond what a chunk may have.
func roughSize(recs []record.Record) int {
	const overhead = 112
	return min(contentSize(recs)+len(recs)*overhead+maxFooterSize, MaxChunkSize)
}

// assemble puts the header before the rest, compressed if it is to be, and returns a file
// that is as large as it has to be: it stays as long as its upload takes.
func (s *scratch) assemble(h *Header) []byte {
	s.file = appendHeader(s.file[:0], h)
	if h.Compression == Zstd {
		s.file = chunkEncoder.EncodeAll(s.rest, slices.Grow(s.file, chunkEncoder.MaxEncodedSize(len(s.rest))))
	} else {
		s.file = append(s.file, s.rest...)
	}
	return bytes.Clone(s.file)
}

// DecodeChunk decodes and verifies a whole chunk; of a tombstone it returns no
// records. The records don't alias b.
func DecodeChunk(b []byte) (Header, []record.Record, error) {
	r, err := newReader(bytes.NewReader(b), min(len(b), bufferSize))
	if err != nil {
		return Header{}, nil, err
	}
	if r.header.Kind != Chunk {
		return r.header, nil, at("header", corrupt(ErrKind, "a %v where a chunk belongs", r.header.Kind))
	}
	r.budget = MaxChunkSize
	// A record takes at least a length, a crc, a revision and a key: more can't fit.
	recs := make([]record.Record, 0, min(r.header.RecordsCount, int64(len(b))/8, 4096))
	for {
		rec, err := r.Next()
		switch {
		case err == io.EOF:
			return r.header, recs, nil
		case err != nil:
			return r.header, nil, err
		}
		recs = append(recs, rec)
	}
}
