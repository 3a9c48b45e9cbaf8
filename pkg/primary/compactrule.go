package primary

import (
	"time"

	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/replication"
)

// heldWindows is for how many history windows what a watch needs is kept: the one that
// everybody has, and one further for a watch that is behind. A client that hasn't read
// for so long reads the present state sooner than what it has missed, and must not keep
// history for all.
const heldWindows = 2

// mark remembers which revision was current when.
type mark struct {
	at  time.Time
	rev record.Revision
}

// horizon is what compaction aims at.
type horizon struct {
	wanted record.Revision // was current a window ago; 0: nothing is that old
	forced record.Revision // was current heldWindows ago, at most wanted; 0: nothing
}

// horizonOf judges marks, which ascend. It returns those that later calls need, too.
func horizonOf(marks []mark, now time.Time, window time.Duration) (horizon, []mark) {
	wanted := current(marks, now.Add(-window))
	forced := current(marks, now.Add(-heldWindows*window))
	var h horizon
	if wanted >= 0 {
		h.wanted = marks[wanted].rev
	}
	if forced >= 0 {
		h.forced = marks[forced].rev
	}
	return h, marks[max(forced, 0):]
}

// current is the index of the newest mark that was there at a time; -1: none.
func current(marks []mark, at time.Time) int {
	i := -1
	for i+1 < len(marks) && !marks[i+1].at.After(at) {
		i++
	}
	return i
}

// target is what to compact at when watches need history from needed on; 0: they need
// none. Force says that watches are to be cancelled for it: they are kept for as long
// as what they need is not too old.
func (h horizon) target(needed record.Revision) (rev record.Revision, force bool) {
	if needed == 0 || h.wanted <= needed {
		return h.wanted, false
	}
	if h.forced > needed {
		return h.forced, true
	}
	return needed, false
}

// refusals picks those who didn't agree, and the highest revision that they all would
// have agreed to; 0: all did agree. Who said nothing may need everything.
func refusals(answers []replication.CompactionAnswer) (needed record.Revision, by []replication.CompactionAnswer) {
	for _, a := range answers {
		if a.Answered && a.Agreed {
			continue
		}
		least := record.Revision(1)
		if a.Answered {
			least = max(least, a.Needed)
		}
		if needed == 0 || least < needed {
			needed = least
		}
		by = append(by, a)
	}
	return needed, by
}
