package datafile

import "github.com/netsy-io/netsy/pkg/record"

// order is the rule by which records follow each other in one file. It is pure; both
// the reader and the writer apply it.
//
//   - Records ascend strictly by (revision, sub).
//   - In a chunk nothing is left out: each revision is the one before plus one, and
//     within a revision sub counts from zero. In a snapshot there are gaps.
//   - Epochs never go back, and the header's is not below any record's.
type order struct {
	kind   Kind
	header record.Epoch

	any   bool // a record was seen
	first record.Revision
	last  record.Pos
	sub   int32
}

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
	if !o.any {
		o.any, o.first = true, r.Revision
	}
	o.last, o.sub = r.Pos(), r.Sub
	return nil
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
	case o.kind == Snapshot:
	case rev == o.last.Revision && sub != o.sub+1, rev == o.last.Revision+1 && sub != 0, rev > o.last.Revision+1:
		return corrupt(ErrRecordMissing, "%d/%d follows %d/%d", rev, sub, o.last.Revision, o.sub)
	}
	return nil
}

// end checks what can only be said after the last record.
func (o *order) end() error {
	if o.kind == Snapshot && o.header != o.last.Epoch {
		return corrupt(ErrEpoch, "a snapshot's header says epoch %d, its last record is %v", o.header, o.last)
	}
	return nil
}
