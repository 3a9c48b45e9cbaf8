package compactor

import (
	"fmt"
	"time"
)

// Thresholds say when a snapshot is due, by what the log holds beyond the newest one. A
// zero threshold is off.
type Thresholds struct {
	Records int64         // revisions
	Size    int64         // bytes of chunks
	Age     time.Duration // of the newest snapshot; of the log, if there is none
}

// Beyond is what the log holds beyond the newest snapshot that isn't known to be corrupt.
type Beyond struct {
	Records int64         `json:"records"` // revisions
	Size    int64         `json:"bytes"`
	Age     time.Duration `json:"age_nanos"`  // by the store's clock
	Base    int64         `json:"base_bytes"` // of that snapshot; 0: there is none
}

// share of the newest snapshot that the log beyond it must come to before there is another.
// A snapshot costs what all of the state costs, to make and to load. And a reader that two
// snapshots pass while it loads has to begin anew: two have to take longer than one load.
const share = 4

func (b *Beyond) worthIt() bool { return b.Size >= b.Base/share }

// due says why a snapshot is to be written, "" if none is. It is pure. Nothing beyond the
// newest snapshot is never a reason: there would be nothing in it.
func (t Thresholds) due(b Beyond) string {
	switch {
	case b.Records <= 0:
		return ""
	case t.Records > 0 && b.Records >= t.Records && b.worthIt():
		return fmt.Sprintf("%d revisions beyond the newest snapshot, the threshold is %d", b.Records, t.Records)
	case t.Size > 0 && b.Size >= t.Size && b.worthIt():
		return fmt.Sprintf("%d bytes beyond the newest snapshot, the threshold is %d", b.Size, t.Size)
	case t.Age > 0 && b.Age >= t.Age:
		return fmt.Sprintf("the newest snapshot is %v old, the threshold is %v", b.Age.Truncate(time.Second), t.Age)
	}
	return ""
}
