package mvcc

import "github.com/netsy-io/netsy/pkg/record"

// purgeTarget is the revision that physical compaction may reach: with reads allowed
// from compact on, the state at compact-1 and everything after it stays, so that the
// tombstone at compact is still an event and every event has its previous value.
// Nothing goes that is not in the object log yet.
func purgeTarget(compact, logged record.Revision) record.Revision {
	return max(0, min(compact-1, logged))
}

// succession is one record of the history, as the purge rule sees it.
type succession struct {
	pos     rowPos
	before  rowPos // the key's record that it took the place of; 0: it made the key
	deleted bool
}

// superseded returns what the state after a span of the history doesn't need, if all that
// the state before it doesn't need is gone: what the span's records took the place of, and the
// tombstones among them. So of each key its newest record stays, unless that is a tombstone.
func superseded(span []succession) []rowPos {
	var gone []rowPos
	for _, r := range span {
		if r.before != 0 {
			gone = append(gone, r.before)
		}
		if r.deleted {
			gone = append(gone, r.pos)
		}
	}
	return gone
}
