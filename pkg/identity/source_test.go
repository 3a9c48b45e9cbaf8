package identity

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
)

func TestOpenRefuses(t *testing.T) {
	ca, other := newTestCA(t, testCluster), newTestCA(t, testCluster)
	good, second := ca.mustIssue(t, RolePeer, "node-1"), ca.mustIssue(t, RolePeer, "node-1")
	foreign := other.mustIssue(t, RolePeer, "node-1")
	expired := ca.forge(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	early := ca.forge(t, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) })
	halfUse := ca.forge(t, func(c *x509.Certificate) { c.ExtKeyUsage = c.ExtKeyUsage[:1] })
	nobody := ca.forge(t, uris(t))
	join := func(a ...[]byte) []byte { return bytes.Join(a, nil) }
	for _, tc := range []struct {
		name          string
		ca, cert, key []byte
		says          string
	}{
		{"good", ca.CertPEM, good.CertPEM, good.KeyPEM, ""},
		{"two CAs", join(other.CertPEM, ca.CertPEM), good.CertPEM, good.KeyPEM, ""},
		{"key of another certificate", ca.CertPEM, good.CertPEM, second.KeyPEM, "private key does not match"},
		{"empty key", ca.CertPEM, good.CertPEM, nil, "failed to find any PEM data"},
		{"truncated certificate", ca.CertPEM, good.CertPEM[:200], good.KeyPEM, "tls.crt"},
		{"other CA", ca.CertPEM, foreign.CertPEM, foreign.KeyPEM, "unknown authority"},
		{"expired", ca.CertPEM, expired.CertPEM, expired.KeyPEM, "expired"},
		{"not yet valid", ca.CertPEM, early.CertPEM, early.KeyPEM, "not yet valid"},
		{"peer's for clients only", ca.CertPEM, halfUse.CertPEM, halfUse.KeyPEM, "incompatible key usage"},
		{"no identity", ca.CertPEM, nobody.CertPEM, nobody.KeyPEM, "no Netsy identity"},
		{"empty CA", nil, good.CertPEM, good.KeyPEM, "holds no certificate"},
		{"truncated CA", ca.CertPEM[:200], good.CertPEM, good.KeyPEM, "not PEM"},
		{"damage after a CA", join(ca.CertPEM, []byte("x")), good.CertPEM, good.KeyPEM, "not PEM after certificate 1"},
		{"key among CAs", join(ca.CertPEM, ca.KeyPEM), good.CertPEM, good.KeyPEM, "PRIVATE KEY"},
		{"leaf as CA", join(ca.CertPEM, good.CertPEM), good.CertPEM, good.KeyPEM, "is not a CA"},
		{"huge CA file", bytes.Repeat(ca.CertPEM, maxFileSize/len(ca.CertPEM)+1), good.CertPEM, good.KeyPEM, "more than"},
	} {
		f := put(t, t.TempDir(), tc.ca, tc.cert, tc.key)
		_, err := Open(Options{Files: f})
		if (err == nil) != (tc.says == "") || err != nil && !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: got %v, want %q", tc.name, err, tc.says)
		}
	}
	if _, err := Open(Options{Files: Files{"/none", "/none", "/none"}}); err == nil || !strings.Contains(err.Error(), "/none") {
		t.Errorf("missing files: %v", err)
	}
}

// rotating is a server whose files a test changes, and a client to ask it.
type rotating struct {
	files  Files
	source *Source
	log    *strings.Builder
}

func newRotating(t *testing.T, ca *CA, p *KeyPair) *rotating {
	t.Helper()
	r := &rotating{files: put(t, t.TempDir(), ca.CertPEM, p.CertPEM, p.KeyPEM), log: &strings.Builder{}}
	var err error
	r.source, err = Open(Options{Files: r.files, Logger: hclog.New(&hclog.LoggerOptions{Output: r.log})})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// serial returns the serial number of the certificate that a new connection sees.
func (r *rotating) serial(t *testing.T, client *Source) string {
	t.Helper()
	cfg := client.ClientTLS(ExpectAnyNode(testCluster))
	var got string
	cfg.VerifyConnection = nil
	cfg.VerifyPeerCertificate = func(raw [][]byte, _ [][]*x509.Certificate) error {
		c, err := x509.ParseCertificate(raw[0])
		if err == nil {
			got = c.SerialNumber.String()
		}
		return err
	}
	if err := handshake(t, r.source.ServerTLS(PeerPort), cfg); err != nil {
		t.Fatal(err)
	}
	return got
}

func (r *rotating) write(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestReloadCertificate(t *testing.T) {
	ca := newTestCA(t, testCluster)
	first, second := ca.mustIssue(t, RolePeer, "node-1"), ca.mustIssue(t, RolePeer, "node-1")
	r, client := newRotating(t, ca, first), sourceOf(t, ca, ca.mustIssue(t, RolePeer, "node-2"))
	expect := func(step string, p *KeyPair, broken float64) {
		t.Helper()
		if got := r.serial(t, client); got != p.Certificate.SerialNumber.String() {
			t.Errorf("%s: the wrong certificate is served", step)
		}
		if got := valueOf(r.source.metrics.broken); got != broken {
			t.Errorf("%s: broken is %v", step, got)
		}
		if err := r.source.Check(); (err != nil) != (broken == 1) {
			t.Errorf("%s: Check gives %v", step, err)
		}
	}
	expect("start", first, 0)
	r.write(t, r.files.Cert, second.CertPEM)
	expect("half-written pair", first, 1)
	expect("half-written pair, again", first, 1)
	if n := strings.Count(r.log.String(), "tls_reload_refused"); n != 1 {
		t.Errorf("a fault was reported %d times", n)
	}
	r.write(t, r.files.Key, second.KeyPEM)
	expect("whole pair", second, 0)
	r.write(t, r.files.Key, second.KeyPEM[:50])
	expect("truncated key", second, 1)
	if err := os.Remove(r.files.Key); err != nil {
		t.Fatal(err)
	}
	expect("missing key", second, 1)
	r.write(t, r.files.Key, second.KeyPEM)
	expect("restored", second, 0)
	if n := valueOf(r.source.metrics.reloads.WithLabelValues("ok")); n != 2 {
		t.Errorf("counted %v loads, want 2", n)
	}
	if got := valueOf(r.source.metrics.notAfter); got != float64(second.Certificate.NotAfter.Unix()) {
		t.Errorf("expiry metric is %v", got)
	}
}

func TestReloadRefusesAnotherIdentity(t *testing.T) {
	ca := newTestCA(t, testCluster)
	first := ca.mustIssue(t, RolePeer, "node-1")
	r := newRotating(t, ca, first)
	for _, p := range []*KeyPair{ca.mustIssue(t, RolePeer, "node-2"), ca.mustIssue(t, RoleElector, "node-1"),
		ca.forge(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })} {
		r.write(t, r.files.Cert, p.CertPEM)
		r.write(t, r.files.Key, p.KeyPEM)
		if err := r.source.Check(); err == nil {
			t.Errorf("took over %v", p.Certificate.URIs)
		}
		if id := r.source.Identity(); id.Name != "node-1" || id.Role != RolePeer {
			t.Errorf("became %v", id)
		}
	}
}

// The usual three steps: both CAs everywhere, new certificates, new CA alone.
func TestReloadCA(t *testing.T) {
	oldCA, newCA := newTestCA(t, testCluster), newTestCA(t, testCluster)
	both := append(append([]byte{}, oldCA.CertPEM...), newCA.CertPEM...)
	old := oldCA.mustIssue(t, RolePeer, "node-1")
	r := newRotating(t, oldCA, old)
	want := ExpectNode(testCluster, "node-1")
	oldClient := newRotating(t, oldCA, oldCA.mustIssue(t, RoleElector, "e"))
	newPair := newCA.mustIssue(t, RoleElector, "e")
	newClient := openSource(t, put(t, t.TempDir(), both, newPair.CertPEM, newPair.KeyPEM))
	server := r.source.ServerTLS(PeerPort) // one listener for the whole rotation
	check := func(step string, oldOK, newOK bool) {
		t.Helper()
		if err := handshake(t, server, oldClient.source.ClientTLS(want)); (err == nil) != oldOK {
			t.Errorf("%s: old client: %v", step, err)
		}
		if err := handshake(t, server, newClient.ClientTLS(want)); (err == nil) != newOK {
			t.Errorf("%s: new client: %v", step, err)
		}
	}
	check("old CA", true, false)
	r.write(t, r.files.CA, newCA.CertPEM) // too early: its own certificate wouldn't count
	check("CA without its own certificate", true, false)
	r.write(t, r.files.CA, both)
	check("both CAs", true, true)
	next := newCA.mustIssue(t, RolePeer, "node-1")
	r.write(t, r.files.Cert, next.CertPEM)
	r.write(t, r.files.Key, next.KeyPEM)
	check("new certificate", false, true)
	oldClient.write(t, oldClient.files.CA, both)
	check("old client learns the new CA", true, true)
	r.write(t, r.files.CA, newCA.CertPEM)
	check("new CA alone", false, true)
}

// cert-manager's CSI driver and the kubelet switch a symlink to a directory.
func TestReloadThroughSymlinks(t *testing.T) {
	ca := newTestCA(t, testCluster)
	dir := t.TempDir()
	version := func(name string, p *KeyPair) {
		t.Helper()
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(dir, name), ca.CertPEM, p.CertPEM, p.KeyPEM)
		if err := os.Symlink(name, filepath.Join(dir, "tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "tmp"), filepath.Join(dir, "data")); err != nil {
			t.Fatal(err)
		}
	}
	first, second := ca.mustIssue(t, RolePeer, "node-1"), ca.mustIssue(t, RolePeer, "node-1")
	version("v1", first)
	at := func(f string) string { return filepath.Join(dir, "data", f) }
	s := openSource(t, Files{CA: at("ca.crt"), Cert: at("tls.crt"), Key: at("tls.key")})
	version("v2", second)
	if got := s.current().pair.Leaf.SerialNumber; got.Cmp(second.Certificate.SerialNumber) != 0 {
		t.Error("the new version was not taken over")
	}
}

func TestWatchReportsFaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := newTestCA(t, testCluster) // valid by the bubble's clock
		r := newRotating(t, ca, ca.mustIssue(t, RolePeer, "node-1"))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); r.source.Watch(ctx, time.Minute) }()
		r.write(t, r.files.CA, nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		if valueOf(r.source.metrics.broken) != 1 {
			t.Error("Watch did not notice the broken CA file")
		}
		cancel()
		<-done
	})
}

// A client that keeps sessions must not get past a CA that no longer counts.
func TestNoResumption(t *testing.T) {
	oldCA, newCA := newTestCA(t, testCluster), newTestCA(t, testCluster)
	r := newRotating(t, oldCA, oldCA.mustIssue(t, RolePeer, "node-1"))
	client := sourceOf(t, oldCA, oldCA.mustIssue(t, RolePeer, "node-2")).ClientTLS(ExpectNode(testCluster, "node-1"))
	client.ClientSessionCache = tls.NewLRUClientSessionCache(8)
	client.MinVersion = tls.VersionTLS12
	server := r.source.ServerTLS(ClientPort)
	for _, v := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		client.MaxVersion = v
		for range 3 {
			if resumed := exchange(t, server, client); resumed {
				t.Errorf("TLS %x: the session was resumed", v)
			}
		}
	}
	next := newCA.mustIssue(t, RolePeer, "node-1")
	r.write(t, r.files.CA, newCA.CertPEM)
	r.write(t, r.files.Cert, next.CertPEM)
	r.write(t, r.files.Key, next.KeyPEM)
	if err := handshake(t, server, client); err == nil {
		t.Error("a certificate of the old CA was accepted")
	}
}

// exchange connects, reads a byte (with it come session tickets), and says
// whether the session was resumed.
func exchange(t *testing.T, server, client *tls.Config) bool {
	t.Helper()
	lis, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	defer lis.Close()
	served := make(chan error, 1)
	go func() {
		c, err := lis.Accept()
		if err == nil {
			_, err = c.Write([]byte{1})
			err = errors.Join(err, c.Close())
		}
		served <- err
	}()
	c, err := tls.Dial("tcp", lis.Addr().String(), client)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, rerr := io.ReadFull(c, make([]byte, 1))
	if err := <-served; err != nil || rerr != nil {
		t.Fatalf("server: %v, client: %v", err, rerr)
	}
	return c.ConnectionState().DidResume
}

func TestSourceIsSafeForConcurrentUse(t *testing.T) {
	ca := newTestCA(t, testCluster)
	a, b := ca.mustIssue(t, RolePeer, "node-1"), ca.mustIssue(t, RolePeer, "node-1")
	r := newRotating(t, ca, a)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				m := r.source.current()
				if k := m.pair.Leaf.SerialNumber; k.Cmp(a.Certificate.SerialNumber) != 0 && k.Cmp(b.Certificate.SerialNumber) != 0 {
					t.Error("material of neither pair")
				}
			}
		})
	}
	for i := range 50 {
		p := []*KeyPair{a, b}[i%2]
		r.write(t, r.files.Cert, p.CertPEM)
		r.write(t, r.files.Key, p.KeyPEM)
	}
	wg.Wait()
}
