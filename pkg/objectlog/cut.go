package objectlog

import "github.com/netsy-io/netsy/pkg/record"

// ChunkThreshold is the size of keys and values at which a longer run of records is
// cut into chunks: large enough that a request's cost is lost in it, small enough to
// be downloaded in parallel and held in memory by the dozen.
const ChunkThreshold = 4 << 20

// Cutter gathers records, as they come, into runs of about a threshold of bytes of keys
// and values, never splitting a revision: a run is longer only by its last revision.
type Cutter struct {
	threshold int
	emit      func([]record.Record) error
	recs      []record.Record
	size      int
}

// NewCutter makes a Cutter that hands its runs to emit, which may keep them. After an
// error of emit, which Add and Close return, it must not be used any more.
func NewCutter(threshold int, emit func([]record.Record) error) *Cutter {
	return &Cutter{threshold: threshold, emit: emit}
}

// Add takes the next record.
func (c *Cutter) Add(r record.Record) error {
	if n := len(c.recs); n > 0 && c.size >= c.threshold && c.recs[n-1].Revision != r.Revision {
		if err := c.Close(); err != nil {
			return err
		}
	}
	c.recs, c.size = append(c.recs, r), c.size+r.Size()
	return nil
}

// Close hands over what is left.
func (c *Cutter) Close() error {
	recs := c.recs
	c.recs, c.size = nil, 0
	if len(recs) == 0 {
		return nil
	}
	return c.emit(recs)
}
