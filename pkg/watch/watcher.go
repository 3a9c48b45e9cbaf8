package watch

import (
	"github.com/netsy-io/netsy/pkg/record"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
)

// state says how a watch gets its events.
type state int

const (
	synced  state = iota // in the index: Publish queues events for it
	lagging              // a worker reads for it, from next on
	gone                 // cancelled or its stream closed
)

// watcher is one watch.
type watcher struct {
	stream *Stream
	id     int64
	span   span
	start  record.Revision // as requested; 0 = from now on

	prevKV, fragment, notify bool
	noPut, noDelete          bool

	// Guarded by Hub.mu; state changes hold Stream.mu, too, so either is enough to
	// read it.
	state state
	next  record.Revision // lagging: the first revision not queued yet
	pos   int             // in its group, while in the index
	batch batch           // what the running Publish found for it

	// Guarded by Stream.mu.
	pending   load // queued, not sent yet
	parked    bool // lagging, and waits for its queue to drain, not for a worker
	quiet     bool // nothing was sent since the last progress tick
	notifying bool // an unsent progress notification of its own is queued
}

func newWatcher(s *Stream, id int64, sp span, r *pb.WatchCreateRequest) *watcher {
	w := &watcher{
		stream: s, id: id, span: sp, start: record.Revision(r.StartRevision),
		prevKV: r.PrevKv, fragment: r.Fragment, notify: r.ProgressNotify, quiet: true,
	}
	for _, f := range r.Filters {
		switch f {
		case pb.WatchCreateRequest_NOPUT:
			w.noPut = true
		case pb.WatchCreateRequest_NODELETE:
			w.noDelete = true
		}
	}
	return w
}

func (w *watcher) standing() standing { return standing{synced: w.state == synced, start: w.start} }

// batch is events for one watch: whole revisions, in order.
type batch struct {
	events []*mvccpb.Event
	load   load
	last   record.Revision
}

// take adds e to b in the form that w asked for, unless w doesn't want it.
func (w *watcher) take(b *batch, rev record.Revision, e event) {
	if rev < w.start || w.filtered(e.full.Type) {
		return
	}
	ev := e.bare
	if w.prevKV {
		ev = e.full
	}
	b.events = append(b.events, ev)
	b.load = b.load.plus(load{1, e.size})
	b.last = rev
}

func (w *watcher) filtered(t mvccpb.Event_EventType) bool {
	return t == mvccpb.PUT && w.noPut || t == mvccpb.DELETE && w.noDelete
}
