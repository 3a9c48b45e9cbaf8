package netsyctl

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/identity"
)

// What the commands write is what a process loads.
func TestCertificatesWork(t *testing.T) {
	dir := t.TempDir()
	mustRun(t, "cert", "ca", "--cluster-id", "dev", "--dir", dir)
	for _, tc := range []struct {
		base string
		args []string
		want identity.Identity
	}{
		{"node-1", []string{"node", "--dir", dir, "--dns", "localhost", "--ip", "127.0.0.1", "--ip", "::1", "node-1"},
			identity.Identity{ClusterID: "dev", Role: identity.RolePeer, Name: "node-1"}},
		{"elector-e", []string{"elector", "--dir", dir, "e"}, identity.Identity{ClusterID: "dev", Role: identity.RoleElector, Name: "e"}},
		{"client-kube-apiserver", []string{"client", "--dir", dir, "kube-apiserver"},
			identity.Identity{ClusterID: "dev", Role: identity.RoleClient, Name: "kube-apiserver"}},
		{"admin-alice", []string{"admin", "--dir", dir, "--validity", "24h", "alice"},
			identity.Identity{ClusterID: "dev", Role: identity.RoleAdmin, Name: "alice"}},
	} {
		out := mustRun(t, append([]string{"cert"}, tc.args...)...)
		if !strings.Contains(out, tc.want.String()) {
			t.Errorf("%v reports\n%s", tc.args, out)
		}
		src, err := identity.Open(identity.Options{Files: identity.Files{CA: filepath.Join(dir, "ca.crt"),
			Cert: filepath.Join(dir, tc.base+".crt"), Key: filepath.Join(dir, tc.base+".key")}})
		if err != nil || src.Identity() != tc.want {
			t.Errorf("%s: %v", tc.base, err)
		}
	}
}

func TestIssueInto(t *testing.T) {
	caDir, dir := t.TempDir(), filepath.Join(t.TempDir(), "new")
	mustRun(t, "cert", "ca", "--cluster-id", "dev", "--dir", caDir)
	var got written
	out := mustRun(t, "cert", "node", "-o", "json", "--ca-dir", caDir, "--dir", dir, "--ip", "10.0.0.1", "n")
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if got.Cert != filepath.Join(dir, "n.crt") || got.Identity != "netsy://dev/peer/n" {
		t.Errorf("got %+v", got)
	}
	if st, err := os.Stat(got.Key); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("key: %v, %v", st, err)
	}
}

func TestIssueRefuses(t *testing.T) {
	dir := t.TempDir()
	mustRun(t, "cert", "ca", "--cluster-id", "dev", "--dir", dir, "--validity", "48h")
	mustRun(t, "cert", "admin", "--dir", dir, "--validity", "1h", "alice")
	for says, args := range map[string][]string{
		"needs a --dns or --ip":       {"node", "--dir", dir, "n"},
		"must be an IP address":       {"node", "--dir", dir, "--ip", "localhost", "n"},
		"CA's file names":             {"node", "--dir", dir, "--ip", "::1", "--force", "ca"},
		"would outlive its CA":        {"admin", "--dir", dir, "bob"},
		"name must be lowercase":      {"admin", "--dir", dir, "--validity", "1h", "Bob"},
		"validity must be positive":   {"admin", "--dir", dir, "--validity", "-1h", "bob"},
		"(--force replaces it)":       {"admin", "--dir", dir, "--validity", "1h", "alice"},
		"of the old CA useless":       {"ca", "--cluster-id", "dev", "--dir", dir},
		"cluster id must be":          {"ca", "--cluster-id", "Dev", "--dir", dir, "--force"},
		"make one with netsyctl cert": {"admin", "--dir", filepath.Join(dir, "none"), "bob"},
	} {
		if out, err := run(t, append([]string{"cert"}, args...)...); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v: got %v, want %q\n%s", args, err, says, out)
		}
	}
	before, _ := os.ReadFile(filepath.Join(dir, "admin-alice.crt"))
	mustRun(t, "cert", "admin", "--dir", dir, "--validity", "1h", "--force", "alice")
	if after, _ := os.ReadFile(filepath.Join(dir, "admin-alice.crt")); string(after) == string(before) {
		t.Error("--force did not replace the certificate")
	}
}

func TestInspect(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	for _, d := range []string{dir, other} {
		mustRun(t, "cert", "ca", "--cluster-id", "dev", "--dir", d)
	}
	mustRun(t, "cert", "node", "--dir", dir, "--dns", "h.example", "--ip", "10.0.0.1", "n")
	cert := filepath.Join(dir, "n.crt")
	out := mustRun(t, "cert", "inspect", "--ca", filepath.Join(dir, "ca.crt"), cert)
	for _, want := range []string{"netsy://dev/peer/n", "client, server", "h.example, 10.0.0.1"} {
		if !strings.Contains(out, want) {
			t.Errorf("inspect lacks %q:\n%s", want, out)
		}
	}
	mustRun(t, "cert", "inspect", filepath.Join(dir, "ca.crt"))
	var list []inspected
	out, err := run(t, "cert", "inspect", "-o", "json", "--ca", filepath.Join(other, "ca.crt"), cert)
	if err == nil || json.Unmarshal([]byte(out), &list) != nil || len(list) != 1 || len(list[0].Problems) != 1 {
		t.Errorf("with another CA: %v\n%s", err, out)
	}
	if _, err := run(t, "cert", "inspect", filepath.Join(dir, "n.key")); err == nil || !strings.Contains(err.Error(), "holds no certificate") {
		t.Errorf("a key: %v", err)
	}
}

// A certificate with everything wrong that can be.
func TestInspectNamesProblems(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	year := func(y int) time.Time { return time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC) }
	peer := &url.URL{Scheme: "netsy", Host: "dev", Path: "/peer/n"}
	for says, c := range map[string]*x509.Certificate{
		"0 URI SANs":                  {NotAfter: year(9000)},
		"expired at 2020":             {NotAfter: year(2020)},
		"not valid before 9000":       {NotBefore: year(9000), NotAfter: year(9001)},
		"not good for clients":        {NotAfter: year(9000), URIs: []*url.URL{peer}},
		"not good for servers, which": {NotAfter: year(9000), URIs: []*url.URL{peer}},
		"names no host":               {NotAfter: year(9000), URIs: []*url.URL{peer}},
	} {
		c.SerialNumber = big.NewInt(1)
		der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(t.TempDir(), "c.pem")
		if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := run(t, "cert", "inspect", name); err == nil || !strings.Contains(out, "PROBLEM") || !strings.Contains(out, says) {
			t.Errorf("want %q, got %v\n%s", says, err, out)
		}
	}
}
