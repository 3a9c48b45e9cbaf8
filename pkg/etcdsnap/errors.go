package etcdsnap

import (
	"errors"
	"fmt"
)

// Classes of errors. Each error of this package but those of the file system wraps one.
var (
	// ErrCorrupt means that the file is no etcd snapshot, or a damaged one.
	ErrCorrupt = errors.New("etcdsnap: not a sound etcd snapshot")

	// ErrNoHash means that the file doesn't end with its hash: it is a member's own
	// database, or was cut off.
	ErrNoHash = errors.New("etcdsnap: the file has no hash")

	// ErrInUse means that a running etcd has the file open.
	ErrInUse = errors.New("etcdsnap: the file is in use")

	// ErrUnsupported means that the contents are sound, but can't be taken over.
	ErrUnsupported = errors.New("etcdsnap: not supported")
)

// Error says what is wrong and where.
type Error struct {
	Class error
	At    string // "page 12", "revision 7/0", "lease 00000000000000ff"; may be empty
	Err   error
}

func (e *Error) Error() string {
	if e.At == "" {
		return fmt.Sprintf("%v: %v", e.Class, e.Err)
	}
	return fmt.Sprintf("%v: %s: %v", e.Class, e.At, e.Err)
}

// Unwrap makes errors.Is find the class and the cause.
func (e *Error) Unwrap() []error { return []error{e.Class, e.Err} }

func corrupt(at, format string, args ...any) error {
	return &Error{Class: ErrCorrupt, At: at, Err: fmt.Errorf(format, args...)}
}

func unsupported(at, format string, args ...any) error {
	return &Error{Class: ErrUnsupported, At: at, Err: fmt.Errorf(format, args...)}
}
