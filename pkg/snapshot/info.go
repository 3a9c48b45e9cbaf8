package snapshot

import (
	"time"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/record"
)

// Info says what a snapshot is.
type Info struct {
	Key       string
	Last      record.Pos      // of its last record
	Purged    record.Revision // up to where history is reduced to the state
	Records   int64
	Size      int64 // bytes of the object
	CreatedAt time.Time
}

func infoOf(h *datafile.Header, last record.Revision, size int64) Info {
	return Info{
		Key: objectlog.SnapshotKey(last), Last: record.Pos{Epoch: h.Epoch, Revision: last}, Purged: h.Purged,
		Records: h.RecordsCount, Size: size, CreatedAt: h.CreatedAt,
	}
}

// Phases of Progress.
const (
	PhaseBase   = "base"   // Merge reads the snapshot to begin with
	PhaseChain  = "chain"  // Merge reads the chain
	PhaseReduce = "reduce" // Merge writes the state that history is reduced to
	PhaseUpload = "upload" // Publish sends
	PhaseVerify = "verify" // Publish or Verify reads back
)

// Progress says how far an operation is. What isn't known is 0.
type Progress struct {
	Phase     string
	Records   int64
	OfRecords int64
	Bytes     int64 // of objects, as they are stored
	OfBytes   int64
}

// progressEvery is how many records go by between two reports: some milliseconds of work.
const progressEvery = 10_000

// report calls fn unless it is nil.
func report(fn func(Progress), p Progress) {
	if fn != nil {
		fn(p)
	}
}
