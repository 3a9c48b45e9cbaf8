//go:build linux

package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"

	"github.com/netsy-io/netsy/pkg/identity"
	"github.com/netsy-io/netsy/test/internal/load"
	"github.com/netsy-io/netsy/test/internal/proc"
)

const clusterID = "fault-runs"

// Times of the test clusters: short, so that much happens in a run, but with room for a
// busy machine before anything counts as dead.
const (
	heartbeat    = 200 * time.Millisecond
	priorTimeout = 1500 * time.Millisecond
)

// cluster is some nodes and electors, and what is between them.
type cluster struct {
	t       testing.TB
	ctx     context.Context
	dir     string
	ca      *identity.CA
	net     *network
	bucket  *bucket
	change  func(config map[string]any)
	members map[string]*member
	lost    map[ref]bool // deleted disks
	started int
}

// member is a node, an elector or a compactor.
type member struct {
	id     string
	binary string // netsy-node, netsy-elector or netsy-compactor
	store  *front

	client, peer, election, health string // where it listens
	advertised                     map[string]string
	data                           string

	*proc.Proc      // the present one; nil before the first
	paused     bool // by SIGSTOP
}

// newCluster makes a cluster of the members, whose names begin with "node", "elector" or
// "compactor", and starts none. change may alter the cluster file.
func newCluster(t testing.TB, change func(map[string]any), members ...string) *cluster {
	t.Helper()
	dir := proc.Dir(t, *keep)
	c := &cluster{t: t, ctx: t.Context(), dir: dir, net: newNetwork(t), bucket: newBucket(t, dir), change: change, members: map[string]*member{}, lost: map[ref]bool{}}
	var err error
	c.ca, err = identity.NewCA(clusterID, 48*time.Hour)
	c.must(err)
	c.must(c.ca.WriteFiles(c.path("ca.crt"), c.path("ca.key"), false))
	c.issue("client", identity.RoleClient, "tester")
	for _, id := range members {
		c.add(id)
	}
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
	pair, err := c.ca.Issue(identity.IssueRequest{Role: role, Name: name, IPs: []net.IP{net.IPv4(127, 0, 0, 1)}, Validity: 24 * time.Hour})
	c.must(err)
	c.must(pair.WriteFiles(c.path(file+".crt"), c.path(file+".key"), true))
}

func (c *cluster) certs(name string) identity.Files {
	return identity.Files{CA: c.path("ca.crt"), Cert: c.path(name + ".crt"), Key: c.path(name + ".key")}
}

// add makes a member's addresses, certificate and configuration. Others reach it
// through the network; clients and the tests' own questions go to it directly.
func (c *cluster) add(id string) *member {
	c.t.Helper()
	m := &member{
		id: id, binary: "netsy-" + id[:strings.Index(id, "-")], store: c.bucket.front(), advertised: map[string]string{},
		election: proc.FreeAddr(c.t), health: proc.FreeAddr(c.t),
	}
	m.advertised["NETSY_ADVERTISE_ELECTION"] = c.net.front(id, m.election)
	role := identity.RoleElector
	if m.node() {
		role = identity.RolePeer
		m.client, m.peer, m.data = proc.FreeAddr(c.t), proc.FreeAddr(c.t), c.path(id)
		m.advertised["NETSY_ADVERTISE_PEER"] = c.net.front(id, m.peer)
		m.advertised["NETSY_ADVERTISE_CLIENT"] = m.client
	}
	c.issue(id, role, id)
	c.writeConfig(m)
	c.members[id] = m
	return m
}

// writeConfig writes the member's copy of the cluster file: the same for all, but for
// the way to the bucket. Compaction is off: watches begin at revision 1.
func (c *cluster) writeConfig(m *member) {
	c.t.Helper()
	cfg := map[string]any{
		"cluster_id": clusterID,
		"storage": map[string]any{
			"provider": "s3", "bucket_name": s3Bucket, "endpoint": m.store.URL, "region": s3Region, "path_style": true,
		},
		"heartbeat_interval":  heartbeat.String(),
		"elector":             map[string]any{"degradation_count": 2, "primary_prior_timeout": priorTimeout.String()},
		"compaction_interval": "0",
	}
	if c.change != nil {
		c.change(cfg)
	}
	b, err := json.MarshalIndent(cfg, "", "  ")
	c.must(err)
	c.must(os.WriteFile(c.path(m.id+".jsonc"), b, 0o644))
}

// start starts the member's process.
func (c *cluster) start(id string) {
	c.t.Helper()
	m, f := c.members[id], c.certs(id)
	var args []string
	env := map[string]string{
		"NETSY_CONFIG": c.path(id + ".jsonc"), "NETSY_NODE_ID": id, "NETSY_TLS_CA": f.CA, "NETSY_TLS_CERT": f.Cert, "NETSY_TLS_KEY": f.Key,
		"NETSY_BIND_ELECTION": m.election, "NETSY_BIND_HEALTH": m.health, "NETSY_LOG_LEVEL": "debug",
		"AWS_ACCESS_KEY_ID": s3Access, "AWS_SECRET_ACCESS_KEY": s3Secret,
	}
	if m.node() {
		env["NETSY_DATA_DIR"], env["NETSY_BIND_CLIENT"], env["NETSY_BIND_PEER"] = m.data, m.client, m.peer
	}
	if m.binary == "netsy-compactor" {
		env = map[string]string{
			"NETSY_CONFIG": env["NETSY_CONFIG"], "NETSY_NODE_ID": id, "NETSY_BIND_HEALTH": m.health, "NETSY_LOG_LEVEL": "debug",
			"AWS_ACCESS_KEY_ID": s3Access, "AWS_SECRET_ACCESS_KEY": s3Secret,
		}
		args = []string{"--interval", "1s", "--dir", c.dir}
	} else {
		maps.Copy(env, m.advertised)
	}
	var list []string
	for k, v := range env {
		list = append(list, k+"="+v)
	}
	c.started++
	m.Proc = proc.Start(c.t, proc.Config{
		Name: fmt.Sprintf("%s (start %d)", id, c.started), Binary: m.binary, Args: args, Env: list,
		LogFile: c.path(fmt.Sprintf("%03d-%s.log", c.started, id)),
	})
	c.net.joins(m.Pid(), id)
}

// startAll starts every member, and waits until a node is active.
func (c *cluster) startAll() {
	c.t.Helper()
	for _, id := range c.names(nil) {
		c.start(id)
	}
	c.awaitActive()
}

// names returns the members for which f holds, in order; nil: all.
func (c *cluster) names(f func(*member) bool) (ids []string) {
	for _, id := range slices.Sorted(maps.Keys(c.members)) {
		if f == nil || f(c.members[id]) {
			ids = append(ids, id)
		}
	}
	return ids
}

func (m *member) node() bool { return m.binary == "netsy-node" }

func (c *cluster) nodes() []string { return c.names((*member).node) }
func (c *cluster) electors() []string {
	return c.names(func(m *member) bool { return m.binary == "netsy-elector" })
}

// others returns all members but those.
func (c *cluster) others(ids ...string) []string {
	return c.names(func(m *member) bool { return !slices.Contains(ids, m.id) })
}

func (c *cluster) kill(id string) {
	c.t.Helper()
	m := c.members[id]
	m.Kill()
	c.net.left(m.Pid())
	m.paused = false
}

// stop has the member end by itself.
func (c *cluster) stop(id string) {
	c.t.Helper()
	m := c.members[id]
	if code := m.Stop(); code != 0 {
		c.t.Errorf("%s: exit status %d", m.Name, code)
	}
	c.net.left(m.Pid())
}

func (c *cluster) pause(id string) {
	c.t.Helper()
	c.members[id].Signal(syscall.SIGSTOP)
	c.members[id].paused = true
}

func (c *cluster) goOn(id string) {
	c.t.Helper()
	c.members[id].Signal(syscall.SIGCONT)
	c.members[id].paused = false
}

// clusterJSON is what these tests look at in cluster.json.
type clusterJSON struct {
	Seq     int64 `json:"seq"`
	Office  int64 `json:"office"`
	Epoch   int64 `json:"epoch"`
	Primary ref   `json:"primary"`

	Durability struct {
		Mode   string `json:"mode"`
		Quorum int    `json:"quorum"`
		Voters []ref  `json:"voters"`
	} `json:"durability"`
}

// ref is a node with its disk.
type ref struct {
	NodeID      string `json:"node_id"`
	Incarnation string `json:"incarnation"`
}

// document reads an object as it lies in the server's directory.
func (c *cluster) document(key string, into any) error {
	b, err := os.ReadFile(filepath.Join(c.bucket.root, s3Bucket, key))
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}

func (c *cluster) clusterJSON() (j clusterJSON, err error) {
	err = c.document("cluster.json", &j)
	return j, err
}

// primary is who cluster.json says is Primary, or "".
func (c *cluster) primary() string {
	c.t.Helper()
	j, err := c.clusterJSON()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.t.Fatal(err)
	}
	return j.Primary.NodeID
}

// awaitActive waits until a node is the active Primary and cluster.json names it.
func (c *cluster) awaitActive() (id string) {
	c.t.Helper()
	proc.Until(c.t, c.ctx, "a node is active", func(ctx context.Context) error {
		j, err := c.clusterJSON()
		if err != nil {
			return err
		}
		if id = j.Primary.NodeID; id == "" {
			return errors.New("cluster.json names no Primary")
		}
		m := c.members[id]
		if m == nil {
			return fmt.Errorf("the Primary is still %s, which has left", id)
		}
		h, err := proc.AskHealth(ctx, m.health, "/readyz")
		if err == nil && !(h.Status == 200 && h.Active() && h.Epoch == j.Epoch) {
			err = fmt.Errorf("%s says %+v", id, h)
		}
		return err
	})
	return id
}

// wipe kills a node and deletes its disk.
func (c *cluster) wipe(id string) {
	c.t.Helper()
	c.kill(id)
	c.must(os.RemoveAll(c.members[id].data))
	r, err := c.registered(id)
	c.must(err)
	c.lost[r] = true
}

// registered returns a node with the disk that it had when it last started.
func (c *cluster) registered(id string) (r ref, err error) {
	err = c.document("nodes/"+id+".json", &r)
	if err == nil && c.lost[r] {
		err = fmt.Errorf("%s has not registered since it was wiped", id)
	}
	return r, err
}

// awaitNoVoter waits until a node that has left counts no more.
func (c *cluster) awaitNoVoter(id string) {
	c.t.Helper()
	proc.Until(c.t, c.ctx, id+" is no voter any more", func(context.Context) error {
		j, err := c.clusterJSON()
		if err == nil && slices.ContainsFunc(j.Durability.Voters, func(r ref) bool { return r.NodeID == id }) {
			err = fmt.Errorf("durability is %+v", j.Durability)
		}
		return err
	})
}

// awaitVoters waits until commits are made by receipts of all nodes, with the disks
// that they have now.
func (c *cluster) awaitVoters() {
	c.t.Helper()
	proc.Until(c.t, c.ctx, "all nodes are voters", func(context.Context) error {
		j, err := c.clusterJSON()
		if err != nil {
			return err
		}
		for _, id := range c.nodes() {
			r, err := c.registered(id)
			if err != nil {
				return err
			}
			if !slices.Contains(j.Durability.Voters, r) {
				return fmt.Errorf("%+v is no voter: %+v", r, j.Durability)
			}
		}
		if j.Durability.Mode != "quorum" || len(j.Durability.Voters) != len(c.nodes()) {
			return fmt.Errorf("durability is %+v", j.Durability)
		}
		return nil
	})
}

// inOffice waits until exactly one of the running electors is in office.
func (c *cluster) inOffice() (id string) {
	c.t.Helper()
	proc.Until(c.t, c.ctx, "one elector is in office", func(ctx context.Context) error {
		var in []string
		for _, e := range c.electors() {
			m := c.members[e]
			if m.Proc == nil || !m.Running() || m.paused {
				continue
			}
			h, err := proc.AskHealth(ctx, m.health, "/healthz")
			if err != nil {
				return err
			}
			if h.InOffice {
				in = append(in, e)
			}
		}
		if len(in) != 1 {
			return fmt.Errorf("in office: %v", in)
		}
		id = in[0]
		return nil
	})
	return id
}

// client returns an etcd client of one node.
func (c *cluster) client(node string) *load.Client {
	c.t.Helper()
	src, err := identity.Open(identity.Options{Files: c.certs("client")})
	c.must(err)
	return load.Dial(c.t, node, c.members[node].client, src.ClientCredentials(identity.ExpectNode(clusterID, node)))
}

// roamingClient returns etcd's own client, of all nodes.
func (c *cluster) roamingClient() *load.Client {
	c.t.Helper()
	src, err := identity.Open(identity.Options{Files: c.certs("client")})
	c.must(err)
	var endpoints []string
	for _, id := range c.nodes() {
		endpoints = append(endpoints, "https://"+c.members[id].client)
	}
	cl, err := clientv3.New(clientv3.Config{
		Endpoints: endpoints, TLS: src.ClientTLS(identity.ExpectAnyNode(clusterID)), Logger: zap.NewNop(),
		DialOptions: []grpc.DialOption{grpc.WithDefaultCallOptions(grpc.WaitForReady(true))},
	})
	c.must(err)
	c.t.Cleanup(func() { c.must(cl.Close()) })
	return &load.Client{Node: "any", KV: clientv3.RetryKVClient(cl)}
}
