package identity

import (
	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
)

// ServerOptions protect a gRPC server: mutual TLS as the port needs it, and every
// call admitted by its caller's identity, within this process's own cluster.
func (s *Source) ServerOptions(port Port, p Policy, log hclog.Logger, m *Metrics) ([]grpc.ServerOption, error) {
	auth, err := NewAuthorizer(s.Identity().ClusterID, p, log, m)
	if err != nil {
		return nil, err
	}
	return []grpc.ServerOption{
		grpc.Creds(s.ServerCredentials(port)),
		grpc.ChainUnaryInterceptor(auth.UnaryInterceptor()),
		grpc.ChainStreamInterceptor(auth.StreamInterceptor()),
	}, nil
}
