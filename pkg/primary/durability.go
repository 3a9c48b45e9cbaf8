package primary

import (
	"slices"
	"strings"

	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// standing is what the choice of a durability rule depends on.
type standing struct {
	self      registry.NodeRef
	quorum    int                // as configured; -1: majority; 0: never by receipts
	voters    []registry.NodeRef // of cluster.json
	followers []Follower         // of this reign
	caught    map[registry.NodeRef]bool
	removed   []registry.NodeRef // to be voters no longer
	leaving   bool               // the Primary itself steps down for good

	handingOver bool // the Primary steps down, and stays a voter
}

// wanted is the rule that cluster.json should say: who votes, and whether receipts
// may acknowledge. A voter stays one, even if it isn't heard, until its removal is asked
// for; another incarnation of its node replaces it, since its disk is gone. A follower
// becomes one once it has caught up.
//
// All of this is safe in any combination, because the rule changes only while
// receipts acknowledge nothing and everything acknowledged is in the object log.
func (s *standing) wanted() registry.Durability {
	d := registry.Durability{Mode: registry.ModeObjectStorage, Quorum: s.quorum, Voters: s.nextVoters()}
	if !s.leaving && !s.handingOver && s.canCommit(d) {
		d.Mode = registry.ModeQuorum
	}
	return d
}

func (s *standing) nextVoters() []registry.NodeRef {
	voters := []registry.NodeRef{}
	for _, v := range s.voters {
		if !s.gone(v) {
			voters = append(voters, v)
		}
	}
	var joining []registry.NodeRef
	if !slices.Contains(voters, s.self) && !s.leaving {
		joining = append(joining, s.self)
	}
	for _, f := range s.followers {
		if s.sound(f) && !slices.Contains(voters, f.Ref) && !slices.Contains(s.removed, f.Ref) {
			joining = append(joining, f.Ref)
		}
	}
	slices.SortFunc(joining, func(a, b registry.NodeRef) int { return strings.Compare(a.String(), b.String()) })
	return append(voters, joining...)
}

// gone: v is to be a voter no longer.
func (s *standing) gone(v registry.NodeRef) bool {
	if v.NodeID == s.self.NodeID {
		return s.leaving || v != s.self
	}
	return slices.Contains(s.removed, v) ||
		slices.ContainsFunc(s.followers, func(f Follower) bool { return f.Connected && f.Ref.NodeID == v.NodeID && f.Ref != v })
}

// sound: f can be relied on to send receipts.
func (s *standing) sound(f Follower) bool { return f.Connected && f.Healthy && s.caught[f.Ref] }

// mayInherit: f could be the next Primary and hold everything soon. Where receipts may have
// acknowledged, by the rule that is recorded, it is a voter.
func (s *standing) mayInherit(f Follower, recorded registry.Durability) bool {
	return s.sound(f) && (recorded.Mode != registry.ModeQuorum || votes(recorded, f.Ref))
}

func votes(d registry.Durability, ref registry.NodeRef) bool { return slices.Contains(d.Voters, ref) }

// canCommit says whether receipts would commit under d as things are.
func (s *standing) canCommit(d registry.Durability) bool {
	receipts := map[registry.NodeRef]record.Revision{}
	for _, f := range s.followers {
		if s.sound(f) {
			receipts[f.Ref] = 1
		}
	}
	return committedByReceipts(d, s.self, 1, receipts) == 1
}
