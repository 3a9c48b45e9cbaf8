package mvcc

import "github.com/netsy-io/netsy/pkg/record"

// purgeTarget is the revision that physical compaction may reach: with reads allowed
// from compact on, the state at compact-1 and everything after it stays, so that the
// tombstone at compact is still an event and every event has its previous value.
// Nothing goes that is not in the object log yet.
func purgeTarget(compact, logged record.Revision) record.Revision {
	return max(0, min(compact-1, logged))
}

// version is one record of a key, as the purge rule sees it.
type version struct {
	pos     rowPos
	deleted bool
}

// superseded returns which of a key's records (ascending, all at or below the purge
// target) are not needed for the state at the target: all but the newest, and
// that too if it is a tombstone.
func superseded(versions []version) []rowPos {
	var gone []rowPos
	for i, v := range versions {
		if newest := i == len(versions)-1; !newest || v.deleted {
			gone = append(gone, v.pos)
		}
	}
	return gone
}
