package elector

import (
	"maps"
	"slices"

	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/registry"
)

// clusterState is what nodes need to know: the reign, and who is a member. Members
// are the registered nodes that have a member id, by node id.
func clusterState(clusterID string, c *registry.Cluster, m *registry.Members, nodes map[string]*conn) *peerpb.ClusterState {
	s := &peerpb.ClusterState{
		ClusterId: clusterID, Seq: c.Seq, Epoch: int64(c.Epoch), CompactionRevision: int64(c.CompactionRevision),
	}
	if !c.Primary.IsZero() {
		s.Primary = &peerpb.NodeRef{NodeId: c.Primary.NodeID, Incarnation: c.Primary.Incarnation}
	}
	for _, id := range slices.Sorted(maps.Keys(nodes)) {
		member := m.IDs[id]
		if member == 0 {
			continue
		}
		n := nodes[id].reg
		s.Members = append(s.Members, &peerpb.Member{NodeId: id, MemberId: member, ClientUrls: n.ClientURLs, PeerUrls: n.PeerURLs})
	}
	return s
}
