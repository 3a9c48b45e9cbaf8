package etcdapi

import (
	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"

	"github.com/netsy-io/netsy/pkg/identity"
)

// Policy says who may call what on the client port.
var Policy = func() identity.Policy {
	users := []identity.Role{identity.RoleClient, identity.RoleAdmin}
	p := identity.Policy{}
	for _, service := range []string{
		"etcdserverpb.KV", "etcdserverpb.Watch", "etcdserverpb.Lease", "etcdserverpb.Cluster", "etcdserverpb.Maintenance", "etcdserverpb.Auth",
		"grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
	} {
		p["/"+service+"/*"] = users
	}
	return p
}()

// Secure returns the options that protect the client port.
func Secure(src *identity.Source, clusterID string, log hclog.Logger) ([]grpc.ServerOption, error) {
	auth, err := identity.NewAuthorizer(clusterID, Policy, log, nil)
	if err != nil {
		return nil, err
	}
	return []grpc.ServerOption{
		grpc.Creds(src.ServerCredentials(identity.ClientPort)),
		grpc.ChainUnaryInterceptor(auth.UnaryInterceptor()),
		grpc.ChainStreamInterceptor(auth.StreamInterceptor()),
	}, nil
}
