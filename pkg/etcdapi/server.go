// Package etcdapi serves the part of etcd's gRPC API that docs/etcd-compatibility.md
// lists. It validates, maps errors to etcd's own, and leaves the work to the
// Primary (writes, proof for linearizable reads) and the local store (reads).
package etcdapi

import (
	"context"
	"math"
	"time"

	"github.com/hashicorp/go-hclog"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"github.com/netsy-io/netsy/pkg/mvcc"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/watch"
)

// Primary is where writes and linearizable reads go: the reign of this node.
type Primary interface {
	Txn(context.Context, *pb.TxnRequest) (*pb.TxnResponse, error)
	Put(context.Context, *pb.PutRequest) (*pb.PutResponse, error)
	DeleteRange(context.Context, *pb.DeleteRangeRequest) (*pb.DeleteRangeResponse, error)
	LeaseGrant(ctx context.Context, ttl int64) (id, granted int64, err error)
	Compact(context.Context, record.Revision) error
	// Snapshot returns a committed state that is current as of some moment after the call.
	Snapshot(context.Context) (*mvcc.Snapshot, error)
}

// Backend is the node behind the API.
type Backend interface {
	// Primary waits until there is an active Primary, or ctx ends.
	Primary(ctx context.Context) (Primary, error)
	Leader() LeaderView
	Store() *mvcc.Store
	// Hub is nil until the store has a committed state to watch.
	Hub() *watch.Hub
	// MemberID is in every response's header: it must be cheap.
	MemberID() uint64
	Status() Status
	Members(ctx context.Context) ([]*pb.Member, error)
}

// LeaderView is what a watch stream needs to know of leadership.
type LeaderView interface {
	// Lost returns a channel that is closed once the present leader has been gone
	// for as long as clients are to be spared the news.
	Lost() <-chan struct{}
}

// Status is the node's part of Maintenance.Status and Alarm.
type Status struct {
	MemberID, LeaderID  uint64
	DBSize, DBSizeInUse int64
	Errors              []string // why it is not healthy; empty when it is
	Corrupt             bool     // loading or degraded: the CORRUPT alarm is raised
}

// Profile names the set of RPCs that is served.
type Profile string

const (
	// ProfileKubernetes serves what kube-apiserver needs and nothing else.
	ProfileKubernetes Profile = "kubernetes"
	// ProfileEtcd adds Put, DeleteRange and Compact for other clients.
	ProfileEtcd Profile = "etcd"
)

// Options configure a Server.
type Options struct {
	Backend   Backend
	Profile   Profile
	ClusterID uint64
	Logger    hclog.Logger

	// RequestTimeout bounds how long a write or a linearizable read may wait for a
	// Primary and for its commit. 0 means 10 s: beyond etcd's 7 s, below the
	// minute after which kube-apiserver's own callers give up.
	RequestTimeout time.Duration
}

// Server implements etcd's services.
type Server struct {
	o     Options
	watch *WatchServer
}

// New makes a Server.
func New(o Options) *Server {
	if o.RequestTimeout == 0 {
		o.RequestTimeout = 10 * time.Second
	}
	if o.Profile == "" {
		o.Profile = ProfileKubernetes
	}
	return &Server{o: o, watch: NewWatchServer(WatchOptions{Hub: o.Backend.Hub, Leader: o.Backend.Leader(), Logger: o.Logger})}
}

// Wait returns when nothing of any watch runs any more. Close the hub and stop the
// gRPC server first.
func (s *Server) Wait() { s.watch.Wait() }

// KV, Watch and Lease are the services by themselves, for who embeds the server.
func (s *Server) KV() pb.KVServer       { return &kvServer{s} }
func (s *Server) Watch() pb.WatchServer { return s.watch }
func (s *Server) Lease() pb.LeaseServer { return &leaseServer{Server: s} }

// Register adds the services to g.
func (s *Server) Register(g *grpc.Server) {
	pb.RegisterKVServer(g, s.KV())
	pb.RegisterWatchServer(g, s.Watch())
	pb.RegisterLeaseServer(g, s.Lease())
	pb.RegisterClusterServer(g, &clusterServer{Server: s})
	pb.RegisterMaintenanceServer(g, &maintenanceServer{Server: s})
	pb.RegisterAuthServer(g, &pb.UnimplementedAuthServer{})
}

const (
	// streamWorkers goroutines stay for the next call, with a stack that has grown
	// already. Calls beyond them have goroutines of their own.
	streamWorkers = 64
	// streamWindow and connectionWindow are how much a client may send before we have read
	// it: any request, and several. Of a fixed size, they spare the pings by which gRPC
	// measures for which size the network is good, one under way at almost any time.
	streamWindow, connectionWindow = 2 << 20, 4 << 20
	// readBuffer is as much as TLS hands over at a time. A connection has one for as long as it
	// lives, and each kube-apiserver has one connection or more for each kind of object.
	readBuffer = 16 << 10
)

// GRPCOptions are the transport limits that clients of etcd count on
// (etcd: server/etcdserver/api/v3rpc/grpc.go, server/embed/config.go).
func GRPCOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ForceServerCodecV2(newCodec()),
		grpc.NumStreamWorkers(streamWorkers),
		grpc.ReadBufferSize(readBuffer),
		grpc.InitialWindowSize(streamWindow), grpc.InitialConnWindowSize(connectionWindow),
		grpc.MaxRecvMsgSize(maxRequestBytes + grpcOverheadBytes),
		grpc.MaxSendMsgSize(math.MaxInt32), // unpaged lists can be huge
		grpc.MaxConcurrentStreams(math.MaxUint32),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second}), // kube-apiserver pings every 30 s
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 2 * time.Hour, Timeout: 20 * time.Second}),
	}
}

func (s *Server) header(rev record.Revision) *pb.ResponseHeader {
	return &pb.ResponseHeader{ClusterId: s.o.ClusterID, MemberId: s.o.Backend.MemberID(), Revision: int64(rev)}
}

// fill completes the header that the store made with the revision.
func (s *Server) fill(h *pb.ResponseHeader) {
	h.ClusterId, h.MemberId = s.o.ClusterID, s.o.Backend.MemberID()
}
