package datafile

import (
	"bytes"
	"io"
	"slices"
	"sync"

	"github.com/netsy-io/netsy/pkg/record"
)

// scratch is what encoding a chunk needs for a moment: one record, and all of them.
type scratch struct{ body, rest []byte }

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// maxPooled is the size beyond which scratch space isn't kept: chunks are cut at 4 MB.
const maxPooled = 8 << 20

func (s *scratch) release() {
	if cap(s.body)+cap(s.rest) <= maxPooled {
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
	s.rest = s.rest[:0]
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
	return assemble(&h, s.rest), nil
}

func chunkCompression(recs []record.Record) Compression {
	size := 0
	for i := range recs {
		size += recs[i].Size()
	}
	if size > CompressAbove {
		return Zstd
	}
	return None
}

func assemble(h *Header, rest []byte) []byte {
	head := appendHeader(nil, h)
	if h.Compression == Zstd {
		return chunkEncoder.EncodeAll(rest, head)
	}
	return append(slices.Grow(head, len(rest)), rest...)
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
