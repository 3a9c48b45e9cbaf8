package snapshot

import (
	"fmt"

	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/record"
)

// tip is where a history that is read is. It is pure.
type tip struct {
	last    record.Pos
	sub     int32
	lacking bool // something is left out before last
	records int64
}

// move goes on to the next record.
func (t *tip) move(r *record.Record) {
	t.lacking = t.lacking || !t.precedes(r)
	t.last, t.sub = r.Pos(), r.Sub
	t.records++
}

// precedes says whether r comes right after what was read.
func (t *tip) precedes(r *record.Record) bool {
	return r.Revision == t.last.Revision+1 && r.Sub == 0 || r.Revision == t.last.Revision && r.Sub == t.sub+1
}

// goesOn checks that a record of the chain, in the chunk at key, comes right after what was
// read: the log has checked this within itself, but not where it is joined.
func (t *tip) goesOn(r *record.Record, key string) error {
	switch {
	case r.Epoch < t.last.Epoch:
		return &objectlog.ChainError{Kind: objectlog.ErrEpochBack, Key: key, Err: fmt.Errorf("%v follows %v", r.Pos(), t.last)}
	case !t.precedes(r):
		return &objectlog.ChainError{Kind: objectlog.ErrGap, Key: key, Err: fmt.Errorf("%d/%d follows %d/%d", r.Revision, r.Sub, t.last.Revision, t.sub)}
	}
	return nil
}
