package netsyctl

import (
	"errors"
	"fmt"
	"strings"
)

// Statuses that the program ends with. Docs: docs/netsyctl.md.
const (
	exitDone     = 0 // done; of what judges: all is in order
	exitFailed   = 1 // the command failed; of what judges: something is not in order
	exitUnjudged = 2 // wrong use, nothing was done; of what judges: it couldn't be read to the end
)

// unjudgedError: what was to be judged couldn't be read to the end.
type unjudgedError struct{ err error }

func (e *unjudgedError) Error() string { return e.err.Error() }
func (e *unjudgedError) Unwrap() error { return e.err }

// usageFault: the command line, or the environment or file that completes it, isn't one
// that the command understands. Nothing was done.
type usageFault struct{ err error }

func (e *usageFault) Error() string { return e.err.Error() }
func (e *usageFault) Unwrap() error { return e.err }

func wrongUse(format string, args ...any) error { return &usageFault{fmt.Errorf(format, args...)} }

// ExitStatus is the status that a program ends with whose command returned err.
func ExitStatus(err error) int {
	var unjudged *unjudgedError
	var usage *usageFault
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &unjudged), errors.As(err, &usage), isMissingFlag(err):
		return exitUnjudged
	default:
		return exitFailed
	}
}

// isMissingFlag knows the CLI library's complaint about a required flag: its type is the
// library's own, so its words have to do (a test holds them).
func isMissingFlag(err error) bool { return strings.HasPrefix(err.Error(), "Required flag") }
