package elector

import (
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// Candidate is a node that has promised the new epoch and may be chosen, with its
// tail as of the transaction in which it promised.
type Candidate struct {
	Node      registry.NodeRef
	Tail      record.Pos
	StartTime int64 // unix nanoseconds by its own clock; breaks ties only
}

// Choose picks the candidate with the longest history: the highest epoch of its
// last record, then the highest revision (never the revision alone: a higher one of
// an older epoch may be of a history that was given up). Among equals it goes by the wish,
// then by the latest start, then by the higher id, so that the choice doesn't depend on the
// order of answers.
func Choose(cs []Candidate, w Wish) (best Candidate, ok bool) {
	for i, c := range cs {
		if i == 0 || better(c, best, w) {
			best = c
		}
	}
	return best, len(cs) > 0
}

func better(a, b Candidate, w Wish) bool {
	switch {
	case a.Tail != b.Tail:
		return b.Tail.Less(a.Tail)
	case w.rank(a) != w.rank(b):
		return w.rank(a) > w.rank(b)
	case a.StartTime != b.StartTime:
		return a.StartTime > b.StartTime
	case a.Node.NodeID != b.Node.NodeID:
		return a.Node.NodeID > b.Node.NodeID
	default:
		return a.Node.Incarnation > b.Node.Incarnation
	}
}
