package elector

import (
	"cmp"
	"slices"
	"time"

	"github.com/netsy-io/netsy/pkg/registry"
)

// Standing is what the elector knows of a registered node.
type Standing struct {
	Node registry.Node

	// Heard is when the last heartbeat came in this office, or when this registration
	// was first seen in it, whichever is later, by the elector's monotonic clock.
	Heard     time.Time
	Connected bool // its heartbeats are being heard
	Leaving   bool // its last heartbeat under this registration said that it stops on purpose
}

// gone says whether a node is to be deregistered: it left, or was not heard for so
// long.
func (s *Standing) gone(now time.Time, timeout time.Duration) bool {
	return !s.Connected && (s.Leaving || now.Sub(s.Heard) >= timeout)
}

// Deregistration says what is due under a Primary at work. voters are those that
// it is to be asked to remove, over the bridge: of nodes that are gone, and those
// that are no registered node in that incarnation (a disk was lost). nodes are the
// registrations to delete: of nodes that are gone and, in no incarnation, voters any
// more, the one gone longest first.
//
// before is cluster.json as it was read before the registrations were, c as it was
// read after them. A voter without registration must be in both, for one that
// registered and became a voter meanwhile is not missed. The Primary that c names is
// left alone, and so is the last registration.
func Deregistration(before, c *registry.Cluster, standings []Standing, now time.Time, timeout time.Duration) (voters []registry.NodeRef, nodes []registry.Node) {
	if c.Primary.IsZero() {
		return nil, nil
	}
	registered, gone := map[registry.NodeRef]bool{}, map[string]Standing{}
	for _, s := range standings {
		registered[s.Node.Ref()] = true
		if s.Node.NodeID != c.Primary.NodeID && s.gone(now, timeout) {
			gone[s.Node.NodeID] = s
		}
	}
	for _, v := range c.Durability.Voters {
		_, left := gone[v.NodeID]
		missing := !registered[v] && slices.Contains(before.Durability.Voters, v)
		if v != c.Primary && (left || missing) {
			voters = append(voters, v)
		}
	}
	nodes = withoutVoters(gone, c.Durability.Voters)
	return voters, nodes[:min(len(nodes), max(len(standings)-1, 0))]
}

// withoutVoters returns those of the nodes of which no life is a voter, the one
// heard longest ago first.
func withoutVoters(gone map[string]Standing, voters []registry.NodeRef) []registry.Node {
	var out []Standing
	for id, s := range gone {
		if !slices.ContainsFunc(voters, func(v registry.NodeRef) bool { return v.NodeID == id }) {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b Standing) int {
		return cmp.Or(a.Heard.Compare(b.Heard), cmp.Compare(a.Node.NodeID, b.Node.NodeID))
	})
	nodes := make([]registry.Node, len(out))
	for i, s := range out {
		nodes[i] = s.Node
	}
	return nodes
}
