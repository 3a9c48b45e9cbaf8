package compactor

import (
	"fmt"
	"slices"
	"time"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
)

// The rules of what may go. They are pure: everything they need is in their arguments.
// Each step they give is right by itself, in any order and however late it is carried
// out: see DESIGN.md.

// limits are what they judge by.
type limits struct {
	second    record.Revision // the second-newest sound snapshot; 0: there is none
	now       time.Time       // by the store's clock, or before
	retention time.Duration
	keep      int
}

// slot is a listed object under chunks/.
type slot struct {
	first record.Revision
	next  record.Revision // first of the next listed object; 0: none is listed
	info  objectstore.Info
}

// facts are what a chunk itself says. They are of the version in info, which may be
// newer than the listed one.
type facts struct {
	info        objectstore.Info
	header      datafile.Header
	beginsReign bool // unless it is a tombstone
}

// superseded says whether two sound snapshots hold all of the slot's revisions. A chunk
// ends before the next slot that is listed: the slots in between, if any, are freed ones.
// What the last one listed ends with is not known from the listing: it stays.
func (l *limits) superseded(s slot) bool { return s.next > 0 && s.next-1 <= l.second }

// old says whether retention has passed since modified.
func (l *limits) old(modified time.Time) bool {
	return !l.now.IsZero() && !modified.After(l.now.Add(-l.retention))
}

// candidate says whether a slot is worth reading what freeing it takes.
func (l *limits) candidate(s slot) bool { return l.superseded(s) && l.old(s.info.Modified) }

// Action is what a step does.
type Action string

// The actions. Each is conditional on the version that was judged.
const (
	DeleteChunk    Action = "delete"    // frees the slot
	Tombstone      Action = "tombstone" // overwrites the chunk with its header, which keeps the slot taken
	DeleteSnapshot Action = "delete snapshot"
)

// Step frees one object.
type Step struct {
	Action  Action              `json:"action"`
	Key     string              `json:"key"`
	Size    int64               `json:"size"`
	Version objectstore.Version `json:"-"`
	header  datafile.Header     // of the tombstone
}

func (s Step) String() string { return fmt.Sprintf("%s %s", s.Action, s.Key) }

// freeChunk gives the step that frees a slot, if one is due. A chunk in which a reign
// begins is never deleted.
func (l *limits) freeChunk(s slot, f facts) (Step, bool) {
	switch {
	case !l.superseded(s), !l.old(f.info.Modified), f.header.Tombstone():
		return Step{}, false
	case f.beginsReign:
		return Step{Action: Tombstone, Key: s.info.Key, Size: f.info.Size, Version: f.info.Version, header: f.header}, true
	default:
		return Step{Action: DeleteChunk, Key: s.info.Key, Size: f.info.Size, Version: f.info.Version}, true
	}
}

// freeChunks gives the steps that free slots, of those whose facts are known.
func (l *limits) freeChunks(page []slot, known map[record.Revision]facts) (steps []Step) {
	for _, s := range page {
		if f, ok := known[s.first]; ok {
			if step, ok := l.freeChunk(s, f); ok {
				steps = append(steps, step)
			}
		}
	}
	return steps
}

// freeSnapshots gives the steps that delete snapshots: those below the second-newest sound
// one that are old, and not among the keep newest of which no damage is known. list is
// ascending.
func (l *limits) freeSnapshots(list []judged) (steps []Step) {
	usable := 0
	for _, s := range slices.Backward(list) {
		if s.state != corrupt {
			usable++
		}
		kept := s.state != corrupt && usable <= max(l.keep, 2)
		if s.Revision < l.second && !kept && l.old(s.Modified) {
			steps = append(steps, Step{Action: DeleteSnapshot, Key: objectlog.SnapshotKey(s.Revision), Size: s.Size, Version: s.Version})
		}
	}
	slices.Reverse(steps)
	return steps
}
