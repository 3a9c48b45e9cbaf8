package identity

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

const (
	checkMethod = "/grpc.health.v1.Health/Check"
	watchMethod = "/grpc.health.v1.Health/Watch"
)

// whoami answers with SERVING if the handler sees the identity in its context.
type whoami struct {
	grpc_health_v1.UnimplementedHealthServer
	seen chan Identity
}

func (w whoami) Check(ctx context.Context, _ *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	id, _ := FromContext(ctx)
	w.seen <- id
	return &grpc_health_v1.HealthCheckResponse{}, nil
}

func (w whoami) Watch(_ *grpc_health_v1.HealthCheckRequest, s grpc.ServerStreamingServer[grpc_health_v1.HealthCheckResponse]) error {
	id, _ := FromContext(s.Context())
	w.seen <- id
	return s.Send(&grpc_health_v1.HealthCheckResponse{})
}

type testServer struct {
	addr    string
	seen    chan Identity
	metrics *Metrics
	log     *strings.Builder
	stop    func()
}

// serve runs a real gRPC server on loopback with the source's certificate.
func serve(t *testing.T, src *Source, port Port, p Policy) *testServer {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &testServer{addr: lis.Addr().String(), seen: make(chan Identity, 10), metrics: NewMetrics(nil), log: &strings.Builder{}}
	src.metrics = s.metrics
	log := hclog.New(&hclog.LoggerOptions{Output: s.log}) // hclog serialises its writes
	auth, err := NewAuthorizer(testCluster, p, log, s.metrics)
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer(grpc.Creds(src.ServerCredentials(port)),
		grpc.UnaryInterceptor(auth.UnaryInterceptor()), grpc.StreamInterceptor(auth.StreamInterceptor()))
	grpc_health_v1.RegisterHealthServer(g, whoami{seen: s.seen})
	done := make(chan struct{})
	go func() { defer close(done); _ = g.Serve(lis) }()
	s.stop = func() { g.Stop(); <-done }
	t.Cleanup(s.stop)
	return s
}

func call(t *testing.T, addr string, creds credentials.TransportCredentials) error {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(creds))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, err = grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	return err
}

// rawClient presents a pair that no Source would load, and trusts any server.
func rawClient(t *testing.T, p *KeyPair) credentials.TransportCredentials {
	t.Helper()
	cfg := &tls.Config{InsecureSkipVerify: true, NextProtos: alpn}
	if p != nil {
		pair, err := tls.X509KeyPair(p.CertPEM, p.KeyPEM)
		if err != nil {
			t.Fatal(err)
		}
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	return credentials.NewTLS(cfg)
}

func TestServerTurnsAwayHostileClients(t *testing.T) {
	ca, other := newTestCA(t, testCluster), newTestCA(t, testCluster)
	srv := serve(t, sourceOf(t, ca, ca.mustIssue(t, RolePeer, "node-1")), PeerPort, Policy{checkMethod: {RolePeer}})
	ago, soon := time.Now().Add(-time.Minute), time.Now().Add(10*time.Minute)
	for _, tc := range []struct {
		name   string
		pair   *KeyPair
		code   codes.Code
		says   string
		reason string
	}{
		{"no certificate", nil, codes.Unavailable, "", "handshake"},
		{"other CA", other.mustIssue(t, RolePeer, "node-1"), codes.Unavailable, "", "handshake"},
		{"expired", ca.forge(t, func(c *x509.Certificate) { c.NotAfter = ago }), codes.Unavailable, "", "handshake"},
		{"not yet valid", ca.forge(t, func(c *x509.Certificate) { c.NotBefore = soon }), codes.Unavailable, "", "handshake"},
		{"a server's only", ca.forge(t, func(c *x509.Certificate) {
			c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		}), codes.Unavailable, "", "handshake"},
		{"other cluster", ca.forge(t, uris(t, "netsy://prod/peer/node-1")), codes.PermissionDenied, `belongs to cluster "prod"`, "wrong_cluster"},
		{"wrong role", ca.mustIssue(t, RoleClient, "node-1"), codes.PermissionDenied, `has role "client", want one of [peer]`, "wrong_role"},
		{"no SAN", ca.forge(t, uris(t)), codes.PermissionDenied, "0 URI SANs", "no_identity"},
		{"two SANs", ca.forge(t, uris(t, "netsy://dev-cluster/peer/a", "netsy://dev-cluster/peer/b")), codes.PermissionDenied, "2 URI SANs", "no_identity"},
		{"two SANs, one foreign", ca.forge(t, uris(t, "spiffe://x/y", "netsy://dev-cluster/peer/b")), codes.PermissionDenied, "2 URI SANs", "no_identity"},
		{"foreign SAN", ca.forge(t, uris(t, "spiffe://dev-cluster/peer/a")), codes.PermissionDenied, "not of the form", "no_identity"},
		{"malformed SAN", ca.forge(t, uris(t, "netsy://dev-cluster/peer")), codes.PermissionDenied, "not of the form", "no_identity"},
		{"SAN with a query", ca.forge(t, uris(t, "netsy://dev-cluster/peer/a?b")), codes.PermissionDenied, "name must be", "no_identity"},
		{"unknown role", ca.forge(t, uris(t, "netsy://dev-cluster/root/a")), codes.PermissionDenied, "role must be", "no_identity"},
		{"name only in CN", ca.forge(t, func(c *x509.Certificate) {
			c.URIs, c.Subject.CommonName = nil, "netsy://dev-cluster/peer/node-1"
		}), codes.PermissionDenied, "0 URI SANs", "no_identity"},
		{"name only in DNS", ca.forge(t, func(c *x509.Certificate) {
			c.URIs, c.DNSNames = nil, []string{"node-1"}
		}), codes.PermissionDenied, "0 URI SANs", "no_identity"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			counter := srv.metrics.refusals.WithLabelValues("server", tc.reason)
			before := valueOf(counter)
			err := call(t, srv.addr, rawClient(t, tc.pair))
			if status.Code(err) != tc.code || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %v, want %v with %q", err, tc.code, tc.says)
			}
			if tc.code == codes.PermissionDenied && valueOf(counter) != before+1 {
				t.Errorf("refusal not counted as %q", tc.reason)
			}
			if len(srv.seen) != 0 {
				t.Fatal("the handler ran")
			}
		})
	}
	srv.stop() // the handlers' reports of handshakes are done once it returns
	if n := valueOf(srv.metrics.refusals.WithLabelValues("server", "handshake")); n < 5 {
		t.Errorf("counted %v refused handshakes, want at least 5", n)
	}
	if out := srv.log.String(); !strings.Contains(out, "identity_refused") || !strings.Contains(out, "peer=127.0.0.1:") {
		t.Errorf("log lacks the refusal with its address:\n%s", out)
	}
}

func TestServerAdmitsByPolicy(t *testing.T) {
	ca := newTestCA(t, testCluster)
	srv := serve(t, sourceOf(t, ca, ca.mustIssue(t, RolePeer, "node-1")), PeerPort,
		Policy{checkMethod: {RoleElector, RoleAdmin}})
	for _, r := range Roles() {
		src := sourceOf(t, ca, ca.mustIssue(t, r, "x"))
		err := call(t, srv.addr, src.ClientCredentials(ExpectNode(testCluster, "node-1")))
		if r != RoleElector && r != RoleAdmin {
			if status.Code(err) != codes.PermissionDenied {
				t.Errorf("%s: got %v", r, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", r, err)
			continue
		}
		if id := <-srv.seen; id != (Identity{testCluster, r, "x"}) {
			t.Errorf("handler saw %v", id)
		}
	}
}

func TestDefaultDenyAndStreams(t *testing.T) {
	ca := newTestCA(t, testCluster)
	src := sourceOf(t, ca, ca.mustIssue(t, RolePeer, "node-1"))
	for _, tc := range []struct {
		policy       Policy
		check, watch codes.Code
	}{
		{Policy{}, codes.PermissionDenied, codes.PermissionDenied},
		{Policy{checkMethod: {RolePeer}}, codes.OK, codes.PermissionDenied},
		{Policy{watchMethod: {RolePeer}}, codes.PermissionDenied, codes.OK},
		{Policy{"/grpc.health.v1.Health/*": {RolePeer}}, codes.OK, codes.OK},
		{Policy{"/grpc.health.v1.Health/*": {RolePeer}, watchMethod: {}}, codes.OK, codes.PermissionDenied},
	} {
		srv := serve(t, src, PeerPort, tc.policy)
		creds := src.ClientCredentials(ExpectAnyNode(testCluster))
		if err := call(t, srv.addr, creds); status.Code(err) != tc.check {
			t.Errorf("%v: check gives %v, want %v", tc.policy, err, tc.check)
		}
		if err := openWatch(t, srv.addr, creds); status.Code(err) != tc.watch {
			t.Errorf("%v: watch gives %v, want %v", tc.policy, err, tc.watch)
		}
		for range len(srv.seen) {
			if id := <-srv.seen; id.Name != "node-1" {
				t.Errorf("handler saw %v", id)
			}
		}
	}
}

func openWatch(t *testing.T, addr string, creds credentials.TransportCredentials) error {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(creds))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	w, err := grpc_health_v1.NewHealthClient(conn).Watch(ctx, &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		return err
	}
	_, err = w.Recv()
	return err
}

// A server without TLS, or whose TLS doesn't verify, must not be opened by the
// mere presence of a certificate.
func TestAuthorizerNeedsAVerifiedConnection(t *testing.T) {
	ca := newTestCA(t, testCluster)
	p := ca.mustIssue(t, RolePeer, "node-1")
	pair, err := tls.X509KeyPair(p.CertPEM, p.KeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	lax := credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAnyClientCert})
	auth, err := NewAuthorizer(testCluster, Policy{checkMethod: {RolePeer}}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer(grpc.Creds(lax), grpc.UnaryInterceptor(auth.UnaryInterceptor()))
	grpc_health_v1.RegisterHealthServer(g, whoami{seen: make(chan Identity, 1)})
	done := make(chan struct{})
	go func() { defer close(done); _ = g.Serve(lis) }()
	defer func() { g.Stop(); <-done }()
	if err := call(t, lis.Addr().String(), rawClient(t, p)); status.Code(err) != codes.PermissionDenied {
		t.Errorf("got %v", err)
	}
	if _, err := auth.UnaryInterceptor()(context.Background(), nil, &grpc.UnaryServerInfo{FullMethod: checkMethod}, nil); status.Code(err) != codes.PermissionDenied {
		t.Errorf("without a connection: got %v", err)
	}
}

func TestClientTurnsAwayHostileServers(t *testing.T) {
	ca, other := newTestCA(t, testCluster), newTestCA(t, testCluster)
	client := sourceOf(t, ca, ca.mustIssue(t, RolePeer, "node-1"))
	ago, soon := time.Now().Add(-time.Minute), time.Now().Add(10*time.Minute)
	want := ExpectNode(testCluster, "node-2")
	for _, tc := range []struct {
		name string
		pair *KeyPair
		want Expect
		says string
	}{
		{"the right one", ca.mustIssue(t, RolePeer, "node-2"), want, ""},
		{"other node", ca.mustIssue(t, RolePeer, "node-3"), want, "wrong identity: netsy://dev-cluster/peer/node-3"},
		{"wrong role", ca.mustIssue(t, RoleElector, "node-2"), want, "wrong role"},
		{"other CA", other.mustIssue(t, RolePeer, "node-2"), want, "unknown authority"},
		{"client's certificate", ca.mustIssue(t, RoleClient, "node-2"), want, "incompatible key usage"},
		{"peer's for clients only", ca.forge(t, func(c *x509.Certificate) {
			uris(t, "netsy://dev-cluster/peer/node-2")(c)
			c.ExtKeyUsage = c.ExtKeyUsage[:1]
		}), want, "incompatible key usage"},
		{"other cluster", ca.forge(t, uris(t, "netsy://prod/peer/node-2")), want, "wrong cluster"},
		{"expired", ca.forge(t, func(c *x509.Certificate) { uris(t, "netsy://dev-cluster/peer/node-2")(c); c.NotAfter = ago }), want, "expired"},
		{"not yet valid", ca.forge(t, func(c *x509.Certificate) { uris(t, "netsy://dev-cluster/peer/node-2")(c); c.NotBefore = soon }), want, "not yet valid"},
		{"no SAN", ca.forge(t, uris(t)), want, "0 URI SANs"},
		{"two SANs", ca.forge(t, uris(t, "netsy://dev-cluster/peer/node-2", "netsy://dev-cluster/peer/node-3")), want, "2 URI SANs"},
		{"right host name, no identity", ca.forge(t, func(c *x509.Certificate) {
			c.URIs, c.DNSNames, c.IPAddresses = nil, []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}
		}), want, "0 URI SANs"},
		{"nobody expected", ca.mustIssue(t, RolePeer, "node-2"), Expect{}, "wrong cluster"},
		{"no role expected", ca.mustIssue(t, RolePeer, "node-2"), Expect{ClusterID: testCluster}, "wrong role"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := call(t, plainServer(t, tc.pair), client.ClientCredentials(tc.want))
			if tc.says == "" {
				if status.Code(err) != codes.Unimplemented { // reached the server, which has no services
					t.Errorf("got %v", err)
				}
				return
			}
			if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %v, want a refusal with %q", err, tc.says)
			}
		})
	}
}

// plainServer is a gRPC server without services behind any certificate.
func plainServer(t *testing.T, p *KeyPair) string {
	t.Helper()
	pair, err := tls.X509KeyPair(p.CertPEM, p.KeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer(grpc.Creds(credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{pair}})))
	done := make(chan struct{})
	go func() { defer close(done); _ = g.Serve(lis) }()
	t.Cleanup(func() { g.Stop(); <-done })
	return lis.Addr().String()
}

// An etcd client knows nothing of identities: it verifies the host as usual.
func TestPlainClientsVerifyTheHost(t *testing.T) {
	ca := newTestCA(t, testCluster)
	srv := serve(t, sourceOf(t, ca, ca.mustIssue(t, RolePeer, "node-1")), ClientPort, Policy{checkMethod: {RoleClient}})
	p := ca.mustIssue(t, RoleClient, "kube-apiserver")
	pair, err := tls.X509KeyPair(p.CertPEM, p.KeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca.CertPEM)
	for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		cfg := &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}, MaxVersion: v,
			ClientSessionCache: tls.NewLRUClientSessionCache(8)}
		for range 2 {
			if err := call(t, srv.addr, credentials.NewTLS(cfg)); err != nil {
				t.Errorf("TLS %x: %v", v, err)
			}
		}
	}
	bad := &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{pair}, ServerName: "elsewhere"}
	if err := call(t, srv.addr, credentials.NewTLS(bad)); err == nil {
		t.Error("a wrong host name was accepted")
	}
}

func TestPortsSetTheOldestTLS(t *testing.T) {
	ca := newTestCA(t, testCluster)
	src := sourceOf(t, ca, ca.mustIssue(t, RolePeer, "node-1"))
	for _, tc := range []struct {
		port Port
		max  uint16
		ok   bool
	}{
		{PeerPort, tls.VersionTLS13, true}, {PeerPort, tls.VersionTLS12, false},
		{ClientPort, tls.VersionTLS12, true}, {ClientPort, tls.VersionTLS11, false},
	} {
		cfg := src.ClientTLS(ExpectNode(testCluster, "node-1"))
		cfg.MinVersion, cfg.MaxVersion = tls.VersionTLS10, tc.max
		err := handshake(t, src.ServerTLS(tc.port), cfg)
		if (err == nil) != tc.ok {
			t.Errorf("port %d with TLS %x: %v", tc.port, tc.max, err)
		}
	}
	cfg := src.ClientTLS(ExpectNode(testCluster, "node-1"))
	cfg.NextProtos = []string{"other"}
	if err := handshake(t, src.ServerTLS(PeerPort), cfg); err == nil {
		t.Error("a protocol other than h2 was accepted")
	}
}

// handshake connects the two over loopback and returns the first error of either.
func handshake(t *testing.T, server, client *tls.Config) error {
	t.Helper()
	lis, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	defer lis.Close()
	served := make(chan error, 1)
	go func() {
		c, err := lis.Accept()
		if err != nil {
			served <- err
			return
		}
		defer c.Close()
		served <- c.(*tls.Conn).Handshake()
	}()
	c, err := tls.Dial("tcp", lis.Addr().String(), client)
	if err == nil {
		defer c.Close()
	}
	if serr := <-served; err == nil {
		err = serr
	}
	return err
}

func TestRequireName(t *testing.T) {
	auth, err := NewAuthorizer(testCluster, Policy{}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.WithValue(context.Background(), contextKey{}, Identity{testCluster, RolePeer, "node-1"})
	if err := auth.RequireName(ctx, checkMethod, ExpectNode(testCluster, "node-1")); err != nil {
		t.Error(err)
	}
	if err := auth.RequireName(ctx, checkMethod, ExpectNode(testCluster, "node-2")); status.Code(err) != codes.PermissionDenied {
		t.Errorf("got %v", err)
	}
	if err := auth.RequireName(context.Background(), checkMethod, ExpectNode(testCluster, "node-2")); status.Code(err) != codes.PermissionDenied {
		t.Errorf("got %v", err)
	}
}

func TestRefusalsAreLoggedSparingly(t *testing.T) {
	var out strings.Builder
	r := newRefusals(hclog.New(&hclog.LoggerOptions{Output: &out}), nil)
	for range 1000 {
		r.report("server", ErrWrongRole)
	}
	if n := strings.Count(out.String(), "identity_refused"); n < logBurst || n > 2*logBurst {
		t.Errorf("logged %d lines of 1000", n)
	}
	if n := valueOf(r.metrics.refusals.WithLabelValues("server", "wrong_role")); n != 1000 {
		t.Errorf("counted %v of 1000", n)
	}
}

// Who connects and goes away was refused nothing; who talks nonsense was.
func TestGoneIsNotRefused(t *testing.T) {
	ca := newTestCA(t, testCluster)
	srv := serve(t, sourceOf(t, ca, ca.mustIssue(t, RolePeer, "node-1")), PeerPort, Policy{checkMethod: {RolePeer}})
	say := func(b string) {
		c, err := net.Dial("tcp", srv.addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte(b)); err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	for _, start := range []string{"", "\x16", "\x16\x03\x01\x02\x00\x01"} { // of a ClientHello
		say(start)
	}
	say("GET / HTTP/1.1\r\n\r\n")
	srv.stop() // the handlers' reports of handshakes are done once it returns
	if n := valueOf(srv.metrics.refusals.WithLabelValues("server", "handshake")); n > 1 {
		t.Errorf("counted %v refusals, want at most that of the nonsense", n)
	}
	if out := srv.log.String(); strings.Contains(out, "EOF") && !strings.Contains(out, "[DEBUG]") {
		t.Errorf("log:\n%s", out)
	}
	for _, err := range []error{ErrWrongRole, errNotVerified, tls.RecordHeaderError{Msg: "no TLS"}, errors.New("remote error: tls: bad certificate")} {
		if wentAway(fmt.Errorf("handshake: %w", err)) {
			t.Errorf("%v is taken for somebody who went away", err)
		}
	}
}
