package node

import (
	"context"
	"errors"
	"net"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection"

	"github.com/netsy-io/netsy/pkg/etcdapi"
	"github.com/netsy-io/netsy/pkg/logevent"
	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/peerapi"
	"github.com/netsy-io/netsy/pkg/watch"
)

// Run serves until ctx ends or the node can't go on, and closes everything, in
// the reverse order of need: first the reign is handed over, so that what was taken is
// answered; then clients are let go, while the node goes on following, so that what
// they still wait for is done by the next Primary; electors and replicas are told last.
func (n *Node) Run(ctx context.Context) error {
	client, peer := n.clientServer(), n.peerServer()
	n.state.setHealth(pb.Health_HEALTH_HEALTHY, "")
	n.log.Info("serving", "event", logevent.NodeServing, "client", addrOf(n.o.Client), "peer", addrOf(n.o.Peer),
		"store", n.o.Store.String(), "incarnation", n.mvcc.Incarnation(), "tail", n.mvcc.Tail().String())

	stop, stopped := context.WithCancel(ctx)
	defer stopped()
	late, end := context.WithCancel(context.Background()) // following ends later than reigning
	defer end()
	var g errgroup.Group
	serve := func(s *grpc.Server, l net.Listener) {
		if l == nil {
			return
		}
		g.Go(func() error {
			defer stopped() // one that falls takes the others along
			return ignoreStopped(s.Serve(l))
		})
	}
	serve(client, n.o.Client)
	serve(peer, n.o.Peer)
	if n.o.ClientHTTP != nil {
		g.Go(func() error {
			defer stopped()
			return n.o.ClientHTTP(stop, n.api.HTTP())
		})
	}
	g.Go(func() error { return n.mendItself(stop) })
	g.Go(func() error { return n.stayRegistered(stop) })
	g.Go(func() error {
		defer stopped()
		return n.govern(stop, late)
	})
	g.Go(func() error {
		select {
		case <-stop.Done():
		case <-n.failedCh:
			stopped()
		}
		n.shutdown(client, peer, end)
		n.api.Wait()
		return nil
	})
	err := g.Wait()
	if f := n.fatal(); f != nil && !errors.Is(err, f) { // the governor returns it as well
		err = errors.Join(err, f)
	}
	n.state.close()
	return n.closeStore(err)
}

func addrOf(l net.Listener) string {
	if l == nil {
		return "none"
	}
	return l.Addr().String()
}

// API is the etcd API of this node, for who embeds it.
func (n *Node) API() *etcdapi.Server { return n.api }

// PeerServer is this node as electors and other nodes call it, for who embeds it.
func (n *Node) PeerServer() pb.PeerServer { return n.peers }

func (n *Node) clientServer() *grpc.Server {
	s := grpc.NewServer(append(etcdapi.GRPCOptions(), n.o.ClientServer...)...)
	n.api.Register(s)
	hs := health.NewServer()
	healthpb.RegisterHealthServer(s, hs)
	reflection.Register(s)
	return s
}

func (n *Node) peerServer() *grpc.Server {
	s := grpc.NewServer(append(peerapi.ServerOptions(), n.o.PeerServer...)...)
	pb.RegisterPeerServer(s, n.peers)
	return s
}

// shutdown waits for the reign to end (the governor hands it over), lets clients go,
// ends what follows another's reign, and stops the servers.
func (n *Node) shutdown(client, peer *grpc.Server, endFollowing func()) {
	n.log.Info("stopping", "event", logevent.NodeStopping)
	n.state.stop()
	n.awaitNoReign()
	if n.alone() {
		n.state.orphan()
	}
	n.hub.Close(watch.ErrClosed)
	gracefully(client)
	n.state.orphan()
	endFollowing()
	n.takeLeave()
	peer.Stop() // the elector's streams never end by themselves
}

func (n *Node) awaitNoReign() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*drainTimeout)
	defer cancel()
	for {
		changed := n.state.Changed()
		if _, _, role, _ := n.state.view(); role == pb.PrimaryState_PRIMARY_STATE_REPLICA {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// gracefully lets calls finish for a while, then cuts them off.
func gracefully(s *grpc.Server) {
	done := make(chan struct{})
	go func() { // ends with GracefulStop, which Stop ends
		defer close(done)
		s.GracefulStop()
	}()
	t := time.NewTimer(drainTimeout)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
		s.Stop()
		<-done
	}
}

func ignoreStopped(err error) error {
	if errors.Is(err, grpc.ErrServerStopped) {
		return nil
	}
	return err
}
