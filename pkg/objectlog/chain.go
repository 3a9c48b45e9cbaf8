package objectlog

import (
	"fmt"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/record"
)

// chain is the rule by which chunks follow each other. It is pure.
type chain struct {
	next record.Revision // the slot that comes next
	end  End             // what is known so far; Last is zero until something is
}

// place checks that the object at key begins where the chain goes on.
func (c *chain) place(first record.Revision, key string) error {
	switch {
	case first > c.next:
		return gap(c.next, key)
	case first < c.next:
		return &ChainError{Kind: ErrOverlap, Key: key, Err: fmt.Errorf("the chain goes on at revision %d", c.next)}
	}
	return nil
}

// add takes the chunk found at the slot first.
func (c *chain) add(ch *Chunk) error {
	if err := c.place(ch.Info.First, ch.Info.Key); err != nil {
		return err
	}
	first := ch.Records[0].Pos()
	if first.Epoch < c.end.Last.Epoch {
		return &ChainError{Kind: ErrEpochBack, Key: ch.Info.Key, Err: fmt.Errorf("%v follows %v", first, c.end.Last)}
	}
	c.reach(ch.Info)
	return nil
}

// reach moves the end of the chain to the end of a chunk.
func (c *chain) reach(info ChunkInfo) {
	c.next = info.Last.Revision + 1
	c.end.Last, c.end.Chunk = info.Last, info
	c.end.HeaderEpoch = max(c.end.HeaderEpoch, info.Epoch)
}

// decodeChunk verifies the object found at the slot first. A tombstone is a gap: its
// records are in a snapshot.
func decodeChunk(first record.Revision, body []byte) (Chunk, error) {
	key := ChunkKey(first)
	h, recs, err := datafile.DecodeChunk(body)
	switch {
	case err != nil:
		return Chunk{}, fmt.Errorf("objectlog: %q: %w", key, err)
	case h.Tombstone():
		return Chunk{Header: h}, &ChainError{Kind: ErrGap, Key: key, Err: fmt.Errorf("a tombstone of epoch %d: its records are in a snapshot", h.Epoch)}
	case recs[0].Revision != first:
		return Chunk{}, &ChainError{Kind: ErrMisplaced, Key: key, Err: fmt.Errorf("its first revision is %d", recs[0].Revision)}
	}
	return Chunk{Header: h, Info: infoOf(h, recs, len(body)), Records: recs}, nil
}

func infoOf(h datafile.Header, recs []record.Record, size int) ChunkInfo {
	first, last := recs[0].Revision, &recs[len(recs)-1]
	return ChunkInfo{
		Key: ChunkKey(first), First: first, Last: last.Pos(), Epoch: h.Epoch, LeaderID: h.LeaderID, ID: h.ChunkID,
		Records: len(recs), Size: int64(size), CreatedAt: h.CreatedAt,
	}
}
