package identity

import (
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/test/bufconn"
)

// TestSilentConnection: who connects and says nothing doesn't hold up a stop.
func TestSilentConnection(t *testing.T) {
	ca := newTestCA(t, testCluster)
	src, policy := sourceOf(t, ca, ca.mustIssue(t, RolePeer, "node-1")), Policy{checkMethod: {RolePeer}}
	protected, err := src.ServerOptions(ClientPort, policy, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	shared, _, err := src.SharedPort(ClientPort, policy, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, opts := range map[string][]grpc.ServerOption{"gRPC": protected, "shared with HTTP": append(protected[:len(protected):len(protected)], shared)} {
		for how, stop := range map[string]func(*grpc.Server){"stop": (*grpc.Server).Stop, "graceful stop": (*grpc.Server).GracefulStop} {
			t.Run(name+", "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					l, srv, served := bufconn.Listen(1<<10), grpc.NewServer(opts...), make(chan error, 1)
					go func() { served <- srv.Serve(l) }()
					conn, err := l.DialContext(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					defer conn.Close()
					synctest.Wait() // the server waits for its first byte
					began := time.Now()
					stop(srv)
					if took := time.Since(began); took != handshakeTimeout {
						t.Errorf("the stop took %v, want %v", took, handshakeTimeout)
					}
					if err := <-served; err != nil {
						t.Error(err)
					}
				})
			})
		}
	}
}
