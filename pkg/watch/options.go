package watch

import (
	"time"

	"github.com/netsy-io/netsy/pkg/record"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// Options tune a Hub. Zero values take the defaults named here.
type Options struct {
	// Header makes the header of a response. It must not block, and never return
	// nil: clients dereference headers. Default: a header with the revision alone.
	Header func(rev record.Revision) *pb.ResponseHeader

	// RingEvents and RingBytes bound the recent events kept in memory, whichever
	// is reached first (default 16384 events, 8 MiB). A watch that is further
	// behind reads the History, so they trade memory for reads of SQLite.
	RingEvents, RingBytes int

	// QueueEvents and QueueBytes bound what waits to be sent on one watch (default
	// 1024 events, 1 MiB). A watch beyond them has a slow client; it stops taking
	// events from Publish and catches up by itself once the client reads again.
	QueueEvents, QueueBytes int

	// ControlQueue bounds the unsent answers to requests of one stream (default
	// 128, etcd's): Create and Cancel wait for room, so that a client that only
	// asks and never reads is held back by flow control.
	ControlQueue int

	// CatchUpWorkers is how many watches catch up at once (default 4): more would
	// only compete for SQLite.
	CatchUpWorkers int

	// ChunkRevisions bounds the revisions that one catch-up step covers (default
	// 10000), so that a watch that matches rarely gives its worker back.
	ChunkRevisions int

	// FragmentBytes is the response size from which watches that asked for
	// fragments get them (default 1.5 MiB, etcd's request limit).
	FragmentBytes int

	// ProgressInterval is how often a quiet watch that asked for progress
	// notifications gets one (default 10 minutes, etcd's; at least 100 ms).
	ProgressInterval time.Duration

	// MaxWatches bounds the watches of the hub (default 200000, about 100 MB of
	// bookkeeping); beyond it a create request is refused.
	MaxWatches int

	// inlineRevisions is how far behind, at most, a watch may be to be brought up to
	// date within the hub's lock. It makes catching up end however fast the store is
	// written: the last stretch can't be outrun. Small, as Publish waits meanwhile.
	inlineRevisions int

	// Metrics receives what happens. Default: unregistered ones.
	Metrics *Metrics
}

// minProgressInterval keeps a mistyped interval from flooding every client; it is
// etcd's.
const minProgressInterval = 100 * time.Millisecond

func (o Options) withDefaults() Options {
	if o.Header == nil {
		o.Header = func(rev record.Revision) *pb.ResponseHeader {
			return &pb.ResponseHeader{Revision: int64(rev)}
		}
	}
	orInt(&o.RingEvents, 16384)
	orInt(&o.RingBytes, 8<<20)
	orInt(&o.QueueEvents, 1024)
	orInt(&o.QueueBytes, 1<<20)
	orInt(&o.ControlQueue, 128)
	orInt(&o.CatchUpWorkers, 4)
	orInt(&o.ChunkRevisions, 10000)
	orInt(&o.inlineRevisions, 64)
	orInt(&o.FragmentBytes, 3<<19)
	orInt(&o.MaxWatches, 200_000)
	if o.ProgressInterval <= 0 {
		o.ProgressInterval = 10 * time.Minute
	}
	o.ProgressInterval = max(o.ProgressInterval, minProgressInterval)
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
	return o
}

func orInt(v *int, def int) {
	if *v <= 0 {
		*v = def
	}
}
