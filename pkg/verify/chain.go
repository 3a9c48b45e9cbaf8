package verify

import (
	"fmt"

	"github.com/netsy-io/netsy/pkg/bucket"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/record"
)

// chain is the rule for the part of the chain that can't have been freed: behind it are
// the two newest snapshots, or the beginning. Nothing may be missing there. It is pure; it
// goes on behind each fault, so that all are found.
type chain struct {
	from   record.Revision // slots above it can't have been freed
	next   record.Revision
	last   record.Pos // zero: not known
	header record.Epoch
	unsure bool // what was before the next chunk is damaged
	add    func(Finding)
}

func newChain(from record.Revision, add func(Finding)) *chain {
	return &chain{from: from, next: from + 1, add: add}
}

// take looks at the next chunk. Those at or below from are told as well: the last of them
// may go beyond it.
func (c *chain) take(ch *bucket.Chunk) {
	if ch.Revision <= c.from {
		return
	}
	if !c.place(ch) {
		return
	}
	switch {
	case ch.Err != nil: // told elsewhere; how far it went isn't known
		c.next, c.unsure = ch.Revision+1, true
		return
	case len(ch.Records) == 0:
		c.add(Finding{Error, KindTombstone, ch.Key, fmt.Sprintf("a tombstone of epoch %d, but no two snapshots are at or above revision %d", ch.Header.Epoch, ch.Revision),
			"a snapshot was removed by something other than Netsy; keep the ones that are left, and make another with netsyctl snapshot create"})
		c.next, c.unsure, c.last = ch.Revision+1, true, record.Pos{}
		return
	}
	c.reigns(ch)
	c.next, c.unsure, c.last = ch.Last().Revision+1, false, ch.Last()
	c.header = max(c.header, ch.Header.Epoch)
}

// place says whether the chunk is one of the chain.
func (c *chain) place(ch *bucket.Chunk) bool {
	switch {
	case ch.Revision < c.next:
		c.add(Finding{Error, KindOverlap, ch.Key, fmt.Sprintf("begins within the chunk before it, which goes up to revision %d", c.next-1),
			"somebody else wrote here; keep a copy of both objects before anything is changed"})
		return false
	case ch.Revision > c.next && !c.unsure:
		c.gap(ch.Revision, fmt.Sprintf("the next one is %s", ch.Key))
	}
	return true
}

func (c *chain) gap(to record.Revision, witness string) {
	missing := fmt.Sprintf("revision %d is missing", c.next)
	if c.next < to-1 {
		missing = fmt.Sprintf("revisions %d to %d are missing", c.next, to-1)
	}
	c.add(Finding{Error, KindGap, objectlog.ChunkKey(c.next), missing + ": " + witness,
		"something other than Netsy removed the chunk: look for lifecycle rules on the bucket, switch them off, and bring the object back (an older version of it, a copy of the bucket)"})
	c.last = record.Pos{}
}

// reigns checks epochs along the chunk.
func (c *chain) reigns(ch *bucket.Chunk) {
	if ch.Header.Epoch < c.header {
		c.add(Finding{Error, KindEpochs, ch.Key, fmt.Sprintf("was written in epoch %d, after chunks of epoch %d", ch.Header.Epoch, c.header), nextHistory})
	}
	last := c.last
	for i := range ch.Records {
		r := &ch.Records[i]
		isStart := string(r.Key) == record.EpochStartKey
		switch {
		case last == record.Pos{}: // what was before isn't known
		case r.Epoch < last.Epoch:
			c.add(Finding{Error, KindEpochs, ch.Key, fmt.Sprintf("%v follows %v: epochs go back", r.Pos(), last), nextHistory})
		case r.Epoch > last.Epoch && !isStart:
			c.add(Finding{Error, KindReign, ch.Key, fmt.Sprintf("epoch %d begins at revision %d without its epoch start", r.Epoch, r.Revision), nextHistory})
		case r.Epoch == last.Epoch && isStart && r.Revision > last.Revision:
			c.add(Finding{Error, KindReign, ch.Key, fmt.Sprintf("epoch %d begins again at revision %d", r.Epoch, r.Revision), nextHistory})
		}
		last = r.Pos()
	}
}

const nextHistory = "this can't come about by itself: keep a copy of the bucket, and report it"

// end looks whether the chain goes as far as the newest snapshot.
func (c *chain) end(newest record.Revision) {
	if newest >= c.next && !c.unsure {
		c.gap(newest+1, fmt.Sprintf("%s goes up to there, and no two snapshots are above them", objectlog.SnapshotKey(newest)))
	}
}
