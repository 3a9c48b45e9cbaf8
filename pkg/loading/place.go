package loading

import (
	"errors"
	"fmt"

	"github.com/netsy-io/netsy/pkg/record"
)

// ErrUnplaced: the local copy holds history of which neither the log nor a snapshot can
// tell whether it is the cluster's: the object log isn't the one it was made from.
// Nothing was changed. Its data directory has to go, or the bucket is the wrong one.
var ErrUnplaced = errors.New("the local copy can't be found in the object log")

// facts are what placing a local copy rests on.
type facts struct {
	tail   record.Pos      // of the last local record; zero: none
	purged record.Revision // local records at or below it may be gone

	logged record.Pos // the newest local position that was seen in the log; zero: none
	held   bool       // the log still says so: its chunk is there and ends at it

	// snapshots are the one or two newest that can be read, newest first: all that may
	// be relied upon.
	snapshots []mark
	listed    []record.Revision // all snapshots, ascending
}

// mark is a snapshot's last position, and what the local copy has at that revision.
type mark struct {
	pos   record.Pos
	local record.Pos // zero: nothing is stored there
}

// placement says from where the log is to be read.
type placement struct {
	after record.Revision // up to here the local copy agrees, once load is done
	load  bool            // the snapshot at after has to replace the local copy first
}

// place decides where reading of the log begins. It is pure. Positions identify all
// that comes before them (log matching), which gives four cases:
//
//   - The position remembered as logged is still in the log, in a slot that can't have
//     been freed: the copies agree up to it.
//   - The copy has the snapshot's last record: they agree up to there.
//   - It ends before the snapshot, or has another record there: what it has
//     beyond the snapshot's history was never committed, and the snapshot replaces it.
//   - It goes beyond the snapshot, and doesn't know what it had there. Not knowing is no
//     proof: records that this node gave receipts for would be lost. ErrUnplaced.
func place(f facts) (placement, error) {
	if f.held && !freeable(f.logged.Revision, f.listed) {
		return placement{after: f.logged.Revision}, nil
	}
	if len(f.snapshots) == 0 {
		if f.purged > 0 {
			return placement{}, fmt.Errorf("%w: history up to revision %d is reduced here, and there is no snapshot that can be read", ErrUnplaced, f.purged)
		}
		return placement{}, nil
	}
	s := f.snapshots[0]
	switch {
	case s.pos == s.local && f.purged <= s.pos.Revision:
		return placement{after: s.pos.Revision}, nil
	case f.tail.Revision < s.pos.Revision, s.local != record.Pos{} && s.local != s.pos:
		return placement{after: s.pos.Revision, load: true}, nil
	}
	return placement{}, fmt.Errorf("%w: it ends at %v, history up to revision %d is reduced, and the newest snapshot ends at %v", ErrUnplaced, f.tail, f.purged, s.pos)
}

// freeable says whether slots right behind rev may have been freed.
func freeable(rev record.Revision, listed []record.Revision) bool {
	n := len(listed)
	return n >= 2 && listed[n-2] > rev
}
