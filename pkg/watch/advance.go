package watch

import "github.com/netsy-io/netsy/pkg/record"

// Advance makes rev the hub's revision without the events up to there being at
// hand, as after a start: watches read them from the history. It has the same
// caller as Publish. A revision that the hub has reached changes nothing.
func (h *Hub) Advance(rev record.Revision) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err != nil || rev <= h.rev {
		return
	}
	from := max(h.rev+1, h.history.CompactRevision())
	h.rev = rev
	h.ring = ring{from: rev + 1, limit: h.ring.limit}
	for s := range h.streams {
		s.mu.Lock()
		for _, w := range s.watchers {
			switch w.state {
			case synced:
				h.index.remove(w)
				h.lagLocked(w, max(from, w.start))
				h.work.add(w)
			case lagging:
				// It reads from where it is, as ever.
			}
		}
		s.mu.Unlock()
	}
}
