package peerapi

import (
	"context"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/keepalive"

	"github.com/netsy-io/netsy/pkg/identity"
	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/registry"
)

// Dialer connects to nodes' peer ports. The far side must prove to be the node
// that is meant: its certificate must carry its id.
type Dialer struct {
	Source    *identity.Source
	ClusterID string
}

// keepaliveEvery finds connections that died without a word.
const keepaliveEvery = 10 * time.Second

// Dial makes a client for the node at address. It doesn't wait for the connection.
func (d Dialer) Dial(_ context.Context, n registry.NodeRef, address string) (pb.PeerClient, io.Closer, error) {
	conn, err := grpc.NewClient("passthrough:///"+address,
		grpc.WithTransportCredentials(d.Source.ClientCredentials(identity.ExpectNode(d.ClusterID, n.NodeID))),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: keepaliveEvery, Timeout: keepaliveEvery / 2}),
		grpc.WithConnectParams(grpc.ConnectParams{
			// A node that restarts is wanted back at once: gRPC's own backoff grows to two minutes.
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
			MinConnectTimeout: 2 * time.Second,
		}))
	if err != nil {
		return nil, nil, err
	}
	return pb.NewPeerClient(conn), conn, nil
}

// KeepalivePolicy lets Dialer's connections ping as often as they do.
func KeepalivePolicy() grpc.ServerOption {
	return grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: keepaliveEvery / 2, PermitWithoutStream: true})
}
