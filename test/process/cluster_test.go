//go:build linux

package process

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/identity"
	"github.com/netsy-io/netsy/pkg/verify/verifytest"
	"github.com/netsy-io/netsy/test/internal/proc"
)

const clusterID = "process-test"

// Times of the test clusters: short, so that tests are, but with room for a busy
// machine before anything counts as dead.
const (
	heartbeat    = 200 * time.Millisecond
	priorTimeout = 1500 * time.Millisecond
)

// cluster is a directory with everything that its processes need.
type cluster struct {
	t       testing.TB
	dir     string
	objects string // the object store's directory
	config  string
	ca      *identity.CA
	nodes   map[string]*nodeSpec
	started int
}

// nodeSpec is what a node, or an elector, is told each time it is started.
type nodeSpec struct {
	id       string
	client   string // addresses; electors have only election and health
	peer     string
	election string
	health   string
	data     string
	env      map[string]string // what differs from the usual
	attr     *syscall.SysProcAttr
}

func newCluster(t testing.TB) *cluster {
	t.Helper()
	c := &cluster{t: t, dir: proc.Dir(t, os.Getenv("NETSY_PROCESS_KEEP")), nodes: map[string]*nodeSpec{}}
	c.objects, c.config = filepath.Join(c.dir, "objects"), filepath.Join(c.dir, "cluster.jsonc")
	var err error
	if c.ca, err = identity.NewCA(clusterID, time.Hour); err != nil {
		t.Fatal(err)
	}
	c.must(c.ca.WriteFiles(c.path("ca.crt"), c.path("ca.key"), false))
	c.issue("client", identity.RoleClient, "tester")
	c.writeConfig(nil)
	t.Cleanup(func() { verifytest.SoundDir(t, c.objects) }) // after the processes' own
	return c
}

func (c *cluster) path(name string) string { return filepath.Join(c.dir, name) }

func (c *cluster) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *cluster) issue(file string, role identity.Role, name string) {
	c.t.Helper()
	pair, err := c.ca.Issue(identity.IssueRequest{Role: role, Name: name, IPs: []net.IP{net.IPv4(127, 0, 0, 1)}, Validity: 30 * time.Minute})
	c.must(err)
	c.must(pair.WriteFiles(c.path(file+".crt"), c.path(file+".key"), true))
}

func (c *cluster) certs(name string) identity.Files {
	return identity.Files{CA: c.path("ca.crt"), Cert: c.path(name + ".crt"), Key: c.path(name + ".key")}
}

// writeConfig writes the cluster file. Compaction is off: watches begin at revision 1.
func (c *cluster) writeConfig(change func(map[string]any)) {
	c.t.Helper()
	cfg := map[string]any{
		"cluster_id":          clusterID,
		"storage":             map[string]any{"provider": "file", "bucket_name": c.objects},
		"heartbeat_interval":  heartbeat.String(),
		"elector":             map[string]any{"degradation_count": 2, "primary_prior_timeout": priorTimeout.String()},
		"compaction_interval": "0",
	}
	if change != nil {
		change(cfg)
	}
	b, err := json.MarshalIndent(cfg, "", "  ")
	c.must(err)
	c.must(os.WriteFile(c.config, append([]byte("// made by a test\n"), b...), 0o644))
}

// node returns what the node is told, and makes it up the first time.
func (c *cluster) node(id string) *nodeSpec {
	c.t.Helper()
	if c.nodes[id] == nil {
		c.issue(id, identity.RolePeer, id)
		c.nodes[id] = &nodeSpec{
			id: id, client: proc.FreeAddr(c.t), peer: proc.FreeAddr(c.t), election: proc.FreeAddr(c.t), health: proc.FreeAddr(c.t),
			data: c.path(id), env: map[string]string{},
		}
	}
	return c.nodes[id]
}

func (c *cluster) elector(id string) *nodeSpec {
	c.t.Helper()
	if c.nodes[id] == nil {
		c.issue(id, identity.RoleElector, id)
		c.nodes[id] = &nodeSpec{id: id, election: proc.FreeAddr(c.t), health: proc.FreeAddr(c.t), env: map[string]string{}}
	}
	return c.nodes[id]
}

func (c *cluster) startNode(id string, args ...string) *proc.Proc {
	c.t.Helper()
	n := c.node(id)
	env := c.common(n)
	for k, v := range map[string]string{
		"NETSY_DATA_DIR": n.data, "NETSY_BIND_CLIENT": n.client, "NETSY_ADVERTISE_CLIENT": n.client,
		"NETSY_BIND_PEER": n.peer, "NETSY_ADVERTISE_PEER": n.peer,
	} {
		env[k] = v
	}
	return c.launch(n, "netsy-node", env, args)
}

func (c *cluster) startElector(id string) *proc.Proc {
	c.t.Helper()
	n := c.elector(id)
	return c.launch(n, "netsy-elector", c.common(n), nil)
}

func (c *cluster) common(n *nodeSpec) map[string]string {
	f := c.certs(n.id)
	return map[string]string{
		"NETSY_CONFIG": c.config, "NETSY_NODE_ID": n.id, "NETSY_TLS_CA": f.CA, "NETSY_TLS_CERT": f.Cert, "NETSY_TLS_KEY": f.Key,
		"NETSY_BIND_ELECTION": n.election, "NETSY_ADVERTISE_ELECTION": n.election, "NETSY_BIND_HEALTH": n.health,
		"NETSY_LOG_LEVEL": "debug",
	}
}

func (c *cluster) launch(n *nodeSpec, binary string, env map[string]string, args []string) *proc.Proc {
	c.t.Helper()
	for k, v := range n.env {
		env[k] = v
	}
	var list []string
	for k, v := range env {
		list = append(list, k+"="+v)
	}
	c.started++
	return proc.Start(c.t, proc.Config{
		Name: fmt.Sprintf("%s (%s, start %d)", n.id, binary, c.started), Binary: binary, Args: args, Env: list,
		LogFile: c.path(fmt.Sprintf("%03d-%s.log", c.started, n.id)), Attr: n.attr,
	})
}
