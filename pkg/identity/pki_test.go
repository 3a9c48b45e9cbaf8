package identity

import (
	"crypto/x509"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

const testCluster = "dev-cluster"

func newTestCA(t testing.TB, cluster string) *CA {
	t.Helper()
	ca, err := NewCA(cluster, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func (ca *CA) mustIssue(t testing.TB, role Role, name string) *KeyPair {
	t.Helper()
	p, err := ca.Issue(IssueRequest{Role: role, Name: name, Validity: 30 * time.Minute,
		DNS: []string{"localhost"}, IPs: []net.IP{net.IPv4(127, 0, 0, 1)}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// forge signs whatever a hostile or careless holder of the CA might.
func (ca *CA) forge(t testing.TB, change func(*x509.Certificate)) *KeyPair {
	t.Helper()
	tmpl, err := template("forged", 30*time.Minute, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	tmpl.KeyUsage = x509.KeyUsageDigitalSignature
	tmpl.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
	tmpl.URIs = []*url.URL{{Scheme: "netsy", Host: testCluster, Path: "/peer/node-1"}}
	change(tmpl)
	p, _, err := sign(tmpl, ca.Certificate, ca.key)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func uris(t testing.TB, list ...string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.URIs = nil
		for _, s := range list {
			u, err := url.Parse(s)
			if err != nil {
				t.Fatal(err)
			}
			c.URIs = append(c.URIs, u)
		}
	}
}

// put writes CA, certificate and key into dir as a Source reads them.
func put(t testing.TB, dir string, ca, cert, key []byte) Files {
	t.Helper()
	f := Files{CA: filepath.Join(dir, "ca.crt"), Cert: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key")}
	for name, b := range map[string][]byte{f.CA: ca, f.Cert: cert, f.Key: key} {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func openSource(t testing.TB, f Files) *Source {
	t.Helper()
	s, err := Open(Options{Files: f})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sourceOf is a Source for one issued pair that trusts ca.
func sourceOf(t testing.TB, ca *CA, p *KeyPair) *Source {
	t.Helper()
	return openSource(t, put(t, t.TempDir(), ca.CertPEM, p.CertPEM, p.KeyPEM))
}

func valueOf(m prometheus.Metric) float64 {
	var d dto.Metric
	if err := m.Write(&d); err != nil {
		panic(err)
	}
	return d.GetCounter().GetValue() + d.GetGauge().GetValue()
}
