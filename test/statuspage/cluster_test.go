//go:build linux

package statuspage

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	clientpb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/netsy-io/netsy/pkg/identity"
	"github.com/netsy-io/netsy/test/internal/proc"
)

const clusterID = "shop-prod"

// cluster is three nodes, each with an elector within it, and an elector of its own, on loopback.
type cluster struct {
	t    *testing.T
	dir  string
	ca   *identity.CA
	node map[string]*member
}

type member struct {
	proc           *proc.Proc
	client, health string // addresses
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{t: t, dir: proc.Dir(t, ""), node: map[string]*member{}}
	var err error
	if c.ca, err = identity.NewCA(clusterID, time.Hour); err != nil {
		t.Fatal(err)
	}
	c.must(c.ca.WriteFiles(c.path("ca.crt"), c.path("ca.key"), false))
	cfg, err := json.Marshal(map[string]any{
		"cluster_id": clusterID, "storage": map[string]any{"provider": "file", "bucket_name": c.path("objects")},
		"heartbeat_interval": "300ms", "elector": map[string]any{"primary_prior_timeout": "2s"}, "etcd_api": "etcd",
	})
	c.must(err)
	c.must(os.WriteFile(c.path("cluster.jsonc"), cfg, 0o644))
	return c
}

func (c *cluster) path(name string) string { return filepath.Join(c.dir, name) }

func (c *cluster) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *cluster) issue(role identity.Role, name string) {
	c.t.Helper()
	pair, err := c.ca.Issue(identity.IssueRequest{Role: role, Name: name, IPs: []net.IP{net.IPv4(127, 0, 0, 1)}, Validity: 30 * time.Minute})
	c.must(err)
	c.must(pair.WriteFiles(c.path(name+".crt"), c.path(name+".key"), true))
}

func (c *cluster) start(name, binary string, role identity.Role, args ...string) *member {
	c.t.Helper()
	c.issue(role, name)
	m := &member{client: proc.FreeAddr(c.t), health: proc.FreeAddr(c.t)}
	election, peer := proc.FreeAddr(c.t), proc.FreeAddr(c.t)
	env := map[string]string{
		"NETSY_CONFIG": c.path("cluster.jsonc"), "NETSY_NODE_ID": name, "NETSY_BIND_HEALTH": m.health, "NETSY_BIND_ELECTION": election, "NETSY_ADVERTISE_ELECTION": election,
		"NETSY_TLS_CA": c.path("ca.crt"), "NETSY_TLS_CERT": c.path(name + ".crt"), "NETSY_TLS_KEY": c.path(name + ".key"),
	}
	if binary == "netsy-node" {
		env["NETSY_DATA_DIR"], env["NETSY_BIND_CLIENT"], env["NETSY_ADVERTISE_CLIENT"] = c.path(name), m.client, m.client
		env["NETSY_BIND_PEER"], env["NETSY_ADVERTISE_PEER"] = peer, peer
	}
	var list []string
	for k, v := range env {
		list = append(list, k+"="+v)
	}
	m.proc = proc.Start(c.t, proc.Config{Name: name, Binary: binary, Args: args, Env: list, LogFile: c.path(name + ".log")})
	c.node[name] = m
	return m
}

// view is what the tests need of /status.json.
type view struct {
	Primary *struct {
		NodeID string `json:"node_id"`
	}
	Durability struct {
		Mode   string
		Voters []any
	}
	Elector *struct {
		LeaderID string `json:"leader_id"`
	}
	Nodes []struct {
		NodeID string `json:"node_id"`
		State  *struct{ Health string }
	}
	Page struct {
		Findings []struct{ Level, What string }
	} `json:"status_page"`
}

// await waits until /status.json of a member says what cond wants.
func (c *cluster) await(ctx context.Context, m *member, what string, cond func(view) bool) (v view) {
	c.t.Helper()
	proc.Until(c.t, ctx, what, func(ctx context.Context) error {
		status, body, err := proc.Page(ctx, m.health, "/status.json")
		if err != nil {
			return err
		}
		v = view{}
		if err := json.Unmarshal(body, &v); err != nil {
			return fmt.Errorf("%d: %w: %s", status, err, body)
		}
		if !cond(v) {
			return fmt.Errorf("it says %s", body)
		}
		return nil
	})
	return v
}

// write puts n keys by way of a node.
func (c *cluster) write(ctx context.Context, m *member, n int) {
	c.t.Helper()
	c.issue(identity.RoleClient, "tester")
	pair, err := tls.LoadX509KeyPair(c.path("tester.crt"), c.path("tester.key"))
	c.must(err)
	// The server is the one that this test started; who it is isn't what is tested.
	creds := credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{pair}, InsecureSkipVerify: true})
	conn, err := grpc.NewClient("passthrough:///"+m.client, grpc.WithTransportCredentials(creds))
	c.must(err)
	defer conn.Close()
	kv := clientpb.NewKVClient(conn)
	for i := range n {
		_, err := kv.Put(ctx, &clientpb.PutRequest{Key: fmt.Appendf(nil, "secret-key-%d", i), Value: []byte("secret-value")})
		c.must(err)
	}
}
