package peerapi

import (
	"context"
	"io"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/keepalive"

	"github.com/netsy-io/netsy/pkg/forward"
	"github.com/netsy-io/netsy/pkg/identity"
	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/registry"
)

const (
	// keepaliveEvery finds connections that died without a word, from both sides. gRPC
	// allows clients no less. What must be found sooner has heartbeats of its own.
	keepaliveEvery = 10 * time.Second

	// maxMessageBytes is the largest message of the peer port: forwarded answers. A
	// batch of a follow stream has 4 MB of records, or a single larger one.
	maxMessageBytes = forward.MaxMessageBytes

	// How much may be on its way and unread, in a stream and in a connection. gRPC
	// begins with 64 KiB, which a batch would fill many times over, each time waiting
	// for the other side. One stream that isn't read must not stop the others.
	streamWindow     = 4 << 20
	connectionWindow = 4 * streamWindow
)

// Dialer connects to nodes' peer ports. The far side must prove to be the node
// that is meant: its certificate must carry its id.
type Dialer struct {
	Source    *identity.Source
	ClusterID string
}

// Dial makes a client for the node at address. It doesn't wait for the connection.
func (d Dialer) Dial(_ context.Context, n registry.NodeRef, address string) (pb.PeerClient, io.Closer, error) {
	conn, err := grpc.NewClient("passthrough:///"+address,
		grpc.WithTransportCredentials(d.Source.ClientCredentials(identity.ExpectNode(d.ClusterID, n.NodeID))),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: keepaliveEvery, Timeout: keepaliveEvery / 2}),
		grpc.WithInitialWindowSize(streamWindow), grpc.WithInitialConnWindowSize(connectionWindow),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessageBytes)),
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

// ServerOptions are the peer port's side of what Dialer does.
func ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: keepaliveEvery / 2, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: keepaliveEvery, Timeout: keepaliveEvery / 2}),
		grpc.InitialWindowSize(streamWindow), grpc.InitialConnWindowSize(connectionWindow),
		grpc.MaxRecvMsgSize(maxMessageBytes),
		grpc.WaitForHandlers(true), // Stop returns when nothing of any stream runs any more
	}
}
