package identity

import (
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
)

// handshakeTimeout bounds a connection's TLS and HTTP/2 handshakes. They take some round trips. A
// server that stops waits for those under way, so a silent connection holds it up for no
// longer (gRPC's default is 120 s, longer than service managers wait before they kill).
const handshakeTimeout = 5 * time.Second

// ServerOptions protect a gRPC server: mutual TLS as the port needs it, and every
// call admitted by its caller's identity, within this process's own cluster. A handshake
// that isn't done in 5 s ends.
func (s *Source) ServerOptions(port Port, p Policy, log hclog.Logger, m *Metrics) ([]grpc.ServerOption, error) {
	auth, err := NewAuthorizer(s.Identity().ClusterID, p, log, m)
	if err != nil {
		return nil, err
	}
	return []grpc.ServerOption{
		grpc.Creds(s.ServerCredentials(port)),
		grpc.ConnectionTimeout(handshakeTimeout),
		grpc.ChainUnaryInterceptor(auth.UnaryInterceptor()),
		grpc.ChainStreamInterceptor(auth.StreamInterceptor()),
	}, nil
}
