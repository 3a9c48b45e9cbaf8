package objectstore

import (
	"errors"
	"fmt"
)

// Every error of a Store wraps exactly one of these.
var (
	// ErrNotFound: the object does not exist.
	ErrNotFound = errors.New("object not found")
	// ErrPreconditionFailed: the write was refused because its condition did not
	// hold when it was last tried (see Store on echoes of one's own success).
	ErrPreconditionFailed = errors.New("precondition failed")
	// ErrUnavailable: throttled, a server error, no connection. The operation had
	// no effect; trying again later is right.
	ErrUnavailable = errors.New("object storage unavailable")
	// ErrUnknownOutcome: the write may have happened, or may still.
	ErrUnknownOutcome = errors.New("outcome unknown: the write may have happened")
	// ErrPermanent: trying again can't help: credentials, permissions, a missing
	// bucket, a malformed request.
	ErrPermanent = errors.New("object storage refused")
)

// Error says which operation on which key failed, and of which kind it is.
type Error struct {
	Kind error  // one of the sentinels above
	Op   string // get, put, delete, list, stat
	Key  string // key or prefix, as the caller gave it
	Err  error  // the cause, never nil
}

func (e *Error) Error() string {
	return fmt.Sprintf("objectstore: %s %q: %v: %v", e.Op, e.Key, e.Kind, e.Err)
}

// Unwrap lets errors.Is and errors.As reach both the kind and the cause.
func (e *Error) Unwrap() []error { return []error{e.Kind, e.Err} }

// Errorf makes an Error of the given kind with a formatted cause.
func Errorf(kind error, op, key, format string, args ...any) error {
	return &Error{Kind: kind, Op: op, Key: key, Err: fmt.Errorf(format, args...)}
}

// Retryable reports whether doing the operation again later can help and can't
// harm. It is false for ErrUnknownOutcome: what to do then is the caller's to say.
func Retryable(err error) bool { return errors.Is(err, ErrUnavailable) }
