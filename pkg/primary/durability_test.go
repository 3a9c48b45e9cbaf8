package primary

import (
	"slices"
	"testing"

	"github.com/netsy-io/netsy/pkg/registry"
)

func TestWantedDurability(t *testing.T) {
	self, a, b := ref(0), ref(1), ref(2)
	wiped := registry.NodeRef{NodeID: a.NodeID, Incarnation: "new"}
	up := func(r registry.NodeRef) Follower { return Follower{Ref: r, Connected: true, Healthy: true} }
	all := map[registry.NodeRef]bool{a: true, b: true, wiped: true}
	const quorum, os = registry.ModeQuorum, registry.ModeObjectStorage
	for _, c := range []struct {
		name   string
		s      standing
		mode   registry.Mode
		voters []registry.NodeRef
	}{
		{"alone", standing{quorum: -1}, os, []registry.NodeRef{self}},
		{"a follower that has not caught up", standing{quorum: -1, followers: []Follower{up(a)}}, os, []registry.NodeRef{self}},
		{"a follower that has", standing{quorum: -1, followers: []Follower{up(a)}, caught: all}, quorum, []registry.NodeRef{self, a}},
		{"two at once", standing{quorum: -1, followers: []Follower{up(b), up(a)}, caught: all}, quorum, []registry.NodeRef{self, a, b}},
		{"receipts switched off", standing{quorum: 0, followers: []Follower{up(a)}, caught: all}, os, []registry.NodeRef{self, a}},
		{"a voter is away", standing{quorum: -1, voters: []registry.NodeRef{a, self, b}, followers: []Follower{up(a)}, caught: all}, quorum, []registry.NodeRef{a, self, b}},
		{"too many are away", standing{quorum: -1, voters: []registry.NodeRef{a, self}}, os, []registry.NodeRef{a, self}},
		{"static: one receipt of one", standing{quorum: 1, followers: []Follower{up(a)}, caught: all}, quorum, []registry.NodeRef{self, a}},
		{"static: two receipts of one", standing{quorum: 2, followers: []Follower{up(a)}, caught: all}, os, []registry.NodeRef{self, a}},
		{"a voter to be removed", standing{quorum: -1, voters: []registry.NodeRef{self, a, b}, removed: []registry.NodeRef{b}, followers: []Follower{up(a)}, caught: all}, quorum, []registry.NodeRef{self, a}},
		{"one to be removed that is there", standing{quorum: -1, voters: []registry.NodeRef{self, a}, removed: []registry.NodeRef{a}, followers: []Follower{up(a)}, caught: all}, os, []registry.NodeRef{self}},
		{"a wiped voter is back", standing{quorum: -1, voters: []registry.NodeRef{self, a}, followers: []Follower{up(wiped)}, caught: all}, quorum, []registry.NodeRef{self, wiped}},
		{"a wiped voter is back, not caught up", standing{quorum: -1, voters: []registry.NodeRef{self, a, b}, followers: []Follower{up(wiped), up(b)}, caught: map[registry.NodeRef]bool{b: true}}, quorum, []registry.NodeRef{self, b}},
		{"the Primary's own lost incarnation", standing{quorum: -1, voters: []registry.NodeRef{{NodeID: self.NodeID, Incarnation: "old"}, a}, followers: []Follower{up(a)}, caught: all}, quorum, []registry.NodeRef{a, self}},
		{"leaving", standing{quorum: -1, leaving: true, voters: []registry.NodeRef{self, a, b}, followers: []Follower{up(a), up(b)}, caught: all}, os, []registry.NodeRef{a, b}},
		{"handing over", standing{quorum: -1, handingOver: true, voters: []registry.NodeRef{self, a, b}, followers: []Follower{up(a), up(b)}, caught: all}, os, []registry.NodeRef{self, a, b}},
		{"silent", standing{quorum: -1, followers: []Follower{{Ref: a, Connected: true}}, caught: all}, os, []registry.NodeRef{self}},
		{"left", standing{quorum: -1, followers: []Follower{{Ref: a, Receipt: 9}}, caught: all}, os, []registry.NodeRef{self}},
	} {
		c.s.self = self
		d := c.s.wanted()
		if d.Mode != c.mode || !slices.Equal(d.Voters, c.voters) || d.Quorum != c.s.quorum {
			t.Errorf("%s: %+v, want mode %s, voters %v", c.name, d, c.mode, c.voters)
		}
		if again := c.s.wanted(); !again.Equal(d) {
			t.Errorf("%s: not the same twice: %+v, %+v", c.name, d, again)
		}
	}
}
