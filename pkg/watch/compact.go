package watch

import "github.com/netsy-io/netsy/pkg/record"

// Reserve asks whether history may be compacted at rev, and answers for good: ok
// means that no watch needs anything below rev, and that none which does will be
// admitted from now on, whether that compaction comes or not. Such a watch is
// cancelled as compacted; its client reads the present state anew, which is always
// right. If not ok, nothing has changed, and needed is the highest revision that
// would have been agreed to.
//
// With force, watches that need less are cancelled, as they are by a compaction. What
// the hub has not come to is left to the compaction itself even then, and is not ok.
func (h *Hub) Reserve(rev record.Revision, force bool) (needed record.Revision, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if rev <= h.floor {
		return rev, true
	}
	least := h.minNeededLocked()
	if ok = mayReserve(rev, h.rev, least); ok {
		h.floor = rev
		return rev, true
	}
	if force {
		h.raiseLocked(min(rev, h.rev))
		return h.rev, rev <= h.rev
	}
	if needed = h.rev; least > 0 {
		needed = min(needed, least)
	}
	return needed, false
}

// Compacted tells the hub that the history below rev is gone. Watches that still
// need some of it are cancelled as compacted.
func (h *Hub) Compacted(rev record.Revision) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.compactLocked(rev)
}

func (h *Hub) compactLocked(rev record.Revision) {
	if rev <= h.compacted || h.err != nil {
		return
	}
	h.compacted = rev
	h.raiseLocked(rev)
}

// raiseLocked makes floor the lowest revision that a watch may have to read.
func (h *Hub) raiseLocked(floor record.Revision) {
	if floor <= h.floor {
		return
	}
	h.floor = floor
	for w := range h.lagging {
		if outrun(w.next, floor) {
			h.cancelCompactedLocked(w)
		}
	}
}

func (h *Hub) cancelCompactedLocked(w *watcher) {
	s := w.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	h.removeLocked(w)
	s.pushLocked(item{kind: compacted, id: w.id, rev: h.rev, compact: h.floor})
	h.opts.Metrics.compacted.Inc()
}

// MinNeeded returns the lowest revision that a watch still needs of the history: its
// events from there on, or the state there, for previous values. ok is false if none
// needs any.
func (h *Hub) MinNeeded() (rev record.Revision, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	rev = h.minNeededLocked()
	return rev, rev > 0
}

// minNeededLocked returns 0 if nothing is needed.
func (h *Hub) minNeededLocked() (rev record.Revision) {
	for w := range h.lagging {
		if n := needs(w.next, w.prevKV); rev == 0 || n < rev {
			rev = n
		}
	}
	return rev
}
