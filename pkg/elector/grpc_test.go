package elector

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"github.com/netsy-io/netsy/pkg/leaderlock"
	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/registry"
)

// peerServer serves a model node over gRPC, by way of its in-memory client.
type peerServer struct {
	peerpb.UnimplementedPeerServer
	c client
}

func (s *peerServer) GetNodeState(ctx context.Context, r *peerpb.GetNodeStateRequest) (*peerpb.NodeState, error) {
	return s.c.GetNodeState(ctx, r)
}

func (s *peerServer) PrepareEpoch(ctx context.Context, r *peerpb.PrepareEpochRequest) (*peerpb.PrepareEpochResponse, error) {
	return s.c.PrepareEpoch(ctx, r)
}

func (s *peerServer) PushClusterState(ctx context.Context, r *peerpb.ClusterState) (*peerpb.PushClusterStateResponse, error) {
	return s.c.PushClusterState(ctx, r)
}

func (s *peerServer) Heartbeats(stream grpc.BidiStreamingServer[peerpb.HeartbeatReply, peerpb.Heartbeat]) error {
	in, err := s.c.Heartbeats(stream.Context())
	if err != nil {
		return err
	}
	for {
		hb, err := in.Recv()
		if err != nil {
			return err
		}
		if err := stream.Send(hb); err != nil {
			return err
		}
		reply, err := stream.Recv()
		if err != nil {
			return err
		}
		if err := in.Send(reply); err != nil {
			return err
		}
	}
}

// wire dials nodes through gRPC over in-memory listeners.
type wire struct {
	b  *bed
	mu sync.Mutex
	ls map[string]*bufconn.Listener
}

func (w *wire) serve(n *modelNode) (stop func()) {
	l := bufconn.Listen(1 << 16)
	w.mu.Lock()
	w.ls[n.addr] = l
	w.mu.Unlock()
	srv := grpc.NewServer()
	peerpb.RegisterPeerServer(srv, &peerServer{c: client{n: n}})
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := srv.Serve(l); err != nil {
			w.b.t.Error(err)
		}
	}()
	return func() {
		srv.Stop()
		<-done
	}
}

func (w *wire) Dial(_ context.Context, _ registry.NodeRef, address string) (peerpb.PeerClient, io.Closer, error) {
	cc, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			w.mu.Lock()
			l := w.ls[address]
			w.mu.Unlock()
			return l.DialContext(ctx)
		}))
	if err != nil {
		return nil, nil, err
	}
	return peerpb.NewPeerClient(cc), cc, nil
}

// The same over real gRPC: an election, a lease, a server that goes away and comes
// back, an elector that stops with everything closed.
func TestOverGRPC(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		w := &wire{b: b, ls: map[string]*bufconn.Listener{}}
		n1, n2 := b.add("node-1"), b.add("node-2")
		stops := map[*modelNode]func(){n1: w.serve(n1), n2: w.serve(n2)}
		e := b.elector("e1", func(o *Options) { o.Dialer = w })
		first := b.awaitActiveAbove(0)
		b.await("a lease", func() bool { return time.Now().Before(first.leaseEnd) })
		stops[first]()
		first.kill()
		second := b.awaitActiveAbove(1)
		if second == first {
			t.Errorf("%s reigns without a server", first.id)
		}
		stops[first] = w.serve(first)
		first.start()
		time.Sleep(time.Minute)
		b.await("the first to be heard again", func() bool { return first.seq > 0 })
		e.stop(t)
		for _, stop := range stops {
			stop()
		}
	})
}

// The elector in office, asked over gRPC, says so; one out of office, or gone, doesn't.
func TestAskerOverGRPC(t *testing.T) {
	inBubble(t, func(t *testing.T, b *bed) {
		b.add("node-1")
		e1 := b.elector("e1")
		b.awaitActiveAbove(0)
		e2 := b.elector("e2")
		time.Sleep(time.Minute)
		ls := map[string]*bufconn.Listener{}
		var stops []func()
		for addr, e := range map[string]*process{"e1:8443": e1, "e2:8443": e2} {
			l, srv, done := bufconn.Listen(1<<16), grpc.NewServer(), make(chan error, 1)
			ls[addr] = l
			e.Register(srv)
			go func() { done <- srv.Serve(l) }()
			stops = append(stops, func() {
				srv.Stop()
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		}
		a := &asker{creds: insecure.NewCredentials(), dial: []grpc.DialOption{
			grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
				switch {
				case addr == "gone:8443":
					<-ctx.Done()
					return nil, ctx.Err()
				case ls[addr] == nil:
					return nil, errUnreachable
				}
				return ls[addr].DialContext(ctx)
			})}}
		for addr, want := range map[string]bool{"e1:8443": true, "e2:8443": false, "e3:8443": false} {
			renewal, err := a.ask(t.Context(), leaderlock.Holder{LeaderID: "e", Address: addr})
			if (err == nil) != want || (renewal != "") != want {
				t.Errorf("%s: %q, %v, in office: %v", addr, renewal, err, want)
			}
		}
		// One that doesn't answer in time is dialled anew: its name may stand for another host by then.
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		if _, err := a.ask(ctx, leaderlock.Holder{LeaderID: "e", Address: "gone:8443"}); err == nil || a.conn != nil {
			t.Errorf("%v, and the connection is kept: %v", err, a.conn != nil)
		}
		if err := a.close(); err != nil {
			t.Error(err)
		}
		e1.stop(t)
		e2.stop(t)
		for _, stop := range stops {
			stop()
		}
	})
}
