package netsyctl

import "errors"

// Statuses that the program ends with, beside 0.
const (
	exitFailed   = 1 // the command failed; of verify: the bucket isn't sound
	exitUnjudged = 2 // of verify: the bucket couldn't be read to the end
)

// unjudgedError: a verification came to no end.
type unjudgedError struct{ err error }

func (e *unjudgedError) Error() string { return e.err.Error() }
func (e *unjudgedError) Unwrap() error { return e.err }

// ExitStatus is the status that a program ends with whose command returned err.
func ExitStatus(err error) int {
	var unjudged *unjudgedError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &unjudged):
		return exitUnjudged
	default:
		return exitFailed
	}
}
