package check

import (
	"cmp"
	"maps"
	"slices"
	"sort"

	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/record"
)

// watch: it was sent each event of its keys and revisions once, in order.
func (v *verdict) watch(w Watch, log []Event) {
	var want []Event
	for _, e := range log {
		if e.Rev >= w.From && e.Rev <= w.To && inRange(e.Key, w.Key, w.End) {
			want = append(want, e)
		}
	}
	for i := range max(len(w.Events), len(want)) {
		switch {
		case i >= len(w.Events):
			v.add("%s lacks %+v of the object log", w.Name, want[i])
		case i >= len(want):
			v.add("%s has %+v, which the object log lacks", w.Name, w.Events[i])
		case w.Events[i] != want[i]:
			v.add("%s has %+v where the object log has %+v", w.Name, w.Events[i], want[i])
		default:
			continue
		}
		return // what follows is shifted
	}
}

// inRange reports whether key is in etcd's range [from, end).
func inRange(key, from, end string) bool {
	switch end {
	case "":
		return key == from
	case "\x00":
		return key >= from
	default:
		return key >= from && key < end
	}
}

// state: reading everything gives what the history leads to.
func (v *verdict) state(got []Event, log []Event) {
	want, state := map[string]Event{}, map[string]Event{}
	for _, e := range log {
		if want[e.Key] = e; e.Delete {
			delete(want, e.Key)
		}
	}
	for _, e := range got {
		if _, ok := state[e.Key]; ok {
			v.add("reading everything gives %s twice", e.Key)
		}
		state[e.Key] = e
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if state[key] != want[key] {
			v.add("reading %s gives %+v, the history says %+v", key, state[key], want[key])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(state)) {
		if _, ok := want[key]; !ok {
			v.add("reading gives %+v, which the history lacks", state[key])
		}
	}
}

// copy: a node holds the records of the object log, each from the epoch it was
// assigned in, without a gap up to what it has published (but for what compaction has
// removed), and nothing that differs.
func (v *verdict) copy(c Copy, chunks []objectlog.Chunk) {
	log := map[[2]int64]record.Record{}
	newest := map[string]record.Record{} // as of the compaction revision
	var last record.Revision
	for _, ch := range chunks {
		for _, r := range ch.Records {
			if r.Revision <= c.Compacted {
				newest[string(r.Key)] = r
			}
			log[[2]int64{int64(r.Revision), int64(r.Sub)}], last = r, r.Revision
		}
	}
	if c.Through > last {
		v.add("%s has published revision %d, the object log ends at %d", c.Name, c.Through, last)
	}
	held := map[[2]int64]bool{}
	for _, r := range c.Records {
		if r.Revision > c.Through {
			break
		}
		held[[2]int64{int64(r.Revision), int64(r.Sub)}] = true
		want, ok := log[[2]int64{int64(r.Revision), int64(r.Sub)}]
		switch {
		case !ok:
			v.add("%s holds revision %d.%d, which the object log lacks", c.Name, r.Revision, r.Sub)
		case r.Epoch != want.Epoch || r.LeaderID != want.LeaderID || EventOfRecord(&r) != EventOfRecord(&want):
			v.add("%s holds %+v of %v, the object log has %+v of %v", c.Name, EventOfRecord(&r), r.Pos(), EventOfRecord(&want), want.Pos())
		default:
			continue
		}
		return
	}
	for _, k := range slices.SortedFunc(maps.Keys(log), func(a, b [2]int64) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) }) {
		if r := log[k]; r.Revision <= c.Through && !held[k] && !compactable(r, newest) {
			v.add("%s lacks revision %d.%d of the object log; it has published %d and compacted to %d", c.Name, r.Revision, r.Sub, c.Through, c.Compacted)
			return
		}
	}
}

// compactable reports whether compaction may have removed r, given each key's newest
// record up to the compaction revision. Netsy's own records go like any others.
func compactable(r record.Record, newest map[string]record.Record) bool {
	n, ok := newest[string(r.Key)]
	return ok && (r.Pos() != n.Pos() || r.Sub != n.Sub || r.Deleted) && r.Revision <= n.Revision
}

// atRevision returns how many events of the log are at or below rev.
func atRevision(log []Event, rev int64) int {
	return sort.Search(len(log), func(i int) bool { return log[i].Rev > rev })
}
