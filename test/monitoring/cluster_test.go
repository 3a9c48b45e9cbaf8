package monitoring

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/identity"
	"github.com/netsy-io/netsy/test/internal/check"
	"github.com/netsy-io/netsy/test/internal/load"
	"github.com/netsy-io/netsy/test/internal/proc"
)

const clusterID = "watched"

// members of the cluster, as most clusters are: nodes, electors beside them, and a compactor.
var members = []string{"node-1", "node-2", "node-3", "elector-1", "elector-2", "compactor-1"}

// cluster is real processes over a directory as the bucket.
type cluster struct {
	t    testing.TB
	dir  string
	ca   *identity.CA
	all  map[string]*member
	made int // processes

	pause string // of the compactor between two passes
}

type member struct {
	id     string
	health string
	env    []string
	args   []string
	client string
	*proc.Proc
}

// startCluster starts every member and waits until all nodes are voters. settings goes into the
// cluster file; pause is the compactor's between two passes.
func startCluster(t testing.TB, pause string, settings map[string]any) *cluster {
	t.Helper()
	c := &cluster{t: t, dir: proc.Dir(t, ""), pause: pause, all: map[string]*member{}}
	var err error
	c.ca, err = identity.NewCA(clusterID, 365*24*time.Hour)
	must(t, err)
	must(t, c.ca.WriteFiles(c.path("ca.crt"), c.path("ca.key"), false))
	c.issue("client", identity.RoleClient, "tester")
	must(t, os.Mkdir(c.path("objects"), 0o700))
	settings["cluster_id"] = clusterID
	settings["storage"] = map[string]any{"provider": "file", "bucket_name": c.path("objects")}
	b, err := json.Marshal(settings)
	must(t, err)
	must(t, os.WriteFile(c.path("cluster.jsonc"), b, 0o600))
	for _, id := range members {
		c.add(id)
		c.start(id)
	}
	c.awaitVoters()
	return c
}

func (c *cluster) path(name string) string { return filepath.Join(c.dir, name) }

func (c *cluster) issue(file string, role identity.Role, name string) {
	c.t.Helper()
	pair, err := c.ca.Issue(identity.IssueRequest{Role: role, Name: name, IPs: []net.IP{net.IPv4(127, 0, 0, 1)}, Validity: 90 * 24 * time.Hour})
	must(c.t, err)
	must(c.t, pair.WriteFiles(c.path(file+".crt"), c.path(file+".key"), true))
}

func (c *cluster) add(id string) {
	c.t.Helper()
	m := &member{id: id, health: proc.FreeAddr(c.t)}
	env := func(name, value string) { m.env = append(m.env, "NETSY_"+name+"="+value) }
	env("CONFIG", c.path("cluster.jsonc"))
	env("NODE_ID", id)
	env("BIND_HEALTH", m.health)
	kind, _, _ := strings.Cut(id, "-")
	role := map[string]identity.Role{"node": identity.RolePeer, "elector": identity.RoleElector}[kind]
	if kind == "compactor" {
		m.args = []string{"--interval", c.pause, "--dir", c.dir}
	} else {
		c.issue(id, role, id)
		env("TLS_CA", c.path("ca.crt"))
		env("TLS_CERT", c.path(id+".crt"))
		env("TLS_KEY", c.path(id+".key"))
		election := proc.FreeAddr(c.t)
		env("BIND_ELECTION", election)
		env("ADVERTISE_ELECTION", election)
	}
	if kind == "node" {
		m.client = proc.FreeAddr(c.t)
		peer := proc.FreeAddr(c.t)
		env("DATA_DIR", c.path(id))
		env("BIND_CLIENT", m.client)
		env("ADVERTISE_CLIENT", m.client)
		env("BIND_PEER", peer)
		env("ADVERTISE_PEER", peer)
	}
	c.all[id] = m
}

func (c *cluster) start(id string) {
	c.t.Helper()
	m := c.all[id]
	kind, _, _ := strings.Cut(id, "-")
	c.made++
	m.Proc = proc.Start(c.t, proc.Config{
		Name: fmt.Sprintf("%s (start %d)", id, c.made), Binary: "netsy-" + kind, Args: m.args, Env: m.env,
		LogFile: c.path(fmt.Sprintf("%02d-%s.log", c.made, id)),
	})
}

func (c *cluster) nodes() (ids []string) {
	for _, id := range members {
		if strings.HasPrefix(id, "node") {
			ids = append(ids, id)
		}
	}
	return ids
}

// primary waits until a running node is the active Primary.
func (c *cluster) primary() (id string) {
	c.t.Helper()
	proc.Until(c.t, c.t.Context(), "a node is the active Primary", func(ctx context.Context) error {
		for _, id = range c.nodes() {
			if h, err := proc.AskHealth(ctx, c.all[id].health, "/readyz"); err == nil && h.Status == 200 && h.Active() {
				return nil
			}
		}
		return errors.New("none is")
	})
	return id
}

// awaitVoters waits until receipts of all nodes count.
func (c *cluster) awaitVoters() {
	c.t.Helper()
	proc.Until(c.t, c.t.Context(), "all nodes are voters, in mode quorum", func(context.Context) error {
		var j struct {
			Durability struct {
				Mode   string            `json:"mode"`
				Voters []json.RawMessage `json:"voters"`
			} `json:"durability"`
		}
		b, err := os.ReadFile(c.path("objects/cluster.json"))
		if err == nil {
			err = json.Unmarshal(b, &j)
		}
		if err == nil && (j.Durability.Mode != "quorum" || len(j.Durability.Voters) != len(c.nodes())) {
			err = fmt.Errorf("durability is %+v", j.Durability)
		}
		return err
	})
	c.primary()
}

// use has clients write, read and watch at every node until the test ends.
func (c *cluster) use(pace time.Duration, work ...load.Job) {
	c.t.Helper()
	src, err := identity.Open(identity.Options{Files: identity.Files{CA: c.path("ca.crt"), Cert: c.path("client.crt"), Key: c.path("client.key")}})
	must(c.t, err)
	h := check.NewHistory()
	for _, id := range c.nodes() {
		cl := load.Dial(c.t, id, c.all[id].client, src.ClientCredentials(identity.ExpectNode(clusterID, id)))
		load.Watch(c.t, cl, 1)
		l := load.New(h, cl, id)
		l.Pace = pace
		if len(work) > 0 {
			l.Work = work
		}
		l.Start(c.t)
	}
}
