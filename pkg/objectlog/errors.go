package objectlog

import (
	"errors"
	"fmt"

	"github.com/netsy-io/netsy/pkg/datafile"
)

// Of writing. Each ends the Writer: all its later calls return the same error.
var (
	// ErrOutcomeUnknown: the context ended, or object storage refused to say, while
	// the chunk may be in the log or may still get there. What was to be written
	// neither happened nor failed.
	ErrOutcomeUnknown = errors.New("it is unknown whether the chunk was or will be written")
	// ErrSlotFreed: the slot was won, but a snapshot at or above it shows that it had
	// been taken, merged and deleted before. The chunk is not part of the log.
	ErrSlotFreed = errors.New("the slot had been used and freed: this writer is long deposed")
	// ErrUsage: the records don't begin where the log ends, or can't be encoded.
	// Nothing was sent.
	ErrUsage = errors.New("records can't be appended")
)

// SlotLostError: another writer's chunk is in the slot. It is part of the log, ours is not.
type SlotLostError struct {
	Key    string
	Winner datafile.Header
}

func (e *SlotLostError) Error() string {
	return fmt.Sprintf("objectlog: slot %q was won by %q in epoch %d (chunk %v)", e.Key, e.Winner.LeaderID, e.Winner.Epoch, e.Winner.ChunkID)
}

// Of reading.
var (
	// ErrGap: a slot is missing although the log goes on behind it: a later chunk, or
	// a snapshot at or above it. If the compactor was at work, the records are in the
	// newest snapshot: load it, and read from there.
	ErrGap = errors.New("gap in the chain of chunks")
	// ErrSuperseded: reading began so far below the newest snapshots that slots it
	// read may have been freed and taken by a deposed writer: what it read there was not
	// passed on. Load the newest snapshot, and read from there.
	ErrSuperseded = errors.New("snapshots have passed the revision that reading began at")
	// ErrOverlap: a chunk begins within the one before it.
	ErrOverlap = errors.New("chunks overlap")
	// ErrMisplaced: an object doesn't hold what its key says.
	ErrMisplaced = errors.New("object does not belong under its key")
	// ErrEpochBack: a chunk's first record is of an older epoch than the record before it.
	ErrEpochBack = errors.New("epochs go back along the chain")
	// ErrForeignKey: a key that Netsy did not make.
	ErrForeignKey = errors.New("foreign object")
)

// ChainError says that the log can't be followed, and at which key.
type ChainError struct {
	Kind error  // one of the sentinels above
	Key  string // of the missing or the wrong object
	Err  error  // the particulars, never nil
}

func (e *ChainError) Error() string {
	return fmt.Sprintf("objectlog: %v: %q: %v", e.Kind, e.Key, e.Err)
}

// Unwrap lets errors.Is and errors.As reach kind and cause.
func (e *ChainError) Unwrap() []error { return []error{e.Kind, e.Err} }

// Damaged says whether an object is there, and isn't what it should be or nothing that this version
// can read.
func Damaged(err error) bool {
	return errors.Is(err, datafile.ErrCorrupt) || errors.Is(err, datafile.ErrUnsupported) || errors.Is(err, ErrMisplaced)
}
