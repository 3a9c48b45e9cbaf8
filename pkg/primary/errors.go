package primary

import (
	"errors"
	"fmt"

	"github.com/netsy-io/netsy/pkg/record"
)

// What a proposal can end with besides its result.
var (
	// ErrNotPrimary: there is no active reign here; the proposal was certainly not applied.
	ErrNotPrimary = errors.New("primary: not the active Primary")
	// ErrUnknownOutcome: the reign ended while the proposal was being committed; it
	// may have been applied, or may be by the next Primary.
	ErrUnknownOutcome = errors.New("primary: the outcome of the write is unknown")
	// ErrDraining: the Primary is handing over; the proposal was certainly not applied.
	ErrDraining = errors.New("primary: draining, no new writes are taken")
	// ErrQueueFull: more proposals wait than the queue holds; certainly not applied.
	ErrQueueFull = errors.New("primary: too many writes are waiting")
	// ErrNoSpace: so much is not in object storage yet that no more is taken until it
	// can be reached; certainly not applied.
	ErrNoSpace = errors.New("primary: too much is not in object storage yet")
)

// Why a reign ended or could not begin.
var (
	// ErrDeposed: a higher epoch exists, or cluster.json no longer names this Primary.
	ErrDeposed = errors.New("primary: deposed")
	// ErrStopped: the node asked the reign to end.
	ErrStopped = errors.New("primary: stopped")
	// ErrStorageAway: object storage hasn't taken what waits for it for too long, as seen
	// from here.
	ErrStorageAway = errors.New("primary: object storage can't be reached")
)

// BeyondOriginError: no reign of this cluster has begun, and the local copy has more than
// the snapshot that the cluster begins with.
type BeyondOriginError struct{ Origin, Tail record.Pos }

func (e *BeyondOriginError) Error() string {
	return fmt.Sprintf("primary: the cluster begins at %v, and the local copy goes on to %v: it is of the cluster that this one was restored from; remove the data directory", e.Origin, e.Tail)
}

// HigherEpochError says where a starting or active Primary met a later reign.
type HigherEpochError struct {
	Own, Seen record.Epoch
	Where     string
}

func (e *HigherEpochError) Error() string {
	return fmt.Sprintf("primary: epoch %d is over: %s has epoch %d", e.Own, e.Where, e.Seen)
}

func (e *HigherEpochError) Unwrap() error { return ErrDeposed }
