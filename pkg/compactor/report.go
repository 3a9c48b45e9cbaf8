package compactor

import (
	"fmt"
	"strings"

	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/record"
)

// Outcome is how a pass ended, if not with an error.
type Outcome string

// The outcomes.
const (
	Done      Outcome = "done"       // everything that was due, which may be nothing
	NoCluster Outcome = "no cluster" // there is no cluster.json yet: nothing was looked at
	Busy      Outcome = "busy"       // another compactor has the lock: nothing was looked at
	LockLost  Outcome = "lock lost"  // another compactor took the lock during the pass
)

// Report is what a pass did.
type Report struct {
	Outcome Outcome         `json:"outcome"`
	Holder  string          `json:"holder,omitempty"`  // Busy: who has the lock
	Newest  record.Revision `json:"newest"`            // the newest snapshot not known to be corrupt; 0: none
	Beyond  int64           `json:"beyond"`            // revisions in the log beyond it, when the pass began
	Written record.Revision `json:"written,omitempty"` // the snapshot that was written; 0: none
	Because string          `json:"because,omitempty"` // why

	Deleted          int   `json:"deleted"`    // chunks
	Tombstones       int   `json:"tombstones"` // chunks overwritten
	DeletedSnapshots int   `json:"deleted_snapshots"`
	FreedBytes       int64 `json:"freed_bytes"`

	Corrupt []record.Revision `json:"corrupt,omitempty"` // corrupt snapshots that two sound ones don't supersede yet
}

// quiet says whether there is nothing to tell.
func (r *Report) quiet() bool {
	return r.Outcome != LockLost && r.Written == 0 && r.Deleted+r.Tombstones+r.DeletedSnapshots == 0
}

func (r *Report) args() []any {
	args := []any{"newest", r.Newest, "beyond", r.Beyond}
	if r.Written > 0 {
		args = append(args, "written", r.Written, "because", r.Because)
	}
	if r.Holder != "" {
		args = append(args, "holder", r.Holder)
	}
	return append(args, "deleted", r.Deleted, "tombstones", r.Tombstones, "deleted_snapshots", r.DeletedSnapshots, "freed_bytes", r.FreedBytes)
}

// String says it to people, in a sentence or two.
func (r Report) String() string {
	switch r.Outcome {
	case NoCluster:
		return "there is no cluster.json yet: nothing to do"
	case Busy:
		return fmt.Sprintf("another compactor (%s) is at work: nothing done", r.Holder)
	case LockLost:
		return "another compactor took over: stopped"
	}
	var parts []string
	if r.Written > 0 {
		parts = append(parts, fmt.Sprintf("wrote snapshot %d (%s)", r.Written, r.Because))
	}
	if n := r.Deleted + r.Tombstones + r.DeletedSnapshots; n > 0 {
		parts = append(parts, fmt.Sprintf("freed %d bytes: deleted %d chunks and %d snapshots, overwrote %d chunks with tombstones",
			r.FreedBytes, r.Deleted, r.DeletedSnapshots, r.Tombstones))
	}
	if len(parts) == 0 {
		return fmt.Sprintf("nothing to do: %d revisions beyond snapshot %d", r.Beyond, r.Newest)
	}
	return strings.Join(parts, "; ")
}

// CorruptError: a listed snapshot is damaged. It counts for nothing, and is left in place.
type CorruptError struct {
	Revision record.Revision
	Err      error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("compactor: snapshot %q is corrupt and was left in place; the one before it is used, and this one is deleted "+
		"once two sound ones are above it. Don't delete it by hand: readers judge by it what may have been freed: %v", objectlog.SnapshotKey(e.Revision), e.Err)
}

func (e *CorruptError) Unwrap() error { return e.Err }
