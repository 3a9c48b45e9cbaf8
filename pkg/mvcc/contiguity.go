package mvcc

import "github.com/netsy-io/netsy/pkg/record"

// checkOrder is the contiguity rule: records continue the history after tail without
// a gap, revision by revision, sub by sub; a revision has one epoch; epochs never go
// back. A batch holds whole revisions: its first record begins a new one.
func checkOrder(tail record.Pos, recs []record.Record) error {
	prev, sub := tail, int32(0)
	for i := range recs {
		r := &recs[i]
		if why := follows(prev, sub, i == 0, r); why != "" {
			return &OrderError{After: prev, Got: r.Pos(), Sub: r.Sub, Why: why}
		}
		prev, sub = r.Pos(), r.Sub
	}
	return nil
}

// follows says why r can't come after (prev, sub), or nothing.
func follows(prev record.Pos, sub int32, first bool, r *record.Record) string {
	switch {
	case r.Epoch < 1:
		return "it has no epoch"
	case r.Epoch < prev.Epoch:
		return "its epoch is lower"
	case r.Revision == prev.Revision && !first:
		if r.Epoch != prev.Epoch {
			return "a revision has one epoch"
		}
		if r.Sub != sub+1 {
			return "subs of a revision follow one another"
		}
		return ""
	case r.Revision != prev.Revision+1:
		return "the next revision is expected"
	case r.Sub != 0:
		return "a revision begins with sub 0"
	}
	return ""
}
