package objectlog

import (
	"fmt"

	"github.com/netsy-io/netsy/pkg/record"
)

// The rules of where the chain begins and ends, given the revisions of all snapshots
// that a listing showed, ascending. They are pure.
//
// A slot may be freed only when two snapshots are above it, and a deposed writer
// that was paused may then take it again: what is in a slot proves nothing unless
// a listing made after it was read shows fewer than two.

// judgeStart says whether the slots behind after can be trusted at all.
func judgeStart(after record.Revision, snapshots []record.Revision) error {
	if n := len(snapshots); n >= 2 && snapshots[n-2] > after {
		return &ChainError{Kind: ErrSuperseded, Key: SnapshotKey(snapshots[n-1]), Err: fmt.Errorf("two snapshots are above revision %d: load this one", after)}
	}
	return nil
}

// judgeEnd says whether the chain that was read from after on ends before next. Slot
// next was found missing before the snapshots were listed: the order matters, since
// the compactor deletes a chunk only once its snapshot is there.
func judgeEnd(after, next record.Revision, snapshots []record.Revision) error {
	if err := judgeStart(after, snapshots); err != nil {
		return err
	}
	if n := len(snapshots); n > 0 && snapshots[n-1] >= next {
		return gap(next, SnapshotKey(snapshots[n-1]))
	}
	return nil
}

// newestUpTo returns the newest snapshot at or below rev; zero if there is none. Slots
// at or below it are not looked at: the snapshot is the chain up to there.
func newestUpTo(rev record.Revision, snapshots []record.Revision) (newest record.Revision) {
	for _, s := range snapshots {
		if s <= rev {
			newest = s
		}
	}
	return newest
}

func gap(missing record.Revision, witness string) error {
	return &ChainError{Kind: ErrGap, Key: ChunkKey(missing), Err: fmt.Errorf("it is missing, but there is %q", witness)}
}
