package node

import pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"

// ClusterState is the newest word of an elector that this node has; its Seq is 0 if it has
// none. Nobody may change it.
func (n *Node) ClusterState() *pb.ClusterState {
	_, _, _, cs := n.state.view()
	return cs
}
