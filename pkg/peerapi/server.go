// Package peerapi serves the node's side of the contract in proto/netsy/peer: the
// elector's questions and its word on who is Primary, and what replicas ask of the
// Primary. It says who may call what, and makes errors gRPC's.
package peerapi

import (
	"context"
	"errors"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/netsy-io/netsy/pkg/identity"
	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// electors are the roles under which an elector may speak: its own, or that of the
// node which it runs within.
var electors = []identity.Role{identity.RoleElector, identity.RolePeer}

// Policy says who may call what.
var Policy = identity.Policy{
	pb.Peer_Heartbeats_FullMethodName:       electors,
	pb.Peer_PrepareEpoch_FullMethodName:     electors,
	pb.Peer_PushClusterState_FullMethodName: electors,
	pb.Peer_GetNodeState_FullMethodName:     {identity.RoleElector, identity.RolePeer, identity.RoleAdmin},
	pb.Peer_RemoveVoter_FullMethodName:      {identity.RoleElector, identity.RolePeer, identity.RoleAdmin},
	pb.Peer_StepDown_FullMethodName:         {identity.RoleAdmin},
	pb.Peer_Follow_FullMethodName:           {identity.RolePeer},
	pb.Peer_Forward_FullMethodName:          {identity.RolePeer},
}

// ErrPromised: the node has promised a higher epoch than it was asked to prepare.
var ErrPromised = errors.New("peerapi: a higher epoch was promised already")

// Node is what the peer port speaks for.
type Node interface {
	State() *pb.NodeState
	// Changed returns a channel that is closed when State next changes in a way
	// that the elector wants to hear of at once.
	Changed() <-chan struct{}
	// PrepareEpoch promises epoch durably and reports the tail as of the same
	// transaction; an error wrapping ErrPromised if a higher one was promised.
	PrepareEpoch(ctx context.Context, epoch record.Epoch) (*pb.NodeState, error)
	// ClusterState takes the elector's word. It must not block.
	ClusterState(*pb.ClusterState)
	// ReadLease takes a read lease that runs from when sent was.
	ReadLease(epoch record.Epoch, sent time.Time, d time.Duration)
	// Answered says that an elector has heard a heartbeat, and whether that one said
	// that the node is leaving.
	Answered(leaving bool)

	// The rest is the active Primary's; another node returns primary.ErrNotPrimary.

	// Follow serves the node whose certificate names it peer, until its stream ends.
	Follow(peer string, stream pb.Peer_FollowServer) error
	// Forward serves a replica's requests until its stream ends. A node that isn't
	// Primary says so in its answers: one that refuses the stream can't be told from
	// one that broke it.
	Forward(stream pb.Peer_ForwardServer) error
	// RemoveVoter returns once cluster.json says that the node is no voter.
	RemoveVoter(ctx context.Context, node registry.NodeRef) error
	// StepDown ends the reign of epoch, in favour of the node named, if one is, and
	// returns once it is over. A *StepDownRefused: nothing has changed. Another error: it
	// may be over, or not.
	StepDown(ctx context.Context, successor string, epoch record.Epoch) (*pb.StepDownResponse, error)
}

// Server implements peerpb.PeerServer. Safe for concurrent use.
type Server struct {
	pb.UnimplementedPeerServer
	node     Node
	interval time.Duration

	mu      sync.Mutex
	current context.CancelCauseFunc // ends the stream that is being served
}

// New makes a Server that sends heartbeats every interval.
func New(n Node, interval time.Duration) *Server { return &Server{node: n, interval: interval} }

// GetNodeState reports the node's state.
func (s *Server) GetNodeState(context.Context, *pb.GetNodeStateRequest) (*pb.NodeState, error) {
	return s.node.State(), nil
}

// PushClusterState hands the elector's word on.
func (s *Server) PushClusterState(_ context.Context, st *pb.ClusterState) (*pb.PushClusterStateResponse, error) {
	s.node.ClusterState(st)
	return &pb.PushClusterStateResponse{}, nil
}

// PrepareEpoch makes the promise.
func (s *Server) PrepareEpoch(ctx context.Context, req *pb.PrepareEpochRequest) (*pb.PrepareEpochResponse, error) {
	if req.Epoch <= 0 {
		return nil, status.Errorf(codes.InvalidArgument, "peerapi: epoch %d can't be prepared, epochs begin at 1", req.Epoch)
	}
	st, err := s.node.PrepareEpoch(ctx, record.Epoch(req.Epoch))
	if err != nil {
		return nil, toStatus(err)
	}
	return &pb.PrepareEpochResponse{State: st}, nil
}

var errReplaced = errors.New("peerapi: a newer heartbeat stream took over")

// Heartbeats serves one elector's stream until it ends or a newer one begins.
func (s *Server) Heartbeats(stream grpc.BidiStreamingServer[pb.HeartbeatReply, pb.Heartbeat]) error {
	ctx, cancel := context.WithCancelCause(stream.Context())
	defer cancel(nil)
	s.mu.Lock()
	if s.current != nil {
		s.current(errReplaced)
	}
	s.current = cancel
	s.mu.Unlock()

	h := &heartbeats{node: s.node, sent: map[uint64]sentBeat{}}
	go func() { // ends with the stream: Recv fails once the handler has returned
		for {
			reply, err := stream.Recv()
			if err != nil {
				cancel(err)
				return
			}
			h.answered(reply)
		}
	}()
	err := h.send(ctx, stream, s.interval)
	if errors.Is(context.Cause(ctx), errReplaced) {
		return status.Error(codes.Aborted, errReplaced.Error())
	}
	return err
}
