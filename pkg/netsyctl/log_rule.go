package netsyctl

import (
	"fmt"
	"time"

	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/record"
)

// What is at a place of the chain.
const (
	slotChunk     = "chunk"
	slotTombstone = "tombstone" // its records are in a snapshot
	slotFreed     = "freed"     // no slot: its records are in a snapshot
	slotGap       = "gap"       // no slot, and it should be there
	slotDamaged   = "damaged"
	slotForeign   = "foreign" // not a name of Netsy's
)

// shownSlot is a place of the chain: an object, or what is between two.
type shownSlot struct {
	Kind    string          `json:"kind"`
	Key     string          `json:"key,omitempty"`
	First   record.Revision `json:"first"`
	Last    record.Revision `json:"last,omitempty"` // left out: not known
	Records int64           `json:"records"`
	Size    int64           `json:"size"`
	Epoch   record.Epoch    `json:"epoch"` // of the reign that uploaded it
	Leader  string          `json:"leader_id,omitempty"`
	ChunkID string          `json:"chunk_id,omitempty"`
	Created *time.Time      `json:"created_at,omitempty"` // by the uploader's clock
	Problem string          `json:"problem,omitempty"`
}

// settled says whether the slot behind a chunk settles where it ends: it is as far away as the
// chunk has records, one for each revision. If it is nearer or farther, some revisions have
// several records, or something is missing or overlaps: only the chunk itself can tell.
func settled(s *shownSlot, next record.Revision) bool {
	return s.Kind == slotChunk && int64(next-s.First) == s.Records
}

// chainOf puts what is missing between the slots, and says what is wrong with them. The
// slots ascend; the last revision of each chunk is set where it had to be read. begin is the
// first revision that is looked at, freed the one up to which slots may have been freed,
// and newest that of the newest snapshot. It is pure.
func chainOf(slots []shownSlot, begin, freed, newest record.Revision) (out []shownSlot) {
	next, header := begin, record.Epoch(0)
	sure := begin <= freed+1 // whether a slot must begin at next
	for i := range slots {
		s := slots[i]
		if s.Kind == slotForeign {
			out = append(out, s)
			continue
		}
		if s.First > next && sure {
			out = append(out, missing(next, s.First-1, freed)...)
		}
		if s.First < next && sure && s.First > freed {
			s.Problem = fmt.Sprintf("begins within what is before it, which goes up to revision %d", next-1)
		}
		if s.Kind == slotChunk && s.Epoch < header && s.First > freed {
			s.Problem = fmt.Sprintf("was written in epoch %d, after chunks of epoch %d", s.Epoch, header)
		}
		if s.Kind == slotTombstone && s.First > freed {
			s.Problem = "a tombstone, but no two snapshots are at or above it"
		}
		header = max(header, s.Epoch)
		if s.Last == 0 && i+1 < len(slots) && settled(&s, slots[i+1].First) {
			s.Last = slots[i+1].First - 1
		}
		// Where a tombstone or a damaged slot ends isn't known.
		if s.Last != 0 {
			sure, next = true, max(next, s.Last+1)
		} else {
			sure, next = s.First <= freed, max(next, s.First+1)
		}
		out = append(out, s)
	}
	if newest >= next && sure && newest > freed {
		out = append(out, shownSlot{Kind: slotGap, Key: objectlog.ChunkKey(max(next, freed+1)), First: max(next, freed+1), Last: newest,
			Problem: "missing, but there is " + objectlog.SnapshotKey(newest)})
	}
	return out
}

// missing are the places from first to last where no slot is.
func missing(first, last, freed record.Revision) (out []shownSlot) {
	if first <= freed {
		out = append(out, shownSlot{Kind: slotFreed, First: first, Last: min(last, freed)})
		first = freed + 1
	}
	if first <= last {
		out = append(out, shownSlot{Kind: slotGap, Key: objectlog.ChunkKey(first), First: first, Last: last,
			Problem: "missing, but the log goes on at " + objectlog.ChunkKey(last+1)})
	}
	return out
}
