package mvcc

import (
	"fmt"

	"github.com/netsy-io/netsy/pkg/record"
)

// rowPos orders all records of the history: the revision in the high bits, the
// record's place within it in the low ones. It is the rowid of the records table.
type rowPos int64

const (
	subBits                 = 20
	subBitsText, maxSubText = "20", "1048575" // as SQL has them
	// maxSub: a revision holds at most about a million records; the largest real one
	// is a lease's expiry, three orders below.
	maxSub = 1<<subBits - 1
	// maxRevision leaves the bit below the sign free. At a thousand writes a second it
	// lasts 139 years.
	maxRevision record.Revision = 1<<(62-subBits) - 1
)

// packPos refuses what doesn't fit; revisions begin at 1.
func packPos(rev record.Revision, sub int32) (rowPos, error) {
	if rev < 1 || rev > maxRevision {
		return 0, fmt.Errorf("mvcc: revision %d is outside 1..%d", rev, maxRevision)
	}
	if sub < 0 || sub > maxSub {
		return 0, fmt.Errorf("mvcc: sub %d of revision %d is outside 0..%d", sub, rev, maxSub)
	}
	return rowPos(rev)<<subBits | rowPos(sub), nil
}

func (p rowPos) revision() record.Revision { return record.Revision(p >> subBits) }
func (p rowPos) sub() int32                { return int32(p & maxSub) }

// firstOf and lastOf bound the positions of a revision, clamped to what exists:
// they make range bounds, so revisions out of range just select nothing more.
func firstOf(rev record.Revision) rowPos {
	switch {
	case rev < 1:
		return 0
	case rev > maxRevision:
		return rowPos(maxRevision+1) << subBits
	}
	return rowPos(rev) << subBits
}

func lastOf(rev record.Revision) rowPos {
	switch {
	case rev < 1:
		return 0
	case rev > maxRevision:
		rev = maxRevision
	}
	return rowPos(rev)<<subBits | maxSub
}
