package primary

import (
	"slices"

	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// receiptsNeeded is R: how many voters beside the Primary must have a record durably
// before receipts make it committed, if the Primary is a voter itself. ok is false
// where receipts can't commit at all: switched off, or fewer than two voters.
func receiptsNeeded(d registry.Durability) (r int, ok bool) {
	v := len(d.Voters)
	switch {
	case v < 2 || d.Quorum == 0:
		return 0, false
	case d.Quorum == registry.QuorumMajority:
		return v / 2, true
	default:
		return d.Quorum, d.Quorum < v
	}
}

// committedByReceipts is the quorum path's commit rule: the newest revision that is
// durable on R voters beside the Primary and on the Primary itself. The Primary's own
// copy is always needed, and counts as a voter's only if it is one, in this
// incarnation: else one more receipt is. Receipts of nodes or incarnations that are
// no voters count for nothing.
func committedByReceipts(d registry.Durability, self registry.NodeRef, own record.Revision, receipts map[registry.NodeRef]record.Revision) record.Revision {
	need, ok := receiptsNeeded(d)
	if !ok {
		return 0
	}
	if !slices.Contains(d.Voters, self) {
		need++
	}
	var others []record.Revision
	for _, v := range d.Voters {
		if v != self {
			others = append(others, receipts[v])
		}
	}
	if len(others) < need {
		return 0
	}
	slices.SortFunc(others, func(a, b record.Revision) int { return int(b - a) })
	return min(own, others[need-1])
}

// provenByRound says whether those who answered a round, all of whom had promised no
// later epoch when they did, prove together with the Primary that no later reign can
// have acknowledged anything before: an election needs V-R promises, so it needs one
// of theirs.
func provenByRound(d registry.Durability, self registry.NodeRef, answered []registry.NodeRef) bool {
	receipts := make(map[registry.NodeRef]record.Revision, len(answered))
	for _, a := range answered {
		receipts[a] = 1
	}
	return committedByReceipts(d, self, 1, receipts) == 1
}
