package snapshot

import (
	"errors"
	"fmt"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/record"
)

// Of reading.
var (
	// ErrChanged: the object was replaced while it was read. Snapshots never change:
	// somebody else writes under this key prefix.
	ErrChanged = errors.New("the snapshot changed while it was read")
)

// Of merging.
var (
	// ErrBase: the snapshot to begin with is missing or damaged. Begin with the one
	// before it.
	ErrBase = errors.New("the snapshot to begin with can't be used")
	// ErrUnreachable: the revision asked for is not in what the base and the chain hold.
	// The error is an *UnreachableError.
	ErrUnreachable = errors.New("revision can't be reached")
	// ErrEmpty: there is neither a base nor a chunk, so nothing to make a snapshot of.
	ErrEmpty = errors.New("the object log is empty")
	// ErrInconsistent: a record contradicts its key's record before it. It is
	// datafile.ErrCorrupt as well, although each single file is intact.
	ErrInconsistent = errors.New("records contradict each other")
)

// Of publishing.
var (
	// ErrConflict: another history's snapshot is there under the same revision.
	ErrConflict = errors.New("a snapshot of another history is there already")
	// ErrSplitsChunk: a chunk of the bucket goes on behind the snapshot's end. There it
	// would cut the log in two: end it where a chunk does, or put it into another bucket.
	ErrSplitsChunk = errors.New("the snapshot ends within a chunk of the log")
	// ErrOutcomeUnknown: whether the snapshot was written could not be learnt. It may
	// land later. Doing it again is harmless.
	ErrOutcomeUnknown = errors.New("it is unknown whether the snapshot was or will be written")
	// ErrUnverified: what is there now is not what was sent.
	ErrUnverified = errors.New("the snapshot read back is not the one that was sent")
)

// UnreachableError says which revisions are the nearest that can be reached; 0: none that
// the base and the chain would tell of.
type UnreachableError struct {
	To           record.Revision // what was asked for
	Below, Above record.Revision
	Err          error // why, never nil
}

func (e *UnreachableError) Error() string {
	near := "none is known nearby"
	switch {
	case e.Below > 0 && e.Above > 0:
		near = fmt.Sprintf("the nearest are %d and %d", e.Below, e.Above)
	case e.Below > 0:
		near = fmt.Sprintf("the nearest is %d", e.Below)
	case e.Above > 0:
		near = fmt.Sprintf("the nearest is %d", e.Above)
	}
	return fmt.Sprintf("snapshot: %v: %d: %v; %s", ErrUnreachable, e.To, e.Err, near)
}

// Unwrap lets errors.Is and errors.As reach the kind and the cause.
func (e *UnreachableError) Unwrap() []error { return []error{ErrUnreachable, e.Err} }

// checkKind refuses a sound data file that is no snapshot.
func checkKind(key string, h *datafile.Header) error {
	if h.Kind != datafile.Snapshot {
		return &objectlog.ChainError{Kind: objectlog.ErrMisplaced, Key: key, Err: fmt.Errorf("it is a %v", h.Kind)}
	}
	return nil
}
