package datafile

import "github.com/netsy-io/netsy/pkg/record"

// order is the rule by which records follow each other in one file. It is pure; the
// reader and the writers apply it.
//
//   - Records ascend strictly by (revision, sub).
//   - In a chunk nothing is left out: each revision is the one before plus one, and
//     within a revision sub counts from zero.
//   - In a snapshot that says up to where it is reduced, nothing is left out above that,
//     no tombstone is at or below it, and its last record is above it. In one that
//     doesn't say, there may be gaps anywhere: other writers don't.
//   - Epochs never go back, and the header's is not below any record's; a snapshot's is
//     its last record's.
type order struct {
	kind   Kind
	header record.Epoch
	purged record.Revision // the header's; 0 also while it isn't known yet

	any   bool // a record was seen
	first record.Revision
	last  record.Pos
	sub   int32

	lacking   record.Revision // the highest revision of which something is left out
	tombstone record.Revision // of the first tombstone; 0: none
}

func newOrder(h *Header) order { return order{kind: h.Kind, header: h.Epoch, purged: h.Purged} }

// add takes the next record, or says why it can't be the next.
func (o *order) add(r *record.Record) error {
	if err := o.follows(r.Revision, r.Sub); err != nil {
		return err
	}
	switch {
	case o.any && r.Epoch < o.last.Epoch:
		return corrupt(ErrEpoch, "revision %d of epoch %d follows %v", r.Revision, r.Epoch, o.last)
	case r.Epoch > o.header:
		return corrupt(ErrEpoch, "revision %d is of epoch %d, the header of %d", r.Revision, r.Epoch, o.header)
	}
	o.lacking = max(o.lacking, o.skipped(r.Revision, r.Sub))
	if r.Deleted && o.tombstone == 0 {
		o.tombstone = r.Revision
	}
	if !o.any {
		o.any, o.first = true, r.Revision
	}
	o.last, o.sub = r.Pos(), r.Sub
	return o.reduced(o.purged)
}

func (o *order) follows(rev record.Revision, sub int32) error {
	switch {
	case !o.any:
		if o.kind == Chunk && sub != 0 {
			return corrupt(ErrRecordMissing, "the first record is %d/%d, not the revision's first", rev, sub)
		}
	case rev == o.last.Revision && sub == o.sub:
		return corrupt(ErrRecordDuplicated, "%d/%d is there twice", rev, sub)
	case rev < o.last.Revision, rev == o.last.Revision && sub < o.sub:
		return corrupt(ErrRecordReordered, "%d/%d follows %d/%d", rev, sub, o.last.Revision, o.sub)
	case o.kind == Chunk && o.skipped(rev, sub) > 0:
		return corrupt(ErrRecordMissing, "%d/%d follows %d/%d", rev, sub, o.last.Revision, o.sub)
	}
	return nil
}

// skipped returns the highest revision of which something is missing right before the
// next record; 0 if nothing is.
func (o *order) skipped(rev record.Revision, sub int32) record.Revision {
	switch {
	case o.any && rev == o.last.Revision && sub == o.sub+1, o.any && rev == o.last.Revision+1 && sub == 0:
		return 0
	case sub == 0:
		return rev - 1
	default:
		return rev
	}
}

// reduced checks the records so far against purged, the revision up to which history is
// said to be reduced; 0 says nothing.
func (o *order) reduced(purged record.Revision) error {
	switch {
	case purged == 0:
		return nil
	case o.lacking > purged:
		return corrupt(ErrRecordMissing, "records of revision %d are missing, history is reduced up to %d only", o.lacking, purged)
	case o.tombstone > 0 && o.tombstone <= purged:
		return corrupt(ErrTombstone, "of revision %d, history is reduced up to %d", o.tombstone, purged)
	}
	return nil
}

// end checks what can only be said after the last record.
func (o *order) end() error {
	switch {
	case o.kind == Chunk:
		return nil
	case o.header != o.last.Epoch:
		return corrupt(ErrEpoch, "a snapshot's header says epoch %d, its last record is %v", o.header, o.last)
	case o.purged > 0 && o.last.Revision <= o.purged:
		return corrupt(ErrRecordMissing, "history is reduced up to %d, and nothing comes after %v", o.purged, o.last)
	}
	return o.reduced(o.purged)
}
