package etcdapi

import (
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// reportedVersion is the etcd version whose behaviour the API follows. Clients
// decide by it what they may use: kube-apiserver asks for progress notifications
// on request only of 3.4.31 and up, or 3.5.13 and up.
const reportedVersion = "3.6.11"

type maintenanceServer struct {
	pb.UnimplementedMaintenanceServer
	*Server
}

// Status describes this node; it is answered locally and always.
func (s *maintenanceServer) Status(context.Context, *pb.StatusRequest) (*pb.StatusResponse, error) {
	st := s.o.Backend.Status()
	return &pb.StatusResponse{
		Header:      s.header(s.o.Backend.Store().Snapshot().Revision()),
		Version:     reportedVersion,
		DbSize:      st.DBSize,
		DbSizeInUse: st.DBSizeInUse,
		Leader:      st.LeaderID,
		Errors:      st.Errors,
	}, nil
}

// Alarm lists the alarms: none, or CORRUPT on a node that is loading or degraded.
// Alarms come and go with their cause; they can't be set or cleared by hand.
func (s *maintenanceServer) Alarm(_ context.Context, req *pb.AlarmRequest) (*pb.AlarmResponse, error) {
	if req.Action != pb.AlarmRequest_GET {
		return nil, status.Errorf(codes.Unimplemented, "netsy: alarm action %v is not served: alarms begin and end with their cause", req.Action)
	}
	resp := &pb.AlarmResponse{Header: s.header(s.o.Backend.Store().Snapshot().Revision())}
	if st := s.o.Backend.Status(); st.Corrupt && (req.Alarm == pb.AlarmType_NONE || req.Alarm == pb.AlarmType_CORRUPT) &&
		(req.MemberID == 0 || req.MemberID == st.MemberID) {
		resp.Alarms = []*pb.AlarmMember{{MemberID: st.MemberID, Alarm: pb.AlarmType_CORRUPT}}
	}
	return resp, nil
}
