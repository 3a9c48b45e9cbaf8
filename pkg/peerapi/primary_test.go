package peerapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/netsy-io/netsy/pkg/forward"
	"github.com/netsy-io/netsy/pkg/identity"
	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/primary"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// port is a peer port with TLS, its callers' certificates looked at, as in life.
type port struct {
	t    *testing.T
	ca   *identity.CA
	addr string
}

const clusterID = "test"

func newPort(t *testing.T, n Node) *port {
	t.Helper()
	ca, err := identity.NewCA(clusterID, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &port{t: t, ca: ca, addr: l.Addr().String()}
	opts, err := p.source(identity.RolePeer, "node-1").ServerOptions(identity.PeerPort, Policy, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(append(ServerOptions(), opts...)...)
	pb.RegisterPeerServer(s, New(n, time.Hour))
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Stop()
		<-served
	})
	return p
}

func (p *port) source(role identity.Role, name string) *identity.Source {
	p.t.Helper()
	dir := p.t.TempDir()
	f := identity.Files{CA: filepath.Join(dir, "ca.crt"), Cert: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key")}
	pair, err := p.ca.Issue(identity.IssueRequest{Role: role, Name: name, Validity: time.Minute, IPs: []net.IP{net.IPv4(127, 0, 0, 1)}})
	if err == nil {
		err = errors.Join(p.ca.WriteFiles(f.CA, filepath.Join(dir, "ca.key"), false), pair.WriteFiles(f.Cert, f.Key, false))
	}
	if err != nil {
		p.t.Fatal(err)
	}
	src, err := identity.Open(identity.Options{Files: f})
	if err != nil {
		p.t.Fatal(err)
	}
	return src
}

// dial connects as Dialer does.
func (p *port) dial(role identity.Role, name string) pb.PeerClient {
	p.t.Helper()
	c, conn, err := Dialer{Source: p.source(role, name), ClusterID: clusterID}.Dial(p.t.Context(), registry.NodeRef{NodeID: "node-1"}, p.addr)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { conn.Close() })
	return c
}

// A follower's name is the one in its certificate, not the one that it gives.
func TestFollowersAreNamedByTheirCertificate(t *testing.T) {
	n := newFakeNode()
	named := make(chan string, 1)
	n.follow = func(peer string, s pb.Peer_FollowServer) error {
		hello, err := s.Recv()
		if err != nil {
			return err
		}
		named <- peer + " says " + hello.GetHello().GetNode().GetNodeId()
		return s.Send(&pb.FollowResponse{Message: &pb.FollowResponse_Behind{Behind: &pb.Behind{}}})
	}
	stream, err := newPort(t, n).dial(identity.RolePeer, "node-2").Follow(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	hello := &pb.Hello{Node: &pb.NodeRef{NodeId: "node-3"}}
	if err := stream.Send(&pb.FollowRequest{Message: &pb.FollowRequest_Hello{Hello: hello}}); err != nil {
		t.Fatal(err)
	}
	if got := <-named; got != "node-2 says node-3" {
		t.Fatal(got)
	}
	if m, err := stream.Recv(); err != nil || m.GetBehind() == nil {
		t.Fatal(m, err)
	}
}

// Without proof of who calls there is nobody to follow.
func TestFollowWithoutIdentity(t *testing.T) {
	stream, err := serve(t, newFakeNode()).Follow(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); status.Code(err) != codes.Unauthenticated {
		t.Fatal(err)
	}
}

func TestRoles(t *testing.T) {
	n := newFakeNode()
	n.follow = func(string, pb.Peer_FollowServer) error { return primary.ErrNotPrimary }
	n.forward = func(pb.Peer_ForwardServer) error { return nil }
	n.remove = func(registry.NodeRef) error { return nil }
	n.stepDown = func(string, record.Epoch) (*pb.StepDownResponse, error) { return &pb.StepDownResponse{}, nil }
	p := newPort(t, n)
	ref := &pb.RemoveVoterRequest{Node: &pb.NodeRef{NodeId: "node-2", Incarnation: "i"}}
	calls := map[string]func(pb.PeerClient) error{
		"Follow": func(c pb.PeerClient) error {
			s, err := c.Follow(t.Context())
			if err == nil {
				_, err = s.Recv()
			}
			return err
		},
		"Forward": func(c pb.PeerClient) error {
			s, err := c.Forward(t.Context())
			if err == nil {
				_, err = s.Recv()
			}
			return err
		},
		"RemoveVoter": func(c pb.PeerClient) error { _, err := c.RemoveVoter(t.Context(), ref); return err },
		"StepDown": func(c pb.PeerClient) error {
			_, err := c.StepDown(t.Context(), &pb.StepDownRequest{Epoch: 1})
			return err
		},
	}
	allowed := map[string][]identity.Role{
		"Follow":      {identity.RolePeer},
		"Forward":     {identity.RolePeer},
		"RemoveVoter": {identity.RolePeer, identity.RoleElector, identity.RoleAdmin},
		"StepDown":    {identity.RoleAdmin},
	}
	for _, role := range identity.Roles() {
		c := p.dial(role, "somebody")
		for name, call := range calls {
			may := false
			for _, r := range allowed[name] {
				may = may || r == role
			}
			if err := call(c); (status.Code(err) != codes.PermissionDenied) != may {
				t.Errorf("%s by %s: %v", name, role, err)
			}
		}
	}
}

func TestRemoveVoter(t *testing.T) {
	n := newFakeNode()
	c := serve(t, n)
	for _, tc := range []struct {
		node, incarnation string
		err               error
		want              codes.Code
	}{
		{"node-2", "i", nil, codes.OK},
		{"", "i", nil, codes.InvalidArgument},
		{"node-2", "", nil, codes.InvalidArgument},
		{"node-2", "i", primary.ErrNotPrimary, codes.FailedPrecondition},
		{"node-2", "i", errors.New("object storage"), codes.Unavailable},
	} {
		var got registry.NodeRef
		n.remove = func(ref registry.NodeRef) error { got = ref; return tc.err }
		_, err := c.RemoveVoter(t.Context(), &pb.RemoveVoterRequest{Node: &pb.NodeRef{NodeId: tc.node, Incarnation: tc.incarnation}})
		if status.Code(err) != tc.want {
			t.Errorf("%+v: %v", tc, err)
		}
		if want := (registry.NodeRef{NodeID: tc.node, Incarnation: tc.incarnation}); tc.want != codes.InvalidArgument && got != want {
			t.Errorf("%v was removed, not %v", got, want)
		}
	}
	if _, err := c.RemoveVoter(t.Context(), &pb.RemoveVoterRequest{}); status.Code(err) != codes.InvalidArgument {
		t.Error(err)
	}
}

func TestToStatus(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want codes.Code
	}{
		{nil, codes.OK},
		{ErrPromised, codes.FailedPrecondition},
		{primary.ErrNotPrimary, codes.FailedPrecondition},
		{primary.ErrDraining, codes.FailedPrecondition},
		{&primary.HigherEpochError{}, codes.FailedPrecondition},
		{fmt.Errorf("%w: %w", primary.ErrNotPrimary, context.Canceled), codes.FailedPrecondition},
		{context.Canceled, codes.Canceled},
		{context.DeadlineExceeded, codes.DeadlineExceeded},
		{status.Error(codes.PermissionDenied, "no"), codes.PermissionDenied},
		{errors.New("disk"), codes.Unavailable},
	} {
		if got := status.Code(toStatus(tc.err)); got != tc.want {
			t.Errorf("%v is %v, want %v", tc.err, got, tc.want)
		}
	}
}

// The largest answer that can be forwarded gets through the peer port and back.
func TestLargestMessage(t *testing.T) {
	n := newFakeNode()
	n.forward = func(s pb.Peer_ForwardServer) error {
		req, err := s.Recv()
		if err != nil {
			return err
		}
		return s.Send(&pb.ForwardResponse{Id: req.Id, Answer: &pb.ForwardResponse_Response{Response: req.GetTxn()}})
	}
	s, err := newPort(t, n).dial(identity.RolePeer, "node-2").Forward(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	body := []byte(strings.Repeat("x", forward.MaxMessageBytes-64))
	if err := s.Send(&pb.ForwardRequest{Id: 1, Request: &pb.ForwardRequest_Txn{Txn: body}}); err != nil {
		t.Fatal(err)
	}
	if a, err := s.Recv(); err != nil || len(a.GetResponse()) != len(body) {
		t.Fatal(err)
	}
}
