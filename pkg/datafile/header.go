package datafile

import (
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/netsy-io/netsy/pkg/record"
)

// appendHeader appends h's length prefix and encoding.
func appendHeader(b []byte, h *Header) []byte {
	var buf [256]byte
	body := appendUint(buf[:0], 2, SchemaVersion)
	body = appendUint(body, 3, uint64(h.Kind))
	body = appendUint(body, 4, uint64(h.Compression))
	body = appendInt(body, 5, h.RecordsCount)
	body = appendBytes(body, 6, h.LeaderID)
	body = appendTime(body, 7, h.CreatedAt)
	body = appendInt(body, 16, int64(h.Epoch))
	body = appendBytes(body, 17, string(h.ChunkID))
	body = appendInt(body, 18, int64(h.Purged))
	return appendChecked(b, checksum(body), body)
}

// appendChecked appends a message whose first field is its checksum.
func appendChecked(b []byte, crc uint64, body []byte) []byte {
	size := len(body)
	if crc != 0 {
		size += 1 + protowire.SizeVarint(crc)
	}
	b = protowire.AppendVarint(b, uint64(size))
	return append(appendUint(b, 1, crc), body...)
}

// parseHeader decodes one header message, without its length prefix.
func parseHeader(msg []byte) (Header, error) {
	crc, body, err := cutChecksum(msg)
	if err != nil {
		return Header{}, err
	}
	if err := verifyChecksum(crc, body); err != nil {
		return Header{}, err
	}
	var h Header
	var version, kind, compression uint64
	f := fields{rest: body, num: 1}
	for f.next() {
		switch f.num {
		case 2:
			if version = f.uint(); version != SchemaVersion {
				return Header{}, schemaVersion(version)
			}
		case 3:
			kind = f.uint()
		case 4:
			compression = f.uint()
		case 5:
			h.RecordsCount = f.count()
		case 6:
			h.LeaderID = f.text("")
		case 7:
			h.CreatedAt = f.time()
		case 16:
			h.Epoch = epoch(f.count())
		case 17:
			h.ChunkID = ChunkID(f.bytes())
		case 18:
			h.Purged = record.Revision(f.count())
		default:
			f.unknown()
		}
	}
	switch {
	case f.err != nil:
		return Header{}, f.err
	case version != SchemaVersion:
		return Header{}, schemaVersion(version)
	}
	h.Kind, h.Compression = Kind(min(kind, math.MaxUint8)), Compression(min(compression, math.MaxUint8))
	return h, h.validate()
}

func schemaVersion(v uint64) error {
	return unsupported(ErrSchemaVersion, "schema version is %d, this version reads %d", v, SchemaVersion)
}

// validate checks what holds for every header, read or about to be written.
func (h *Header) validate() error {
	switch {
	case h.Kind != Snapshot && h.Kind != Chunk:
		return unsupported(ErrKind, "kind is %d", h.Kind)
	case h.Compression != None && h.Compression != Zstd:
		return unsupported(ErrCompression, "compression is %d", h.Compression)
	case h.RecordsCount < 0:
		return corrupt(ErrMalformed, "records_count is %d", h.RecordsCount)
	case h.RecordsCount == 0 && h.Kind == Snapshot:
		return corrupt(ErrMalformed, "a snapshot without records")
	case h.RecordsCount == 0 && h.Compression != None:
		return corrupt(ErrMalformed, "a tombstone with compression %v", h.Compression)
	case h.Purged < 0:
		return corrupt(ErrMalformed, "purged_revision is %d", h.Purged)
	case h.Purged > 0 && h.Kind == Chunk:
		return corrupt(ErrMalformed, "a chunk with purged_revision %d", h.Purged)
	case h.Epoch < 0:
		return corrupt(ErrMalformed, "epoch is %d", h.Epoch)
	case !utf8.ValidString(h.LeaderID):
		return corrupt(ErrMalformed, "leader_id %q is not valid UTF-8", h.LeaderID)
	case !validTime(h.CreatedAt):
		return corrupt(ErrMalformed, "created_at %v is not of years 1 to 9999", h.CreatedAt)
	}
	return nil
}

// DecodeHeader decodes the header at the beginning of b; more may follow. The first
// MaxHeaderSize bytes of a file are always enough.
func DecodeHeader(b []byte) (Header, error) {
	size, n, err := parseLength(b)
	switch {
	case err != nil:
		return Header{}, at("header", err)
	case size > MaxHeaderSize-uint64(n):
		return Header{}, at("header", tooLarge(size, MaxHeaderSize))
	case uint64(len(b)-n) < size:
		return Header{}, at("header", corrupt(ErrTruncated, "%d bytes of %d", len(b)-n, size))
	}
	h, err := parseHeader(b[n : n+int(size)])
	if err != nil {
		return Header{}, at("header", err)
	}
	return h, nil
}

func tooLarge(size, limit uint64) error {
	return corrupt(ErrTooLarge, "message of %d bytes, at most %d are possible", size, limit)
}
