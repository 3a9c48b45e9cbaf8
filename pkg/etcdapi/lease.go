package etcdapi

import (
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

type leaseServer struct {
	pb.UnimplementedLeaseServer
	*Server
}

// LeaseGrant makes a lease whose id carries its own grant time and TTL; an id of
// the client's choice can't, and is refused.
func (s *leaseServer) LeaseGrant(ctx context.Context, req *pb.LeaseGrantRequest) (*pb.LeaseGrantResponse, error) {
	if req.ID != 0 {
		return nil, status.Errorf(codes.InvalidArgument, "netsy: lease id %d was asked for: ids are given by the server, send 0", req.ID)
	}
	type grant struct{ id, ttl int64 }
	g, err := onPrimary(ctx, s.Server, func(ctx context.Context, p Primary) (g grant, err error) {
		g.id, g.ttl, err = p.LeaseGrant(ctx, req.TTL)
		return g, err
	})
	if err != nil {
		return nil, toStatus(ctx, err)
	}
	return &pb.LeaseGrantResponse{Header: s.header(s.o.Backend.Store().Snapshot().Revision()), ID: g.id, TTL: g.ttl}, nil
}
