package check

import (
	"fmt"
	"time"

	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/record"
)

// Evidence is everything that is known of a cluster's history at the end of a run,
// when all that was in doubt is decided.
type Evidence struct {
	Ops      []Op
	Chunks   []objectlog.Chunk // the object log, from its first revision
	End      int64             // revision of the last acknowledged write, which the log ends with
	Watches  []Watch
	Copies   []Copy   // of the nodes
	State    []Event  // of a linearizable range over all keys at the end, in any order
	Counters []string // keys that count: see [CounterValue]

	// Patience bounds the search for an order of each key's ops; 0: no search. It is of
	// real time: don't search within a synctest bubble.
	Patience time.Duration
}

// Watch is what was sent on one watch, over all streams on which it was continued.
type Watch struct {
	Name     string
	Key, End string // as in etcd's API
	From, To int64  // first revision asked for; last revision that must have come
	Events   []Event
}

// Copy is what one node holds, in the order of the history.
type Copy struct {
	Name    string
	Records []record.Record
	Through record.Revision // the last revision that it says it has published

	// Compacted is up to where it may have dropped what a later record up to there
	// replaced, and deletions; 0: nowhere.
	Compacted record.Revision
}

// Broken is what a test says before each fault, so that whoever runs it sees that time
// has nothing to do with it.
const Broken = "BROKEN PROMISE:"

// most is how many faults are reported: more would say the same thing again.
const most = 20

// verdict collects what is wrong.
type verdict struct {
	faults []string
	more   int
}

func (v *verdict) add(format string, args ...any) {
	if len(v.faults) < most {
		v.faults = append(v.faults, fmt.Sprintf(format, args...))
	} else {
		v.more++
	}
}

// Faults returns what contradicts the promises: that no acknowledged write is lost or
// doubled, that refused writes never happen, that operations take effect in one order
// that agrees with their times, that watches are complete and in order, and that there
// is one history.
func (e Evidence) Faults() []string {
	v := &verdict{}
	v.reigns(e.Chunks)
	log := v.chain(e.Chunks, e.End)
	v.versions(log)
	for _, key := range e.Counters {
		v.counter(key, log)
	}
	v.writes(e.Ops, log)
	v.state(e.State, log)
	for _, w := range e.Watches {
		v.watch(w, log)
	}
	for _, c := range e.Copies {
		v.copy(c, e.Chunks)
	}
	v.times(e.Ops)
	v.reads(e.Ops, log)
	if e.Patience > 0 {
		v.linearizable(e.Ops, log, e.Patience)
	}
	if v.more > 0 {
		v.faults = append(v.faults, fmt.Sprintf("and %d more", v.more))
	}
	return v.faults
}
