package restore

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrUnreachable: the target isn't in what the bucket still holds. The error is an
	// *UnreachableError.
	ErrUnreachable = errors.New("the target can't be reached")
	// ErrMoving: the compactor freed what was being read each time it was tried.
	ErrMoving = errors.New("snapshots keep changing while they are read: restore again, or while no compactor runs")
)

// UnreachableError says what can be reached instead.
type UnreachableError struct {
	Target       Target
	Below, Above *Point   // the nearest that can be; nil: none on that side
	Tried        []string // each way that there might have been, and why it isn't one
}

func (e *UnreachableError) Error() string {
	s := fmt.Sprintf("restore: %v: %v; the nearest below is %v, the nearest above is %v", ErrUnreachable, e.Target, e.Below, e.Above)
	if len(e.Tried) > 0 {
		s += "; tried " + strings.Join(e.Tried, "; ")
	}
	return s
}

func (e *UnreachableError) Unwrap() error { return ErrUnreachable }

// wayError is why one way to the target isn't one. Others may be.
type wayError struct{ err error }

func (e *wayError) Error() string { return e.err.Error() }
func (e *wayError) Unwrap() error { return e.err }

func noWay(format string, args ...any) error { return &wayError{fmt.Errorf(format, args...)} }
