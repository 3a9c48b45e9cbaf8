package history

import (
	"errors"
	"fmt"

	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/record"
)

// What breaks a run of chunks.
var (
	// ErrGap: a slot is missing, or holds a tombstone.
	ErrGap = errors.New("gap in the chain of chunks")
	// ErrOverlap: a chunk begins within the one before it.
	ErrOverlap = errors.New("chunks overlap")
	// ErrEpochBack: a record is of an older epoch than the one before it.
	ErrEpochBack = errors.New("epochs go back along the chain")
	// ErrReign: an epoch begins without its epoch start, or one comes within an epoch.
	ErrReign = errors.New("a reign doesn't begin with its epoch start")
	// ErrEpochStart: an epoch start doesn't follow the one before it.
	ErrEpochStart = errors.New("an epoch start doesn't follow the last one")
	// ErrOther: the record at a snapshot's revision is of another epoch than the snapshot.
	ErrOther = errors.New("chunks and snapshot are of different histories")
)

// RunError says where a run breaks.
type RunError struct {
	Kind error           // one of the sentinels above
	Slot record.Revision // that is missing, or whose chunk is wrong
	Err  error           // the particulars, never nil
}

func (e *RunError) Error() string {
	return fmt.Sprintf("%v: %q: %v", e.Kind, objectlog.ChunkKey(e.Slot), e.Err)
}

// Unwrap lets errors.Is and errors.As reach kind and cause.
func (e *RunError) Unwrap() []error { return []error{e.Kind, e.Err} }

// Run is the rule by which chunks, joined to a position that is known to be in the
// history, are part of it too, even where slots may have been freed and taken again by a
// deposed writer. It is told the chunks in the order of their slots, all that are there.
// What it was told is proven once it has, unbroken, reached the record that a sound
// snapshot ends with, or a slot that can't have been freed. DESIGN.md has the proof.
type Run struct {
	freed     record.Revision // slots at or below it may have been freed
	witnesses []record.Pos    // of sound snapshots ahead, ascending
	joined    bool            // a chunk was added
	next      record.Revision
	last      record.Pos
	start     record.Revision // of the newest epoch start; 0: there was none
	passed    record.Revision // of the last witness; proof once its chunk is taken whole
	proven    record.Revision
	err       error
}

// NewRun joins a run to base, the position of a snapshot's last record (zero: the
// beginning of history), whose newest epoch start is at start (0: it has none). Slots at
// or below freed may have been freed. witnesses are the ends of the sound snapshots.
func NewRun(base record.Pos, start, freed record.Revision, witnesses []record.Pos) *Run {
	for len(witnesses) > 0 && witnesses[0].Revision <= base.Revision {
		witnesses = witnesses[1:]
	}
	return &Run{freed: freed, witnesses: witnesses, next: base.Revision + 1, last: base, start: start, proven: base.Revision}
}

// Next is the slot that comes next.
func (r *Run) Next() record.Revision { return r.next }

// Last is the position up to which the run goes.
func (r *Run) Last() record.Pos { return r.last }

// Proven is the revision up to which the run is known to be in the history.
func (r *Run) Proven() record.Revision { return r.proven }

// Err is what broke the run, a *RunError.
func (r *Run) Err() error { return r.err }

// Add takes the chunk in the slot first; none of its records means a tombstone. The first
// one may begin at or below the base, if it goes beyond it. After an error nothing of the
// chunk may be used, and the run stays broken.
func (r *Run) Add(first record.Revision, recs []record.Record) error {
	if r.err == nil {
		r.err = r.add(first, recs)
	}
	return r.err
}

func (r *Run) add(first record.Revision, recs []record.Record) error {
	switch {
	case first > r.next:
		return broken(ErrGap, r.next, "it is missing, but there is %q", objectlog.ChunkKey(first))
	case first < r.next && (r.joined || len(recs) == 0 || recs[len(recs)-1].Revision < r.next):
		return broken(ErrOverlap, first, "the chain goes on at revision %d", r.next)
	case len(recs) == 0:
		return broken(ErrGap, first, "it is a tombstone")
	}
	for i := range recs {
		if err := r.record(first, &recs[i]); err != nil {
			return err
		}
	}
	r.joined, r.next, r.proven = true, r.last.Revision+1, max(r.proven, r.passed)
	if first > r.freed {
		r.proven = r.last.Revision
	}
	return nil
}

// record takes one record. That those of a chunk are contiguous is known.
func (r *Run) record(slot record.Revision, rec *record.Record) error {
	isStart := string(rec.Key) == record.EpochStartKey
	switch {
	case rec.Revision < r.last.Revision: // below the base
		return nil
	case rec.Revision == r.last.Revision: // the base, or more of the same revision
		if rec.Pos() != r.last {
			return broken(ErrOther, slot, "it has %v, the snapshot ends with %v", rec.Pos(), r.last)
		}
		return nil
	case rec.Epoch < r.last.Epoch:
		return broken(ErrEpochBack, slot, "%v follows %v", rec.Pos(), r.last)
	case isStart != (rec.Epoch > r.last.Epoch):
		return broken(ErrReign, slot, "%v of key %q follows %v", rec.Pos(), clip(rec.Key), r.last)
	case isStart && rec.PrevRevision != r.start:
		return broken(ErrEpochStart, slot, "%v says that the last one was at revision %d, but it was at %d", rec.Pos(), rec.PrevRevision, r.start)
	}
	if r.last = rec.Pos(); isStart {
		r.start = rec.Revision
	}
	return r.pass(slot)
}

// pass holds the run against the snapshot that ends here, if one does.
func (r *Run) pass(slot record.Revision) error {
	if len(r.witnesses) == 0 || r.witnesses[0].Revision > r.last.Revision {
		return nil
	}
	w := r.witnesses[0]
	r.witnesses = r.witnesses[1:]
	if w != r.last {
		return broken(ErrOther, slot, "it has %v, but %q ends with %v", r.last, objectlog.SnapshotKey(w.Revision), w)
	}
	r.passed = w.Revision
	return nil
}

// End says that there are no more chunks: none may be missing up to the last snapshot.
func (r *Run) End() error {
	if n := len(r.witnesses); r.err == nil && n > 0 {
		r.err = broken(ErrGap, r.next, "it is missing, but there is %q", objectlog.SnapshotKey(r.witnesses[n-1].Revision))
	}
	return r.err
}

func broken(kind error, slot record.Revision, format string, args ...any) error {
	return &RunError{Kind: kind, Slot: slot, Err: fmt.Errorf(format, args...)}
}
