//go:build linux

package process

import (
	"fmt"
	"maps"
	"slices"

	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/record"
)

// evidence is everything that is known of a cluster's history at the end of a test.
type evidence struct {
	Ops    []op
	Chunks []objectlog.Chunk // the object log
	Live   []event           // of the watch that ran all the time
	Fresh  []event           // of a watch that read everything at the end
	State  map[string]event  // of a linearizable range over all keys at the end
	End    int64             // revision of the last write
}

// verdict collects what is wrong, each kind up to a few times.
type verdict struct{ faults []string }

func (v *verdict) add(format string, args ...any) {
	if len(v.faults) < 20 {
		v.faults = append(v.faults, fmt.Sprintf(format, args...))
	}
}

// check is the judge: pure, so that it can be tested itself. It returns what
// contradicts the promises that no acknowledged write is lost or doubled, that
// refused writes never happen, and that there is one history.
func check(e evidence) []string {
	v := &verdict{}
	v.reigns(e.Chunks)
	log := v.chain(e.Chunks, e.End)
	v.same("the watch that ran all the time", e.Live, log)
	v.same("the watch from the beginning", e.Fresh, log)
	v.versions(log)
	v.counter(log)
	v.ops(e.Ops, log)
	v.state(e.State, log)
	return v.faults
}

// reigns: epochs never go back, each is one node's and begins with its one seal.
func (v *verdict) reigns(chunks []objectlog.Chunk) {
	leader, uploader := map[record.Epoch]string{}, map[record.Epoch]string{}
	var last record.Epoch
	for _, c := range chunks {
		if l, ok := uploader[c.Header.Epoch]; ok && l != c.Header.LeaderID {
			v.add("two nodes wrote chunks in epoch %d: %s and %s", c.Header.Epoch, l, c.Header.LeaderID)
		}
		uploader[c.Header.Epoch] = c.Header.LeaderID
		for _, r := range c.Records {
			_, begun := leader[r.Epoch]
			switch {
			case r.Epoch < last:
				v.add("revision %d is of epoch %d, after one of epoch %d", r.Revision, r.Epoch, last)
			case r.Internal() && begun:
				v.add("epoch %d begins again at revision %d", r.Epoch, r.Revision)
			case !r.Internal() && !begun:
				v.add("epoch %d does not begin with its seal, but with revision %d, %s", r.Epoch, r.Revision, r.Key)
			case begun && leader[r.Epoch] != r.LeaderID:
				v.add("revision %d of epoch %d was assigned by %s, earlier ones by %s", r.Revision, r.Epoch, r.LeaderID, leader[r.Epoch])
			}
			leader[r.Epoch], last = r.LeaderID, r.Epoch
		}
	}
}

// chain: the object log has every revision once. It returns the clients' part.
func (v *verdict) chain(chunks []objectlog.Chunk, end int64) (events []event) {
	next := int64(1)
	for _, c := range chunks {
		for _, r := range c.Records {
			if int64(r.Revision) != next || r.Sub != 0 {
				v.add("the object log has revision %d.%d where %d.0 belongs", r.Revision, r.Sub, next)
			}
			next = int64(r.Revision) + 1
			if r.Internal() {
				continue
			}
			e := event{Rev: int64(r.Revision), Delete: r.Deleted, Key: string(r.Key), Value: string(r.Value)}
			if !r.Deleted {
				e.Create, e.Version, e.Lease = int64(r.CreateRevision), r.Version, r.Lease
			}
			events = append(events, e)
		}
	}
	if n := len(events); n == 0 || events[n-1].Rev != end {
		v.add("the object log does not end with revision %d, the last that was acknowledged", end)
	}
	return events
}

func (v *verdict) same(what string, got, log []event) {
	for i := range max(len(got), len(log)) {
		switch {
		case i >= len(got):
			v.add("%s lacks %+v of the object log", what, log[i])
		case i >= len(log):
			v.add("%s has %+v, which the object log lacks", what, got[i])
		case got[i] != log[i]:
			v.add("%s has %+v where the object log has %+v", what, got[i], log[i])
		default:
			continue
		}
		return
	}
}

// versions: create revisions and versions are what etcd would have made them.
func (v *verdict) versions(log []event) {
	live := map[string]event{}
	for _, e := range log {
		old, ok := live[e.Key]
		switch {
		case e.Delete && !ok:
			v.add("revision %d deletes %s, which does not exist", e.Rev, e.Key)
		case e.Delete:
			delete(live, e.Key)
			continue
		case !ok && (e.Version != 1 || e.Create != e.Rev):
			v.add("%+v should be the first version of its key", e)
		case ok && (e.Version != old.Version+1 || e.Create != old.Create):
			v.add("%+v should follow %+v", e, old)
		}
		live[e.Key] = e
	}
}

// counter: each increment saw the one before.
func (v *verdict) counter(log []event) {
	want := int64(1)
	for _, e := range log {
		if e.Key != counterKey {
			continue
		}
		if got := counterValue(e.Value); got != want {
			v.add("revision %d makes the counter %d instead of %d", e.Rev, got, want)
		}
		want++
	}
}

// ops: acknowledged writes are there once, at the acknowledged revision; refused
// ones are not there; those in doubt are there at most once; and nobody else wrote.
func (v *verdict) ops(ops []op, log []event) {
	type id struct{ key, value string }
	found := map[id][]int64{}
	for _, e := range log {
		i := id{e.Key, e.Value}
		found[i] = append(found[i], e.Rev)
	}
	acked := map[int64]op{}
	for _, o := range ops {
		i := id{o.Key, o.Value}
		revs := found[i]
		delete(found, i)
		switch {
		case len(revs) > 1:
			v.add("%v happened %d times: revisions %v", o, len(revs), revs)
		case o.Outcome == done && len(revs) == 0:
			v.add("%v was acknowledged and is lost", o)
		case o.Outcome == done && revs[0] != o.Rev:
			v.add("%v happened at revision %d", o, revs[0])
		case o.Outcome == refused && len(revs) > 0:
			v.add("%v was refused and happened all the same, at revision %d", o, revs[0])
		}
		if o.Outcome == done {
			if other, ok := acked[o.Rev]; ok {
				v.add("revision %d was acknowledged twice: %v, %v", o.Rev, other, o)
			}
			acked[o.Rev] = o
		}
	}
	for i, revs := range found {
		v.add("nobody wrote %s=%s of revisions %v", i.key, i.value, revs)
	}
}

// state: reading everything gives what the history leads to.
func (v *verdict) state(state map[string]event, log []event) {
	want := map[string]event{}
	for _, e := range log {
		if want[e.Key] = e; e.Delete {
			delete(want, e.Key)
		}
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
