package watch

import (
	"sort"

	"github.com/netsy-io/netsy/pkg/record"
	"go.etcd.io/etcd/api/v3/mvccpb"
)

// event is one change in the two forms that watches ask for. Both are shared by
// all watches and never changed.
type event struct {
	full *mvccpb.Event // with PrevKv, if there is one
	bare *mvccpb.Event // without
	size int           // of full, in bytes
}

func newEvent(ev *mvccpb.Event) event {
	e := event{full: ev, bare: ev, size: ev.Size()}
	if ev.PrevKv != nil {
		e.bare = &mvccpb.Event{Type: ev.Type, Kv: ev.Kv}
	}
	return e
}

// revision is one revision that changed something a client may see.
type revision struct {
	rev    record.Revision
	events []event
	load   load
}

// ring holds the most recent revisions. It covers, without a gap, from .. the
// hub's revision; revisions without visible events take no room.
type ring struct {
	limit load
	from  record.Revision
	revs  []revision // live part: revs[head:]
	head  int
	load  load
}

func (r *ring) add(e revision) {
	r.revs = append(r.revs, e)
	r.load = r.load.plus(e.load)
	for r.head < len(r.revs) && (r.load.events > r.limit.events || r.load.bytes > r.limit.bytes) {
		r.evict()
	}
	// Moving the live part when it is at most half of the slice keeps adding O(1).
	if r.head > 64 && 2*r.head >= len(r.revs) {
		r.revs = append(make([]revision, 0, 2*(len(r.revs)-r.head)), r.revs[r.head:]...)
		r.head = 0
	}
}

func (r *ring) evict() {
	e := &r.revs[r.head]
	r.from = e.rev + 1
	r.load = r.load.minus(e.load)
	*e = revision{} // let the events go
	r.head++
}

// covers says whether the ring holds everything from rev on.
func (r *ring) covers(rev record.Revision) bool { return rev >= r.from }

// since returns a copy of at most limit revisions, from rev on.
func (r *ring) since(rev record.Revision, limit int) []revision {
	live := r.revs[r.head:]
	i := sort.Search(len(live), func(i int) bool { return live[i].rev >= rev })
	live = live[i:min(len(live), i+limit)]
	return append([]revision(nil), live...)
}
