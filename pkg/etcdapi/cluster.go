package etcdapi

import (
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

type clusterServer struct {
	pb.UnimplementedClusterServer
	*Server
}

// MemberList answers with the elector's view of the members, or the last one that
// the elector pushed.
func (s *clusterServer) MemberList(ctx context.Context, _ *pb.MemberListRequest) (*pb.MemberListResponse, error) {
	members, err := s.o.Backend.Members(ctx)
	if err != nil {
		return nil, toStatus(ctx, err)
	}
	return &pb.MemberListResponse{Header: s.header(s.o.Backend.Store().Snapshot().Revision()), Members: members}, nil
}
