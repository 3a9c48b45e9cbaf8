package datafile

import (
	"errors"
	"fmt"
)

// ErrCorrupt is the class of all damage: the bytes are not what a writer wrote. Every
// damaged file gives an error that is ErrCorrupt and exactly one of the kinds below.
var ErrCorrupt = errors.New("data file is corrupt")

// Kinds of damage.
var (
	// ErrTruncated: the file ends before its end.
	ErrTruncated = errors.New("truncated")
	// ErrLength: a length prefix is not a varint, not its shortest form, or zero.
	ErrLength = errors.New("bad length prefix")
	// ErrTooLarge: a size is beyond what a writer could have written.
	ErrTooLarge = errors.New("absurd size")
	// ErrChecksum: a message's bytes don't have its checksum.
	ErrChecksum = errors.New("checksum mismatch")
	// ErrMalformed: a message can't be decoded, or holds impossible values.
	ErrMalformed = errors.New("malformed message")
	// ErrZstd: the compressed stream can't be decoded.
	ErrZstd = errors.New("bad zstd stream")
	// ErrRecordMissing: a record that must be there is not.
	ErrRecordMissing = errors.New("record missing")
	// ErrRecordDuplicated: a record is there twice.
	ErrRecordDuplicated = errors.New("record duplicated")
	// ErrRecordReordered: records are not in ascending order.
	ErrRecordReordered = errors.New("records out of order")
	// ErrRecordExtra: there are more records than the header says.
	ErrRecordExtra = errors.New("more records than the header says")
	// ErrTombstone: a tombstone where history is reduced to a state, which has none.
	ErrTombstone = errors.New("tombstone in a state")
	// ErrEpoch: epochs go back, or the header's epoch doesn't fit the records'.
	ErrEpoch = errors.New("epochs disagree")
	// ErrFooter: the footer disagrees with the records.
	ErrFooter = errors.New("footer disagrees with the records")
	// ErrTrailing: bytes follow the end.
	ErrTrailing = errors.New("trailing bytes")
)

// Kinds of files that are intact but that this version can't read.
var (
	// ErrUnsupported is their class.
	ErrUnsupported = errors.New("data file is not supported by this version")
	// ErrSchemaVersion: written in another version of the format.
	ErrSchemaVersion = errors.New("unknown schema version")
	// ErrKind: neither snapshot nor chunk.
	ErrKind = errors.New("unknown kind")
	// ErrCompression: neither none nor zstd.
	ErrCompression = errors.New("unknown compression")
)

// ErrUsage: the writer was asked for a file that no reader would accept. The caller
// is at fault; nothing usable was written.
var ErrUsage = errors.New("refusing to write an invalid data file")

// Error says what is wrong with a file, and where.
type Error struct {
	Class error  // ErrCorrupt, ErrUnsupported or ErrUsage
	Kind  error  // one of the kinds; of damage also for ErrUsage
	At    string // the part of the file: "header", "record 3 of 7", "footer"
	Err   error  // the cause, never nil
}

func (e *Error) Error() string { return fmt.Sprintf("%v: %s: %v: %v", e.Class, e.At, e.Kind, e.Err) }

// Unwrap lets errors.Is and errors.As reach class, kind and cause.
func (e *Error) Unwrap() []error { return []error{e.Class, e.Kind, e.Err} }

// fault is an Error that doesn't yet know which part of the file it is in.
type fault struct {
	class, kind, err error
}

func (f *fault) Error() string   { return fmt.Sprintf("%v: %v: %v", f.class, f.kind, f.err) }
func (f *fault) Unwrap() []error { return []error{f.class, f.kind, f.err} }

func corrupt(kind error, format string, args ...any) error {
	return &fault{class: ErrCorrupt, kind: kind, err: fmt.Errorf(format, args...)}
}

func unsupported(kind error, format string, args ...any) error {
	return &fault{class: ErrUnsupported, kind: kind, err: fmt.Errorf(format, args...)}
}

// at completes a fault with its place; other errors (I/O) are wrapped with it.
func at(place string, err error) error {
	var f *fault
	if errors.As(err, &f) {
		return &Error{Class: f.class, Kind: f.kind, At: place, Err: f.err}
	}
	return fmt.Errorf("datafile: %s: %w", place, err)
}

// refuse turns what would be damage in a file being read into the caller's mistake.
func refuse(place string, err error) error {
	var f *fault
	if errors.As(err, &f) {
		return &Error{Class: ErrUsage, Kind: f.kind, At: place, Err: f.err}
	}
	return fmt.Errorf("datafile: %s: %w", place, err)
}
