package config

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/netsy-io/netsy/pkg/identity"
)

// env is what a process is given, by flag.
type env map[string]string

func (e env) get(flag string) string { return e[flag] }

func (e env) with(kv ...string) env {
	out := env{}
	for k, v := range e {
		out[k] = v
	}
	for i := 0; i < len(kv); i += 2 {
		out[kv[i]] = kv[i+1]
	}
	return out
}

// goodEnv is a node's (or elector's) environment without mistakes.
func goodEnv(t *testing.T, role identity.Role) env {
	t.Helper()
	dir := t.TempDir()
	ca, err := identity.NewCA("dev", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := ca.Issue(identity.IssueRequest{Role: role, Name: "node-1", IPs: []net.IP{net.IPv4(127, 0, 0, 1)}, Validity: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	e := env{"node-id": "node-1", "config": filepath.Join(dir, "c.jsonc"), "tls-ca": filepath.Join(dir, "ca"),
		"tls-cert": filepath.Join(dir, "cert"), "tls-key": filepath.Join(dir, "key"), "advertise-client": "10.0.0.1:2378"}
	for name, b := range map[string][]byte{e["config"]: []byte(minimal), e["tls-ca"]: ca.CertPEM, e["tls-cert"]: pair.CertPEM, e["tls-key"]: pair.KeyPEM} {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return e
}

func TestResolveNode(t *testing.T) {
	p, err := Resolve(NodeProgram, goodEnv(t, identity.RolePeer).get)
	if err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for what, v := range map[string][2]string{
		"data dir": {p.DataDir, "/var/lib/netsy"}, "bind client": {p.BindClient, ":2378"}, "bind peer": {p.BindPeer, ":2381"},
		"bind election": {p.BindElection, ":8443"}, "bind health": {p.BindHealth, ":8080"},
		"advertise client": {p.AdvertiseClient, "10.0.0.1:2378"}, "advertise peer": {p.AdvertisePeer, net.JoinHostPort(host, "2381")},
		"advertise election": {p.AdvertiseElection, net.JoinHostPort(host, "8443")}, "cluster": {p.Cluster.ClusterID, "dev"},
	} {
		if v[0] != v[1] {
			t.Errorf("%s is %q, want %q", what, v[0], v[1])
		}
	}
	if got := p.ValueCache(); got != 12<<20 {
		t.Errorf("%d bytes for values", got)
	}
	if l := p.NewLogger("netsy", io.Discard); !l.IsInfo() || l.IsDebug() {
		t.Error("the logger has another level")
	}
}

func TestResolveElectorAndCompactor(t *testing.T) {
	p, err := Resolve(ElectorProgram, goodEnv(t, identity.RoleElector).get)
	if err != nil || p.BindClient != "" || p.DataDir != "" || p.BindElection != ":8443" {
		t.Errorf("elector: %+v, %v", p, err)
	}
	e := goodEnv(t, identity.RolePeer)
	p, err = Resolve(CompactorProgram, env{"node-id": "c-1", "config": e["config"]}.get)
	if err != nil || p.TLS != (identity.Files{}) {
		t.Errorf("compactor: %+v, %v", p, err)
	}
	if p, err = Resolve(CompactorProgram, env{"config": e["config"]}.get); err != nil || p.NodeID != "" {
		t.Errorf("compactor without an id: %+v, %v", p, err)
	}
	if _, err = Resolve(CompactorProgram, env{"node-id": "C 1", "config": e["config"]}.get); err == nil {
		t.Error("a compactor's id may be anything")
	}
}

func TestResolveRefuses(t *testing.T) {
	good := goodEnv(t, identity.RolePeer)
	other := goodEnv(t, identity.RolePeer)
	elector := goodEnv(t, identity.RoleElector)
	elsewhere := filepath.Join(t.TempDir(), "c.jsonc")
	if err := os.WriteFile(elsewhere, []byte(strings.Replace(minimal, `"dev"`, `"prod"`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		change     []string
		path, says string
	}{
		{[]string{"node-id", ""}, "NETSY_NODE_ID (--node-id)", "is required"},
		{[]string{"node-id", "Node"}, "NETSY_NODE_ID (--node-id)", "must be lowercase"},
		{[]string{"node-id", "node-2"}, "NETSY_TLS_CERT (--tls-cert)", "is for netsy://dev/peer/node-1, but this process is netsy://dev/peer/node-2"},
		{[]string{"config", ""}, "NETSY_CONFIG (--config)", "is required"},
		{[]string{"config", "/none"}, "", "can't be read"},
		{[]string{"config", elsewhere}, "NETSY_TLS_CERT (--tls-cert)", "but this process is netsy://prod/peer/node-1"},
		{[]string{"tls-ca", elector["tls-ca"], "tls-cert", elector["tls-cert"], "tls-key", elector["tls-key"]},
			"NETSY_TLS_CERT (--tls-cert)", "is for netsy://dev/elector/node-1"},
		{[]string{"tls-key", ""}, "NETSY_TLS_KEY (--tls-key)", "is required"},
		{[]string{"tls-key", "/none"}, "NETSY_TLS_CERT (--tls-cert)", "/none"},
		{[]string{"tls-ca", other["tls-ca"]}, "NETSY_TLS_CERT (--tls-cert)", "unknown authority"},
		{[]string{"bind-client", "2378"}, "NETSY_BIND_CLIENT (--bind-client)", "must be [host]:port"},
		{[]string{"bind-client", ":http"}, "NETSY_BIND_CLIENT (--bind-client)", "must have a port from 0 to 65535"},
		{[]string{"bind-client", ":65536"}, "NETSY_BIND_CLIENT (--bind-client)", "must have a port"},
		{[]string{"bind-peer", ":2378"}, "NETSY_BIND_PEER (--bind-peer)", "must not be the address of NETSY_BIND_CLIENT"},
		{[]string{"bind-peer", "127.0.0.1:2378"}, "NETSY_BIND_PEER (--bind-peer)", "must not be the address of"},
		{[]string{"bind-health", ":8443"}, "NETSY_BIND_HEALTH (--bind-health)", "must not be the address of"},
		{[]string{"bind-peer", ":0"}, "NETSY_ADVERTISE_PEER (--advertise-peer)", "must be given, because"},
		{[]string{"advertise-client", "0.0.0.0:2378"}, "NETSY_ADVERTISE_CLIENT (--advertise-client)", "must name a host"},
		{[]string{"advertise-client", "[::]:2378"}, "NETSY_ADVERTISE_CLIENT (--advertise-client)", "must name a host"},
		{[]string{"advertise-client", ":2378"}, "NETSY_ADVERTISE_CLIENT (--advertise-client)", "must name a host"},
		{[]string{"advertise-client", "h"}, "NETSY_ADVERTISE_CLIENT (--advertise-client)", "must be host:port, such as"},
		{[]string{"advertise-client", "h:0"}, "NETSY_ADVERTISE_CLIENT (--advertise-client)", "from 1 to 65535"},
		{[]string{"advertise-client", "https://h:2378"}, "NETSY_ADVERTISE_CLIENT (--advertise-client)", "without a scheme"},
		{[]string{"advertise-client", "h/x:1"}, "NETSY_ADVERTISE_CLIENT (--advertise-client)", "plain host name"},
		{[]string{"value-cache-mb", "-1"}, "NETSY_VALUE_CACHE_MB (--value-cache-mb)", "from 0 (no bound)"},
		{[]string{"value-cache-mb", "16MiB"}, "NETSY_VALUE_CACHE_MB (--value-cache-mb)", `got "16MiB"`},
		{[]string{"value-cache-mb", "1048577"}, "NETSY_VALUE_CACHE_MB (--value-cache-mb)", "to 1048576"},
		{[]string{"log-level", "loud"}, "NETSY_LOG_LEVEL (--log-level)", "must be one of"},
		{[]string{"log-format", "xml"}, "NETSY_LOG_FORMAT (--log-format)", "must be one of"},
	} {
		_, err := Resolve(NodeProgram, good.with(tc.change...).get)
		var ps Problems
		if !errors.As(err, &ps) || len(ps) != 1 || ps[0].Path != tc.path || !strings.Contains(ps[0].Message, tc.says) {
			t.Errorf("%v:\n got %v\nwant %s: %s", tc.change, err, tc.path, tc.says)
		}
	}
	for _, ok := range [][]string{
		{"bind-client", "10.0.0.1:1", "bind-peer", "10.0.0.2:1"},
		{"bind-peer", "127.0.0.1:0", "advertise-peer", "h:1", "bind-health", "127.0.0.1:0"},
		{"advertise-client", "[::1]:2378"},
	} {
		if _, err := Resolve(NodeProgram, good.with(ok...).get); err != nil {
			t.Errorf("%v: %v", ok, err)
		}
	}
	p, err := Resolve(NodeProgram, good.with("bind-peer", "10.0.0.9:99").get)
	if err != nil || p.AdvertisePeer != "10.0.0.9:99" {
		t.Errorf("a bound host is not advertised: %+v, %v", p, err)
	}
}

func TestResolveReportsFileAndEnvironmentTogether(t *testing.T) {
	e := goodEnv(t, identity.RolePeer)
	if err := os.WriteFile(e["config"], []byte(`{"cluster_id": "Dev", "storage": {}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Resolve(NodeProgram, e.with("node-id", "", "log-level", "x", "bind-peer", "y", "tls-ca", "").get)
	var ps Problems
	if !errors.As(err, &ps) || len(ps) != 7 {
		t.Fatalf("got %v", err)
	}
	for _, s := range []string{"cluster_id", "storage.provider", "storage.bucket_name", "NETSY_NODE_ID", "NETSY_LOG_LEVEL", "NETSY_BIND_PEER", "NETSY_TLS_CA"} {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("%s is not reported: %v", s, err)
		}
	}
}

func TestHostNameUnknown(t *testing.T) {
	r := &resolver{program: NodeProgram, process: &Process{}, bad: map[string]bool{},
		hostname: func() (string, error) { return "", errors.New("none") }}
	r.take(env{}.get)
	r.problems = nil
	r.checkAddresses()
	if len(r.problems) != 3 || !strings.Contains(r.problems[0].Message, "host name can't be found: none") {
		t.Errorf("got %v", r.problems)
	}
}

// Through real flags and environment variables: a flag wins, an empty variable is none.
func TestFromFlags(t *testing.T) {
	e := goodEnv(t, identity.RolePeer)
	for flag, v := range e {
		t.Setenv(settingOf(flag).env, v)
	}
	t.Setenv("NETSY_BIND_HEALTH", "")
	t.Setenv("NETSY_LOG_LEVEL", "warn")
	var p *Process
	var validate bool
	app := &cli.App{Flags: Flags(NodeProgram), Action: func(c *cli.Context) (err error) {
		validate = c.Bool("validate")
		p, err = FromFlags(NodeProgram, c)
		return err
	}}
	if err := app.Run([]string{"netsy-node", "--validate", "--log-level", "debug"}); err != nil {
		t.Fatal(err)
	}
	if !validate || p.LogLevel != "debug" || p.BindHealth != ":8080" || p.NodeID != "node-1" {
		t.Errorf("got %+v", p)
	}
}
