package replication

import (
	"fmt"
	"sort"

	"github.com/netsy-io/netsy/pkg/record"
)

// history is the outline of the Primary's copy: where each reign's records begin,
// ascending, the last being its own; and the last assigned position. The starts of
// the oldest reigns may be missing: compaction supersedes all but the newest that it
// covers, so what is left has no holes.
type history struct {
	starts []record.Pos
	end    record.Pos
}

// commonWith is the rule by which two copies find where they agree: the newest position
// that a copy holding held can share with this history; zero when they share nothing.
//
// Two copies that hold the same (epoch, revision) are equal up to there, as each
// revision is assigned once in an epoch by one Primary. So if this history has held's
// epoch, then the answer is sure: the earlier of held and the epoch's end. If it
// hasn't, the two parted below held and within lower epochs, and the newest such
// position is the best guess; a replica that holds something else there asks again
// with that, whose revision is lower. At most one question for each epoch.
//
// known is false when the answer lies below the starts that are left. An error means
// that held can't be a position of a copy of this history at all.
func (h history) commonWith(held record.Pos) (pos record.Pos, known bool, err error) {
	i := h.reignBelow(func(start record.Pos) bool { return start.Epoch <= held.Epoch })
	if i < 0 {
		return record.Pos{}, h.whole(), nil
	}
	start, last := h.starts[i], h.last(i)
	if start.Epoch == held.Epoch {
		if held.Revision < start.Revision {
			return record.Pos{}, false, fmt.Errorf("%w: it holds %v, but that epoch begins at revision %d", ErrProtocol, held, start.Revision)
		}
		return record.Pos{Epoch: held.Epoch, Revision: min(held.Revision, last)}, true, nil
	}
	return h.at(min(last, held.Revision-1))
}

// at returns the position at a revision of this history.
func (h history) at(rev record.Revision) (pos record.Pos, known bool, err error) {
	i := h.reignBelow(func(start record.Pos) bool { return start.Revision <= rev })
	if i < 0 {
		return record.Pos{}, h.whole(), nil
	}
	return record.Pos{Epoch: h.starts[i].Epoch, Revision: rev}, true, nil
}

// reignBelow returns the last start for which ok holds (it holds up to there), or -1.
func (h history) reignBelow(ok func(record.Pos) bool) int {
	return sort.Search(len(h.starts), func(i int) bool { return !ok(h.starts[i]) }) - 1
}

// last is the last revision of reign i.
func (h history) last(i int) record.Revision {
	if i+1 < len(h.starts) {
		return h.starts[i+1].Revision - 1
	}
	return h.end.Revision
}

// whole: the starts go back to the first record of all, so below them is nothing.
func (h history) whole() bool { return len(h.starts) > 0 && h.starts[0].Revision == 1 }

// descends says whether the next agreement point may follow the last one: the dialogue
// only goes down, which bounds it.
func descends(last, next record.Pos) bool {
	return next.Revision < last.Revision && next.Epoch <= last.Epoch
}
