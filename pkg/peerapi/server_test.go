package peerapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/record"
)

// serve returns a client of a server for n.
func serve(t *testing.T, n Node) pb.PeerClient {
	t.Helper()
	l := bufconn.Listen(1 << 16)
	s := grpc.NewServer()
	pb.RegisterPeerServer(s, New(n, time.Hour))
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	conn, err := grpc.NewClient("passthrough:///peer", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		s.Stop()
		<-served
	})
	return pb.NewPeerClient(conn)
}

func TestPrepareEpochErrors(t *testing.T) {
	n := newFakeNode()
	c := serve(t, n)
	for _, tc := range []struct {
		epoch int64
		err   error
		want  codes.Code
	}{
		{1, nil, codes.OK},
		{0, nil, codes.InvalidArgument},
		{-1, nil, codes.InvalidArgument},
		{2, fmt.Errorf("%w: 3", ErrPromised), codes.FailedPrecondition},
		{2, errors.New("disk"), codes.Unavailable},
	} {
		n.prepare = func(e record.Epoch) (*pb.NodeState, error) {
			if int64(e) != tc.epoch {
				t.Errorf("asked for epoch %d, the node was asked for %d", tc.epoch, e)
			}
			return &pb.NodeState{}, tc.err
		}
		_, err := c.PrepareEpoch(t.Context(), &pb.PrepareEpochRequest{Epoch: tc.epoch})
		if status.Code(err) != tc.want {
			t.Errorf("epoch %d, %v: %v, want %v", tc.epoch, tc.err, err, tc.want)
		}
	}
}

// A newer stream takes over: an elector that lost its office must not keep the node.
func TestNewestStreamIsServed(t *testing.T) {
	c := serve(t, newFakeNode())
	open := func() grpc.BidiStreamingClient[pb.HeartbeatReply, pb.Heartbeat] {
		s, err := c.Heartbeats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if hb, err := s.Recv(); err != nil || hb.Seq != 1 {
			t.Fatal(hb, err)
		}
		return s
	}
	first := open()
	second := open()
	if _, err := first.Recv(); status.Code(err) != codes.Aborted {
		t.Fatalf("the older stream ended with %v", err)
	}
	if err := second.Send(&pb.HeartbeatReply{Seq: 1}); err != nil {
		t.Fatal(err)
	}
}
