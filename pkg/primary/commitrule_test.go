package primary

import (
	"fmt"
	"testing"

	"github.com/netsy-io/netsy/pkg/elector"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

func ref(i int) registry.NodeRef {
	return registry.NodeRef{NodeID: fmt.Sprintf("n%d", i), Incarnation: "i"}
}

func refs(n int) (out []registry.NodeRef) {
	for i := range n {
		out = append(out, ref(i))
	}
	return out
}

// durabilities calls fn with every rule of up to maxVoters voters.
func durabilities(maxVoters int, fn func(registry.Durability)) {
	for v := range maxVoters + 1 {
		for q := -1; q <= maxVoters; q++ {
			fn(registry.Durability{Mode: registry.ModeQuorum, Quorum: q, Voters: refs(v)})
		}
	}
}

// The rule against its definition: a revision is committed when so many voters have
// it durably, the Primary's own copy being one of them or needed beside them.
func TestCommittedByReceiptsExhaustively(t *testing.T) {
	const top = 3 // revisions 0..top
	checked := 0
	durabilities(4, func(d registry.Durability) {
		for _, self := range []registry.NodeRef{ref(0), ref(9)} {
			others := refs(len(d.Voters))
			receipts := map[registry.NodeRef]record.Revision{
				// None of these may count: no voter, another incarnation, the Primary itself.
				ref(8): top, {NodeID: "n1", Incarnation: "wiped"}: top, self: top,
			}
			var fill func(i int)
			fill = func(i int) {
				if i < len(others) {
					for r := record.Revision(0); r <= top; r++ {
						if others[i] != self {
							receipts[others[i]] = r
						}
						fill(i + 1)
					}
					return
				}
				for own := record.Revision(0); own <= top; own++ {
					want := record.Revision(0)
					for r := record.Revision(1); r <= top; r++ {
						if definedAsCommitted(d, self, own, receipts, r) {
							want = r
						}
					}
					if got := committedByReceipts(d, self, own, receipts); got != want {
						t.Fatalf("rule %+v, Primary %v at %d, receipts %v: committed %d, want %d", d, self, own, receipts, got, want)
					}
					checked++
				}
			}
			fill(0)
		}
	})
	t.Logf("%d cases", checked)
}

func definedAsCommitted(d registry.Durability, self registry.NodeRef, own record.Revision, receipts map[registry.NodeRef]record.Revision, r record.Revision) bool {
	if len(d.Voters) < 2 || d.Quorum == 0 || own < r {
		return false
	}
	copies := 0
	for _, v := range d.Voters {
		if v == self || receipts[v] >= r {
			copies++
		}
	}
	if d.Quorum == registry.QuorumMajority {
		return copies >= len(d.Voters)/2+1
	}
	return copies >= d.Quorum+1
}

// What the whole protocol hangs on: whoever is enough for an election includes one of
// those who are enough for a commit, and one of those who are enough to prove a reign.
func TestElectionsMeetCommitsAndRounds(t *testing.T) {
	durabilities(5, func(d registry.Durability) {
		n := len(d.Voters)
		for promised := range 1 << n {
			p := subset(d.Voters, promised)
			if !elector.EnoughPromises(d, p) {
				continue
			}
			for _, self := range []registry.NodeRef{ref(0), ref(9)} {
				// Of all copies and answers outside the promises: the Primary may count
				// its own although it promised, since it stops then; but if it has, it
				// can't commit any more, so it stands outside only if it hasn't.
				outside := ^promised & (1<<n - 1)
				receipts := map[registry.NodeRef]record.Revision{}
				for _, v := range subset(d.Voters, outside) {
					receipts[v] = 1
				}
				if self == ref(0) && n > 0 && promised&1 != 0 {
					continue // the Primary itself has promised: its reign is over
				}
				if committedByReceipts(d, self, 1, receipts) > 0 {
					t.Fatalf("rule %+v: %v could commit behind the back of promises by %v", d, self, p)
				}
				if provenByRound(d, self, subset(d.Voters, outside)) {
					t.Fatalf("rule %+v: %v could prove its reign behind the back of promises by %v", d, self, p)
				}
			}
		}
	})
}

func subset(refs []registry.NodeRef, mask int) (out []registry.NodeRef) {
	for i, r := range refs {
		if mask>>i&1 != 0 {
			out = append(out, r)
		}
	}
	return out
}
