package objectlog

import "github.com/netsy-io/netsy/pkg/datafile"

// verdict says whose chunk is in a slot.
type verdict uint8

const (
	lost  verdict = iota // somebody else's
	won                  // the one that we sent
	freed                // ours, but a snapshot has taken its place since
)

// judgeSlot compares what is in a slot with what was sent to it. It is pure. The
// chunk id alone would do, being random; epoch and leader are compared as well so
// that a broken source of randomness can't make two writers believe to have won.
func judgeSlot(found, sent *datafile.Header) verdict {
	switch {
	case found.Epoch != sent.Epoch, found.LeaderID != sent.LeaderID, found.ChunkID != sent.ChunkID:
		return lost
	case found.Tombstone():
		return freed
	default:
		return won
	}
}
