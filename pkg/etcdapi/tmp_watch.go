package etcdapi

import pb "go.etcd.io/etcd/api/v3/etcdserverpb"

func (s *Server) watchServer() pb.WatchServer { return &pb.UnimplementedWatchServer{} }
