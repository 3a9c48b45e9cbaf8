package identity

import (
	"bytes"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestIssue(t *testing.T) {
	ca := newTestCA(t, testCluster)
	ip := net.IPv4(10, 0, 0, 1)
	for _, r := range Roles() {
		p, err := ca.Issue(IssueRequest{Role: r, Name: "x", DNS: []string{"h.example"}, IPs: []net.IP{ip}, Validity: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		c := p.Certificate
		if id, err := FromCertificate(c); err != nil || id != (Identity{testCluster, r, "x"}) {
			t.Errorf("%s: identity %v, %v", r, id, err)
		}
		if slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageServerAuth) != r.Serves() ||
			!slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth) {
			t.Errorf("%s: usages %v", r, c.ExtKeyUsage)
		}
		if c.IsCA || !c.IPAddresses[0].Equal(ip) || c.DNSNames[0] != "h.example" {
			t.Errorf("%s: wrong contents", r)
		}
	}
	for _, bad := range []IssueRequest{
		{Role: "king", Name: "x", Validity: time.Minute}, {Role: RolePeer, Name: "X", Validity: time.Minute},
		{Role: RolePeer, Name: "x"}, {Role: RolePeer, Name: "x", Validity: 2 * time.Hour},
	} {
		if _, err := ca.Issue(bad); err == nil {
			t.Errorf("issued %+v", bad)
		}
	}
	if _, err := NewCA("Bad", time.Hour); err == nil {
		t.Error("made a CA for a bad cluster id")
	}
	if _, err := NewCA("good", 0); err == nil {
		t.Error("made a CA without validity")
	}
}

func TestCAFilesRoundTrip(t *testing.T) {
	ca, dir := newTestCA(t, testCluster), filepath.Join(t.TempDir(), "new")
	cert, key := filepath.Join(dir, "ca.crt"), filepath.Join(dir, "ca.key")
	if err := ca.WriteFiles(cert, key, false); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(key); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("key file: %v, %v", st.Mode(), err)
	}
	again, err := ReadCA(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	if again.ClusterID != testCluster {
		t.Errorf("cluster is %q", again.ClusterID)
	}
	src := sourceOf(t, ca, again.mustIssue(t, RolePeer, "node-1"))
	if src.Identity().Name != "node-1" {
		t.Error("a certificate of the reloaded CA has another identity")
	}
	if err := newTestCA(t, testCluster).WriteFiles(cert, key, false); !errors.Is(err, ErrExists) {
		t.Errorf("overwrote a CA: %v", err)
	}
	if b, _ := os.ReadFile(key); !bytes.Equal(b, ca.KeyPEM) {
		t.Error("the key changed")
	}
	if err := os.Remove(cert); err != nil {
		t.Fatal(err)
	}
	if err := ca.WriteFiles(cert, key, false); !errors.Is(err, ErrExists) {
		t.Errorf("overwrote a CA's key: %v", err)
	}
	if err := newTestCA(t, testCluster).WriteFiles(cert, key, true); err != nil {
		t.Error(err)
	}
	left, _ := filepath.Glob(filepath.Join(dir, ".netsy-*"))
	if len(left) != 0 {
		t.Errorf("temporary files left: %v", left)
	}
}

func TestReadCARefuses(t *testing.T) {
	ca, dir := newTestCA(t, testCluster), t.TempDir()
	leaf := ca.mustIssue(t, RolePeer, "x")
	foreign := newTestCA(t, testCluster)
	for _, tc := range []struct{ cert, key []byte }{
		{leaf.CertPEM, leaf.KeyPEM}, {ca.CertPEM, foreign.KeyPEM}, {nil, nil},
	} {
		f := put(t, dir, nil, tc.cert, tc.key)
		if _, err := ReadCA(f.Cert, f.Key); err == nil {
			t.Error("read a CA from files that hold none")
		}
	}
}

func TestWriteFileNeverOverwritesUnasked(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	if err := WriteFile(name, []byte("a"), 0o600, false); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(name, []byte("b"), 0o600, false); !errors.Is(err, ErrExists) {
		t.Errorf("got %v", err)
	}
	if b, _ := os.ReadFile(name); string(b) != "a" {
		t.Errorf("file holds %q", b)
	}
}
