package peerapi

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/netsy-io/netsy/pkg/identity"
	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/registry"
)

// Follow serves a replica under the name in its certificate, whatever name it gives.
func (s *Server) Follow(stream pb.Peer_FollowServer) error {
	caller, ok := identity.FromContext(stream.Context())
	if !ok || caller.Role != identity.RolePeer {
		return status.Error(codes.Unauthenticated, "peerapi: only a node that proves which one it is can follow")
	}
	return toStatus(s.node.Follow(caller.Name, stream))
}

// Forward serves a replica's requests.
func (s *Server) Forward(stream pb.Peer_ForwardServer) error {
	return toStatus(s.node.Forward(stream))
}

// RemoveVoter returns once the node is no voter.
func (s *Server) RemoveVoter(ctx context.Context, req *pb.RemoveVoterRequest) (*pb.RemoveVoterResponse, error) {
	ref := registry.NodeRef{NodeID: req.GetNode().GetNodeId(), Incarnation: req.GetNode().GetIncarnation()}
	if ref.NodeID == "" || ref.Incarnation == "" {
		return nil, status.Errorf(codes.InvalidArgument, "peerapi: node %q, incarnation %q: both are needed to remove a voter", ref.NodeID, ref.Incarnation)
	}
	if err := s.node.RemoveVoter(ctx, ref); err != nil {
		return nil, toStatus(err)
	}
	return &pb.RemoveVoterResponse{}, nil
}
