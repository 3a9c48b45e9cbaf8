// Package origin decides what history a cluster begins with, and sees to it that this
// history is in place before anybody reigns: none; the one snapshot that an import or a
// restore has put into an empty bucket; or bootstrap.netsy, put there by an operator.
//
// cluster.json decides between electors that race: whoever creates it fixes the origin,
// and all others go on from there. DESIGN.md tells why it is safe.
package origin

import "github.com/netsy-io/netsy/pkg/record"

// BootstrapKey is where an operator puts a history to begin with.
const BootstrapKey = "bootstrap.netsy"

// Bounds on where a history may end. Each reign raises the epoch by one, each write the
// revision: what is left above these bounds lasts longer than anything does (a million
// a second for 140,000 years), and what is beyond them is a broken file.
const (
	maxEpoch    = record.Epoch(1) << 40
	maxRevision = record.Revision(1) << 62
)
