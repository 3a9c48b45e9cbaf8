package watch

import (
	"iter"

	"github.com/netsy-io/netsy/pkg/record"
)

// The decisions that the promises of a watch rest on, apart from all machinery.

// admission is how a watch begins.
type admission int

const (
	admitLive      admission = iota // nothing of the past is wanted: take part in the fan-out
	admitCatchUp                    // replay from start, then join
	admitCompacted                  // the past that is wanted is gone
	admitRefused                    // start is negative; etcd calls that compacted, too
)

// admit decides on a watch that asks for start (0 = from now on) while the hub is
// at rev and nothing below floor is admitted. A start at floor itself is served:
// compaction keeps every event from there on.
func admit(start, rev, floor record.Revision) admission {
	switch {
	case start < 0:
		return admitRefused
	case start == 0 || start > rev:
		return admitLive
	case start < floor:
		return admitCompacted
	}
	return admitCatchUp
}

// caughtUp says whether a watch whose next wanted revision is next has everything
// up to rev, and may join the fan-out.
func caughtUp(next, rev record.Revision) bool { return next > rev }

// outrun says whether a watch that still has to read from next on is below floor.
func outrun(next, floor record.Revision) bool { return next < floor }

// needs is the highest revision that history may be compacted at without a watch
// missing anything whose next revision to read is next: its events from there on,
// and, if it wants previous values, the state before them. Before revision 1 there
// is no state.
func needs(next record.Revision, prevKV bool) record.Revision {
	if prevKV {
		next--
	}
	return max(next, 1)
}

// mayReserve says whether a hub at rev may promise that none of its watches, now or
// later, needs anything below target. needed is the lowest that one needs, 0 if none
// has anything to read. The hub must have come as far itself: then watches that have
// everything, and those yet to begin at the present, need the present only.
func mayReserve(target, rev, needed record.Revision) bool {
	return target <= rev && (needed == 0 || target <= needed)
}

// standing is what progress depends on, of one watch.
type standing struct {
	synced bool            // everything up to the hub's revision is in the stream's queue
	start  record.Revision // as requested; 0 = from now on
}

// mayNotify says whether "everything up to rev was sent" is true of the watch and
// meaningful to it. A watch that starts in the future is told nothing before then.
func mayNotify(st standing, rev record.Revision) bool { return st.synced && rev >= st.start }

// mayBroadcast says whether it is so of all watches of a stream, so that one
// notification, which the client hands to all of them, can say it. It is of no
// use without any.
func mayBroadcast(all iter.Seq[standing], rev record.Revision) bool {
	some := false
	for st := range all {
		if !mayNotify(st, rev) {
			return false
		}
		some = true
	}
	return some
}

// load is how much waits to be sent on one watch.
type load struct{ events, bytes int }

func (l load) plus(m load) load  { return load{l.events + m.events, l.bytes + m.bytes} }
func (l load) minus(m load) load { return load{l.events - m.events, l.bytes - m.bytes} }

// fits says whether add may join pending under limit. One batch always fits into
// an empty queue: a revision is never split, however large.
func fits(pending, add, limit load) bool {
	sum := pending.plus(add)
	return pending.events == 0 || sum.events <= limit.events && sum.bytes <= limit.bytes
}

// drained says whether a watch that fell back may read on: its queue is at most
// half full, so that it doesn't fall back again at once.
func drained(pending, limit load) bool {
	return 2*pending.events <= limit.events && 2*pending.bytes <= limit.bytes
}
