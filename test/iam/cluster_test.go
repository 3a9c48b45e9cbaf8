//go:build linux

package iam

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/identity"
	"github.com/netsy-io/netsy/test/internal/load"
	"github.com/netsy-io/netsy/test/internal/proc"
)

const clusterID = "iam-test"

// cluster is a directory with everything that the processes need. Each role has a
// cluster file of its own: they differ in the endpoint, which stands for credentials.
type cluster struct {
	t       *testing.T
	dir     string
	storage func(role, prefix string) map[string]any
	env     []string
	ca      *identity.CA
	members map[string]*member
	started int
}

type member struct{ client, peer, election, health string }

func newCluster(t *testing.T, env []string, storage func(role, prefix string) map[string]any) *cluster {
	t.Helper()
	c := &cluster{t: t, dir: proc.Dir(t, ""), env: env, storage: storage, members: map[string]*member{}}
	var err error
	c.ca, err = identity.NewCA(clusterID, time.Hour)
	must(t, err)
	must(t, c.ca.WriteFiles(c.path("ca.crt"), c.path("ca.key"), false))
	c.issue("client", identity.RoleClient)
	c.issue("admin", identity.RoleAdmin)
	return c
}

func (c *cluster) path(name string) string { return filepath.Join(c.dir, name) }

func (c *cluster) issue(name string, role identity.Role) {
	c.t.Helper()
	pair, err := c.ca.Issue(identity.IssueRequest{Role: role, Name: name, IPs: []net.IP{net.IPv4(127, 0, 0, 1)}, Validity: 30 * time.Minute})
	must(c.t, err)
	must(c.t, pair.WriteFiles(c.path(name+".crt"), c.path(name+".key"), true))
}

// config writes the cluster file of a role, for a cluster under a key prefix.
func (c *cluster) config(role, prefix string) string {
	c.t.Helper()
	b, err := json.MarshalIndent(map[string]any{
		"cluster_id": clusterID, "storage": c.storage(role, prefix), "heartbeat_interval": "200ms",
		"elector":     map[string]any{"primary_prior_timeout": "1500ms", "deregistration_timeout": "2s"},
		"replication": map[string]any{"chunk_buffer": map[string]any{"threshold_size_mb": 1}},
		"snapshot":    map[string]any{"threshold_records": 2, "retention": "10m", "keep": 2},
		"etcd_api":    "etcd", "compaction_interval": "1s",
	}, "", "  ")
	must(c.t, err)
	file := c.path(role + "-" + strings.Trim(prefix, "/") + ".json")
	must(c.t, os.WriteFile(file, b, 0o644))
	return file
}

func (c *cluster) member(id string, role identity.Role) *member {
	if c.members[id] == nil {
		c.issue(id, role)
		c.members[id] = &member{proc.FreeAddr(c.t), proc.FreeAddr(c.t), proc.FreeAddr(c.t), proc.FreeAddr(c.t)}
	}
	return c.members[id]
}

func (c *cluster) startNode(id, prefix string) *proc.Proc { return c.startNodeAs("node", id, prefix) }

func (c *cluster) startNodeAs(role, id, prefix string, args ...string) *proc.Proc {
	m := c.member(id, identity.RolePeer)
	return c.start("netsy-node", id, map[string]string{
		"NETSY_CONFIG": c.config(role, prefix), "NETSY_DATA_DIR": c.path(id), "NETSY_BIND_CLIENT": m.client, "NETSY_ADVERTISE_CLIENT": m.client,
		"NETSY_BIND_PEER": m.peer, "NETSY_ADVERTISE_PEER": m.peer, "NETSY_BIND_ELECTION": m.election, "NETSY_ADVERTISE_ELECTION": m.election, "NETSY_BIND_HEALTH": m.health,
	}, args...)
}

func (c *cluster) startElector(id, prefix string) *proc.Proc {
	m := c.member(id, identity.RoleElector)
	return c.start("netsy-elector", id, map[string]string{
		"NETSY_CONFIG": c.config("elector", prefix), "NETSY_BIND_ELECTION": m.election, "NETSY_ADVERTISE_ELECTION": m.election, "NETSY_BIND_HEALTH": m.health,
	})
}

func (c *cluster) start(binary, id string, env map[string]string, args ...string) *proc.Proc {
	c.t.Helper()
	c.started++
	all := map[string]string{"NETSY_NODE_ID": id, "NETSY_TLS_CA": c.path("ca.crt"), "NETSY_TLS_CERT": c.path(id + ".crt"), "NETSY_TLS_KEY": c.path(id + ".key")}
	maps.Copy(all, env)
	list := slices.Clone(c.env)
	for k, v := range all {
		list = append(list, k+"="+v)
	}
	return proc.Start(c.t, proc.Config{Name: id, Binary: binary, Args: args, Env: list, LogFile: c.path(fmt.Sprintf("%03d-%s.log", c.started, id))})
}

// run runs a program to its end and returns its exit status and output.
func (c *cluster) run(binary string, env map[string]string, args ...string) (int, string) {
	c.t.Helper()
	p := c.start(binary, "tool", env, args...)
	code := p.Exit(2 * time.Minute)
	return code, p.Out.String()
}

// compact runs a compactor once.
func (c *cluster) compact(args ...string) string {
	c.t.Helper()
	code, out := c.run("netsy-compactor", map[string]string{"NETSY_CONFIG": c.config("compactor", keyPrefix), "NETSY_BIND_HEALTH": "127.0.0.1:0"}, args...)
	if code != 0 {
		c.t.Errorf("netsy-compactor %v: exit status %d\n%s", args, code, out)
	}
	return out
}

// ctl runs netsyctl as a role, and expects it to succeed.
func (c *cluster) ctl(role, prefix string, args ...string) string {
	c.t.Helper()
	code, out := c.run("netsyctl", map[string]string{"NETSY_CONFIG": c.config(role, prefix), "NETSY_TLS_CA": c.path("ca.crt"), "NETSY_TLS_CERT": c.path("admin.crt"), "NETSY_TLS_KEY": c.path("admin.key")}, args...)
	if code != 0 {
		c.t.Errorf("netsyctl %v as %s: exit status %d\n%s", args, role, code, out)
	}
	return out
}

func (c *cluster) client(id string) *load.Client {
	c.t.Helper()
	src, err := identity.Open(identity.Options{Files: identity.Files{CA: c.path("ca.crt"), Cert: c.path("client.crt"), Key: c.path("client.key")}})
	must(c.t, err)
	return load.Dial(c.t, id, c.members[id].client, src.ClientCredentials(identity.ExpectNode(clusterID, id)))
}

// primary waits until one of the nodes is the active Primary and all are ready.
func (c *cluster) primary(ctx context.Context, nodes map[string]*proc.Proc) (id string) {
	c.t.Helper()
	proc.Until(c.t, ctx, "there is a Primary and all nodes are ready", func(ctx context.Context) error {
		id = ""
		for n, p := range nodes {
			if !p.Running() {
				c.t.Fatalf("%s ended: %v", n, p.State())
			}
			h, err := proc.AskHealth(ctx, c.members[n].health, "/readyz")
			if err != nil {
				return err
			}
			if h.Status != 200 {
				return fmt.Errorf("%s: %+v", n, h)
			}
			if h.Active() {
				id = n
			}
		}
		if id == "" {
			return fmt.Errorf("no node is the Primary")
		}
		return nil
	})
	return id
}

func (c *cluster) stop(p *proc.Proc) {
	c.t.Helper()
	if code := p.Stop(); code != 0 {
		c.t.Errorf("%s: exit status %d", p.Name, code)
	}
}
