package datafile

import (
	"errors"
	"math"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// Messages are encoded and decoded by hand, over protowire: the checksum covers the
// very bytes, so they are made once and spliced, and records are the hot path. The
// tests hold this encoding against the generated one.

func appendInt(b []byte, num protowire.Number, v int64) []byte { return appendUint(b, num, uint64(v)) }

func appendUint(b []byte, num protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), v)
}

func appendBool(b []byte, num protowire.Number, v bool) []byte {
	return appendUint(b, num, protowire.EncodeBool(v))
}

func appendBytes[T []byte | string](b []byte, num protowire.Number, v T) []byte {
	if len(v) == 0 {
		return b
	}
	b = protowire.AppendVarint(protowire.AppendTag(b, num, protowire.BytesType), uint64(len(v)))
	return append(b, v...)
}

// appendTime appends t as a google.protobuf.Timestamp; the zero time is absent.
func appendTime(b []byte, num protowire.Number, t time.Time) []byte {
	if t.IsZero() {
		return b
	}
	s, n := t.Unix(), int64(t.Nanosecond())
	b = protowire.AppendTag(b, num, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(sizeInt(1, s)+sizeInt(2, n)))
	return appendInt(appendInt(b, 1, s), 2, n)
}

func sizeInt(num protowire.Number, v int64) int {
	if v == 0 {
		return 0
	}
	return protowire.SizeTag(num) + protowire.SizeVarint(uint64(v))
}

// cutChecksum splits a header's or a record's encoding into the crc that begins it
// and the bytes that the crc is over. An absent crc is zero.
func cutChecksum(msg []byte) (crc uint64, body []byte, err error) {
	if len(msg) == 0 || msg[0] != byte(1<<3|protowire.VarintType) {
		return 0, msg, nil
	}
	crc, n := protowire.ConsumeVarint(msg[1:])
	if n < 0 {
		return 0, nil, corrupt(ErrMalformed, "field 1 (crc): %w", protowire.ParseError(n))
	}
	return crc, msg[1+n:], nil
}

func verifyChecksum(crc uint64, body []byte) error {
	if got := checksum(body); got != crc {
		return corrupt(ErrChecksum, "message says %016x, its bytes have %016x", crc, got)
	}
	return nil
}

// fields walks over one message. It is strict: every field known, at most once, in
// ascending order, as all writers of these files encode them; what a reader would
// skip it could neither check nor keep.
type fields struct {
	rest []byte
	num  protowire.Number // the field being read; later ones must be above
	typ  protowire.Type
	err  error
}

// next moves to the next field. It returns false at the end and after an error.
func (f *fields) next() bool {
	if f.err != nil || len(f.rest) == 0 {
		return false
	}
	num, typ, n := protowire.ConsumeTag(f.rest)
	switch {
	case n < 0:
		f.err = corrupt(ErrMalformed, "after field %d: %w", f.num, protowire.ParseError(n))
		return false
	case num <= f.num:
		f.err = corrupt(ErrMalformed, "field %d follows field %d", num, f.num)
		return false
	}
	f.num, f.typ, f.rest = num, typ, f.rest[n:]
	return true
}

func (f *fields) unknown() {
	f.fail(errors.New("unknown field"))
}

func (f *fields) fail(err error) {
	if f.err == nil {
		f.err = corrupt(ErrMalformed, "field %d: %w", f.num, err)
	}
}

func (f *fields) uint() uint64 {
	if f.typ != protowire.VarintType {
		f.fail(errors.New("not a varint"))
		return 0
	}
	v, n := protowire.ConsumeVarint(f.rest)
	if n < 0 {
		f.fail(protowire.ParseError(n))
		return 0
	}
	f.rest = f.rest[n:]
	return v
}

func (f *fields) int() int64 { return int64(f.uint()) }

// natural reads a number that can't be negative and is at most limit.
func (f *fields) natural(limit int64) int64 {
	v := f.int()
	if v < 0 || v > limit {
		f.fail(errors.New("out of range"))
	}
	return v
}

func (f *fields) count() int64 { return f.natural(math.MaxInt64) }

func (f *fields) bool() bool { return f.natural(1) == 1 }

// bytes returns a slice of the message, not a copy.
func (f *fields) bytes() []byte {
	if f.typ != protowire.BytesType {
		f.fail(errors.New("not length-delimited"))
		return nil
	}
	v, n := protowire.ConsumeBytes(f.rest)
	if n < 0 {
		f.fail(protowire.ParseError(n))
		return nil
	}
	f.rest = f.rest[n:]
	return v[:len(v):len(v)]
}

// text reads a string; known is returned without an allocation if it is equal.
func (f *fields) text(known string) string {
	v := f.bytes()
	if string(v) == known {
		return known
	}
	if !utf8.Valid(v) {
		f.fail(errors.New("not valid UTF-8"))
	}
	return string(v)
}

// Bounds of google.protobuf.Timestamp: years 1 to 9999.
const (
	minSeconds = -62135596800
	maxSeconds = 253402300799
)

func (f *fields) time() time.Time {
	in := fields{rest: f.bytes()}
	var s, n int64
	for in.next() {
		switch in.num {
		case 1:
			s = in.int()
		case 2:
			n = in.natural(999_999_999)
		default:
			in.unknown()
		}
	}
	if in.err != nil {
		f.fail(in.err)
	}
	if s < minSeconds || s > maxSeconds {
		f.fail(errors.New("not a time of years 1 to 9999"))
	}
	return time.Unix(s, n).UTC()
}

// validTime says whether a time can be stored.
func validTime(t time.Time) bool {
	return t.IsZero() || t.Unix() >= minSeconds && t.Unix() <= maxSeconds
}
