package objectlog

import (
	"context"
	"iter"

	"github.com/netsy-io/netsy/pkg/record"
)

// ChunkThreshold is the size of keys and values at which a longer run of records is
// cut into chunks: large enough that a request's cost is lost in it, small enough to
// be downloaded in parallel and held in memory by the dozen.
const ChunkThreshold = 4 << 20

// Split cuts records into runs of about threshold bytes of keys and values, never
// within a revision. A run is longer than threshold only by its last revision.
func Split(recs []record.Record, threshold int) iter.Seq[[]record.Record] {
	return func(yield func([]record.Record) bool) {
		from, size := 0, 0
		for i := range recs {
			if size >= threshold && recs[i].Revision != recs[i-1].Revision {
				if !yield(recs[from:i]) {
					return
				}
				from, size = i, 0
			}
			size += recs[i].Size()
		}
		if from < len(recs) {
			yield(recs[from:])
		}
	}
}

// AppendAll appends a run of records of any length, cut into chunks. It returns the
// chunks won; after an error those are in the log and the rest is as Append says.
func (w *Writer) AppendAll(ctx context.Context, recs []record.Record) ([]ChunkInfo, error) {
	var infos []ChunkInfo
	for run := range Split(recs, ChunkThreshold) {
		info, err := w.Append(ctx, run)
		if err != nil {
			return infos, err
		}
		infos = append(infos, info)
	}
	return infos, nil
}
