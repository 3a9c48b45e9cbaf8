package leaderlock

import (
	"time"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

// watch is what one who waits knows of the lock: its version, and since when it is known to have had it.
type watch struct {
	version objectstore.Version
	since   time.Time // zero: the lock was never looked at

	heard   string // the renewal that the holder named last
	heardAt time.Time

	silent int // looks since the holder, asked, stopped saying that it leads
}

// hear takes in what a holder said at now: that it had renewed the lock before, by this write.
func (w *watch) hear(renewal string, now time.Time) {
	if renewal != "" && renewal != w.heard {
		w.heard, w.heardAt = renewal, now
	}
}

// see takes in a look that ended at now. A version that the holder named before was there then: as long
// as it is still there, the lock has had it since.
func (w *watch) see(v seen, now time.Time) {
	if !w.since.IsZero() && v.version == w.version {
		return
	}
	w.version, w.since = v.version, now
	if v.WriteID != "" && v.WriteID == w.heard {
		w.since = w.heardAt
	}
}
