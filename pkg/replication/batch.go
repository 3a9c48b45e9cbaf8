package replication

import (
	"sync"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/record"
)

// recordOverhead is what a record in memory takes beside its key and value: the struct,
// or its encoding's other fields and the slice of it.
const recordOverhead = 256

// batch is a run of whole revisions as the sequencer made it. It is encoded when a
// follower first needs it, once, and the bytes are shared among all: on a Primary
// without followers nobody pays for it, and the sequencer never does.
type batch struct {
	first, last record.Revision
	size        int

	once    sync.Once
	recs    []record.Record // until encoded
	encoded []encoded
}

// encoded is one record as a netsy.Record with its crc. It is shared and never changes.
type encoded struct {
	rev record.Revision
	msg []byte
}

func newBatch(recs []record.Record) *batch {
	b := &batch{first: recs[0].Revision, last: recs[len(recs)-1].Revision, recs: recs}
	for i := range recs {
		b.size += recs[i].Size() + recordOverhead
	}
	return b
}

// messages returns the encoded records.
func (b *batch) messages() []encoded {
	b.once.Do(func() {
		buf := make([]byte, 0, b.size) // an encoding's other fields are below the overhead
		ends := make([]int, len(b.recs))
		for i := range b.recs {
			buf = datafile.AppendRecord(buf, &b.recs[i])
			ends[i] = len(buf)
		}
		b.encoded = make([]encoded, len(b.recs))
		from := 0
		for i, to := range ends {
			b.encoded[i] = encoded{rev: b.recs[i].Revision, msg: buf[from:to:to]}
			from = to
		}
		b.recs = nil
	})
	return b.encoded
}

// gather collects the records after a revision from consecutive batches, as many whole
// revisions as fit into limit bytes, and at least one. It returns the last revision.
func gather(batches []*batch, after record.Revision, limit int) (msgs [][]byte, last record.Revision) {
	size := 0
	for _, b := range batches {
		for _, e := range b.messages() {
			if e.rev <= after {
				continue
			}
			if e.rev != last && last != 0 && size+len(e.msg) > limit {
				return msgs, last
			}
			msgs, last, size = append(msgs, e.msg), e.rev, size+len(e.msg)
		}
	}
	return msgs, last
}
