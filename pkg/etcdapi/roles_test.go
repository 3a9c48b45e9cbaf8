package etcdapi_test

import (
	"crypto/tls"
	"slices"
	"testing"

	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/netsy-io/netsy/pkg/etcdapi"
	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
)

// TestClientPortRoles: users and administrators may call everything that etcd has,
// Netsy's own processes nothing, whatever it is.
func TestClientPortRoles(t *testing.T) {
	c := start(t, etcdapi.ProfileEtcd)
	for name, admitted := range map[string]bool{"client": true, "admin": true, "node-1": false, "elector": false} {
		t.Run(name, func(t *testing.T) {
			conn := c.dial(t, name)
			for _, r := range etcdRPCs(t) {
				err := r.call(t.Context(), conn)
				if refused := status.Code(err) == codes.PermissionDenied; refused == admitted {
					t.Errorf("%s: %v", r.name, err)
				}
			}
			_, err := healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{})
			if admitted {
				wantCode(t, err, codes.OK)
			} else {
				wantCode(t, err, codes.PermissionDenied)
			}
		})
	}
	t.Run("methods of the peer port", func(t *testing.T) {
		for _, method := range peerMethods() {
			err := c.dial(t, "admin").Invoke(t.Context(), method, &emptypb.Empty{}, &emptypb.Empty{})
			wantCode(t, err, codes.Unimplemented)
		}
	})
	t.Run("no certificate", func(t *testing.T) {
		err := noCertificate(t, c.clientAddr(), c.tls(t, "client"))
		wantCode(t, err, codes.Unavailable)
	})
}

// peerMethods lists the calls that are not streams.
func peerMethods() []string {
	return []string{peerpb.Peer_PrepareEpoch_FullMethodName, peerpb.Peer_PushClusterState_FullMethodName, peerpb.Peer_GetNodeState_FullMethodName}
}

// TestPeerPortRoles: no user's certificate can pretend to be an elector.
func TestPeerPortRoles(t *testing.T) {
	c := start(t, etcdapi.ProfileKubernetes)
	mayAsk := []string{"elector", "node-1", "admin"}
	for _, name := range []string{"client", "admin", "elector", "node-1"} {
		t.Run(name, func(t *testing.T) {
			peer := peerpb.NewPeerClient(dial(t, c.peerAddr(t), c.tls(t, name)))
			_, err := peer.GetNodeState(t.Context(), &peerpb.GetNodeStateRequest{})
			if slices.Contains(mayAsk, name) {
				wantCode(t, err, codes.OK)
			} else {
				wantCode(t, err, codes.PermissionDenied)
			}
			// An epoch that nobody prepares, so that it does no harm where it is let through.
			_, err = peer.PrepareEpoch(t.Context(), &peerpb.PrepareEpochRequest{})
			if name == "client" || name == "admin" {
				wantCode(t, err, codes.PermissionDenied)
			} else {
				wantCode(t, err, codes.InvalidArgument)
			}
			if name == "client" || name == "admin" {
				_, err = peer.PushClusterState(t.Context(), &peerpb.ClusterState{})
				wantCode(t, err, codes.PermissionDenied)
				wantCode(t, heartbeats(t, peer), codes.PermissionDenied)
			}
		})
	}
	t.Run("no certificate", func(t *testing.T) {
		wantCode(t, noCertificate(t, c.peerAddr(t), c.tls(t, "elector")), codes.Unavailable)
	})
	t.Run("TLS 1.2", func(t *testing.T) {
		cfg := c.tls(t, "elector")
		cfg.MinVersion, cfg.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
		_, err := peerpb.NewPeerClient(dial(t, c.peerAddr(t), cfg)).GetNodeState(t.Context(), &peerpb.GetNodeStateRequest{})
		wantCode(t, err, codes.Unavailable)
	})
}

// heartbeats opens a stream as an elector does and returns how it is answered.
func heartbeats(t *testing.T, peer peerpb.PeerClient) error {
	t.Helper()
	stream, err := peer.Heartbeats(t.Context())
	if err != nil {
		return err
	}
	_, err = stream.Recv()
	return err
}

// noCertificate makes a call without a client certificate.
func noCertificate(t *testing.T, addr string, cfg *tls.Config) error {
	t.Helper()
	cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &tls.Certificate{}, nil }
	return dial(t, addr, cfg).Invoke(t.Context(), "/etcdserverpb.Maintenance/Status", &emptypb.Empty{}, &emptypb.Empty{})
}
