package primary

import (
	"context"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/netsy-io/netsy/pkg/mvcc"
	"github.com/netsy-io/netsy/pkg/record"
)

// Bounds of one batch. A batch becomes one SQLite transaction and one object:
// 4 MB is what a chunk holds at most elsewhere too, and beyond a few thousand
// writes the fixed costs are already spread thin.
const (
	maxBatchBytes     = 4 << 20
	maxBatchProposals = 4096
)

// proposal is one client's wish, evaluated by the sequencer in its turn.
type proposal struct {
	ctx  context.Context
	eval func(w *mvcc.Working, s mvcc.Stamp) (any, *mvcc.Change, error)
	done chan outcome // of capacity 1; written exactly once
}

type outcome struct {
	result any
	err    error
}

// batch is what one commit makes durable and one publication makes visible.
type batch struct {
	records   []record.Record
	events    []*mvccpb.Event
	bytes     int // of records
	prevBytes int // of the values that they replace, which the events hold
	proposals []*proposal
	outcomes  []outcome // what each proposal gets if the batch commits
	snapshot  *mvcc.Snapshot
	last      record.Revision // what it leaves the store at; set when it is taken
	opened    time.Time       // by the sequencer
	taken     time.Time       // by the committer
}

func (b *batch) empty() bool { return len(b.proposals) == 0 }

func (b *batch) full() bool {
	return b.bytes+b.prevBytes >= maxBatchBytes || len(b.proposals) >= maxBatchProposals
}

func (b *batch) add(p *proposal, o outcome, c *mvcc.Change) {
	b.proposals = append(b.proposals, p)
	b.outcomes = append(b.outcomes, o)
	if c == nil {
		return
	}
	b.records = append(b.records, c.Record)
	b.bytes += c.Record.Size()
	if c.Event == nil {
		return
	}
	b.events = append(b.events, c.Event)
	if c.Event.PrevKv != nil {
		b.prevBytes += len(c.Event.PrevKv.Value)
	}
}

// release answers every proposal with its own outcome.
func (b *batch) release() {
	for i, p := range b.proposals {
		p.done <- b.outcomes[i]
	}
	// The records may have to wait for the object log; what was for clients need not.
	b.proposals, b.outcomes, b.events, b.snapshot = nil, nil, nil, nil
}

// fail answers every proposal with err.
func (b *batch) fail(err error) {
	for _, p := range b.proposals {
		p.done <- outcome{err: err}
	}
}
