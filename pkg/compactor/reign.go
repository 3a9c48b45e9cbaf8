package compactor

import (
	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/record"
)

// beginsReign says, from a chunk alone, whether a reign may begin in it. It is pure.
//
// A reign's first chunk holds either records of an earlier epoch, which a starting Primary
// found only in its own copy, or the reign's first own record, the epoch start. Of
// several chunks of earlier records all count as beginnings; that costs a tombstone, no
// more. What is never missed is a true beginning.
func beginsReign(h *datafile.Header, first *record.Record) bool {
	return h.Epoch > first.Epoch || string(first.Key) == record.EpochStartKey
}
