package etcdapi

import "github.com/netsy-io/netsy/pkg/identity"

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
	p["/http/*"] = users // see HTTP
	return p
}()
