package etcdapi

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/netsy-io/netsy/pkg/logevent"
	"github.com/netsy-io/netsy/pkg/watch"
)

// WatchOptions configure a WatchServer. Logger is optional.
type WatchOptions struct {
	// Hub returns the node's hub, nil while there is none yet.
	Hub    func() *watch.Hub
	Leader LeaderView
	Logger hclog.Logger
}

// WatchServer serves etcd's Watch. What is sent, and in which order, is the hub's
// business; here it meets gRPC.
type WatchServer struct {
	o       WatchOptions
	running sync.WaitGroup // the two goroutines of each stream
}

var _ pb.WatchServer = (*WatchServer)(nil)

// NewWatchServer makes a WatchServer.
func NewWatchServer(o WatchOptions) *WatchServer {
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	return &WatchServer{o: o}
}

// Wait returns when nothing of any stream runs any more. Close the hub and stop the
// gRPC server first.
func (s *WatchServer) Wait() { s.running.Wait() }

// Watch serves one stream until its client leaves, the leader is lost (if the client
// asked to be told), or the hub closes. It returns without waiting for its own
// goroutines: the sender may be held up by a client that doesn't read, and only the
// return lets gRPC wake it.
func (s *WatchServer) Watch(g pb.Watch_WatchServer) error {
	// Before the question of a leader: to "no leader" clients end their watches, a
	// node that is starting they simply ask again.
	hub := s.o.Hub()
	if hub == nil {
		return status.Error(codes.Unavailable, "netsy: the node is starting")
	}
	lost, err := s.leader(g.Context())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(g.Context())
	defer cancel()
	stream := hub.NewStream()
	ended := make(chan error, 2) // room for both, so that neither waits for us
	s.running.Go(func() {
		defer stream.Close()
		ended <- send(ctx, g, stream)
	})
	s.running.Go(func() {
		if err := receive(ctx, g, stream); err != nil {
			ended <- err
		}
	})
	select {
	case err := <-ended:
		return s.toStatus(g.Context(), err)
	case <-lost:
		return rpctypes.ErrGRPCNoLeader
	case <-g.Context().Done():
		return rpctypes.ErrGRPCWatchCanceled
	}
}

// refusalPause holds back the refusal of a watch: kube-apiserver opens it again at once,
// hundreds of times over, and pauses for nothing but this.
const refusalPause = 500 * time.Millisecond

// leader refuses clients that require a leader while there is none; for those that
// are served, the channel is closed when it is lost. It is nil, which never
// happens, for clients that don't require one.
func (s *WatchServer) leader(ctx context.Context) (<-chan struct{}, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	if v := md.Get(rpctypes.MetadataRequireLeaderKey); len(v) == 0 || v[0] != rpctypes.MetadataHasLeader {
		return nil, nil
	}
	lost := s.o.Leader.Lost()
	select {
	case <-lost:
		pause(ctx, refusalPause)
		return nil, rpctypes.ErrGRPCNoLeader
	default:
		return lost, nil // there is one, or it may be back before anybody minds
	}
}

// send is the only caller of g.Send.
func send(ctx context.Context, g pb.Watch_WatchServer, stream *watch.Stream) error {
	for {
		r, err := stream.Recv(ctx)
		if err != nil {
			return err
		}
		if err := g.Send(r); err != nil {
			return err
		}
	}
}

// receive takes requests until the client closes its side, which doesn't end the
// watches: it returns nil then.
func receive(ctx context.Context, g pb.Watch_WatchServer, stream *watch.Stream) error {
	for {
		req, err := g.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := handle(ctx, stream, req); err != nil {
			return err
		}
	}
}

// handle passes a request on. Unknown and empty ones are ignored, as by etcd.
func handle(ctx context.Context, stream *watch.Stream, req *pb.WatchRequest) error {
	switch r := req.RequestUnion.(type) {
	case *pb.WatchRequest_CreateRequest:
		if r.CreateRequest != nil {
			return stream.Create(ctx, r.CreateRequest)
		}
	case *pb.WatchRequest_CancelRequest:
		if r.CancelRequest != nil {
			return stream.Cancel(ctx, r.CancelRequest.WatchId)
		}
	case *pb.WatchRequest_ProgressRequest:
		if r.ProgressRequest != nil {
			stream.Progress()
		}
	}
	return nil
}

// toStatus makes err what the client is to see: Unavailable for everything that a
// new stream may cure, since that alone makes clients open one and resume.
func (s *WatchServer) toStatus(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return rpctypes.ErrGRPCWatchCanceled
	}
	if st, ok := status.FromError(err); ok {
		return st.Err() // gRPC's own, or the reason that the hub was closed with
	}
	if errors.Is(err, watch.ErrClosed) {
		return rpctypes.ErrGRPCStopped
	}
	s.o.Logger.Warn("watch stream ended; its client will resume on another", "event", logevent.WatchStreamEnded, "error", err)
	return status.Error(codes.Unavailable, err.Error())
}
