package daemon

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/netsy-io/netsy/pkg/config"
	"github.com/netsy-io/netsy/pkg/identity"
	"github.com/netsy-io/netsy/pkg/node"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
)

// running is a node's process, run part by part so that the test can see into it.
type running struct {
	d     *process
	node  *node.Node
	store *fault.Store // between it and object storage
	world *world
}

// world is a cluster on disk: its bucket and its CA.
type world struct {
	dir     string
	cluster *config.Cluster
	ca      *identity.CA
}

func newWorld(t *testing.T) *world {
	t.Helper()
	c := config.Defaults()
	w := &world{dir: t.TempDir(), cluster: c}
	c.ClusterID, c.Storage.Provider, c.Storage.BucketName = "metrics", "file", filepath.Join(w.dir, "objects")
	c.EtcdAPI = config.APIEtcd // plain puts
	c.Replication.Quorum = 0   // a Primary that loses object storage loses its reign
	if err := os.Mkdir(c.Storage.BucketName, 0o700); err != nil {
		t.Fatal(err)
	}
	ca, err := identity.NewCA(c.ClusterID, 2*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	w.ca = ca
	if err := ca.WriteFiles(filepath.Join(w.dir, "ca.crt"), filepath.Join(w.dir, "ca.key"), false); err != nil {
		t.Fatal(err)
	}
	return w
}

// certificate issues a certificate and returns its files.
func (w *world) certificate(t *testing.T, role identity.Role, name string) identity.Files {
	t.Helper()
	f := identity.Files{CA: filepath.Join(w.dir, "ca.crt"), Cert: filepath.Join(w.dir, name+".crt"), Key: filepath.Join(w.dir, name+".key")}
	pair, err := w.ca.Issue(identity.IssueRequest{Role: role, Name: name, Validity: time.Hour, DNS: []string{"localhost"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := pair.WriteFiles(f.Cert, f.Key, false); err != nil {
		t.Fatal(err)
	}
	return f
}

// settings are those of the i-th node.
func (w *world) settings(t *testing.T, i int) *config.Process {
	t.Helper()
	id := fmt.Sprintf("node-%d", i)
	peer, client, election := freeAddress(t), freeAddress(t), freeAddress(t) // others find it by them, so they must be known before
	return &config.Process{
		NodeID: id, DataDir: filepath.Join(w.dir, id), TLS: w.certificate(t, identity.RolePeer, id), Cluster: w.cluster,
		BindPeer: peer, AdvertisePeer: peer, BindClient: client, AdvertiseClient: client,
		BindHealth: "127.0.0.1:0", BindElection: election, AdvertiseElection: election,
	}
}

// run runs a node with an elector until the test ends.
func (w *world) run(t *testing.T, i int) *running {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	d, err := newProcess(ctx, w.settings(t, i), hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	r := &running{d: d, store: fault.New(d.store), world: w}
	d.store = r.store
	if r.node, err = d.newNode(ctx, nil); err != nil {
		t.Fatal(err)
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return r.node.Run(ctx) })
	e, err := d.newElector("node-"+d.NodeID, true)
	if err != nil {
		t.Fatal(err)
	}
	g.Go(func() error { return d.serveElector(ctx, e) })
	t.Cleanup(func() {
		cancel()
		if err := g.Wait(); err != nil {
			t.Errorf("stopping: %v", err)
		}
	})
	return r
}

// runningNodes runs two nodes with an elector each. The first is Primary and in office, the
// second follows it.
func (w *world) runningNodes(t *testing.T) (first, second *running) {
	t.Helper()
	first = w.run(t, 1)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := first.node.Active(ctx); err != nil {
		t.Fatal(err)
	}
	second = w.run(t, 2)
	second.await(t, "netsy_replica_lag_revisions")
	return first, second
}

// shown are the series of a scrape, by metric.
func (r *running) shown(t *testing.T) map[string]int {
	t.Helper()
	families, err := r.d.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int{}
	for _, f := range families {
		out[f.GetName()] = len(f.Metric)
	}
	return out
}

// await waits until all of the metrics are shown.
func (r *running) await(t *testing.T, names ...string) {
	t.Helper()
	r.until(t, "shows "+strings.Join(names, ", "), func(shown map[string]int) bool {
		return !slices.ContainsFunc(names, func(n string) bool { return shown[n] == 0 })
	})
}

// until waits until good says so of what is shown. Nothing tells of a change.
func (r *running) until(t *testing.T, what string, good func(map[string]int) bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !good(r.shown(t)); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s never %s", r.d.NodeID, what)
		}
	}
}

// dial connects a client of that name.
func (r *running) dial(t *testing.T, name string) *grpc.ClientConn {
	t.Helper()
	src, err := identity.Open(identity.Options{Files: r.world.certificate(t, identity.RoleClient, name), Logger: hclog.NewNullLogger()})
	if err != nil {
		t.Fatal(err)
	}
	creds := src.ClientCredentials(identity.ExpectNode(r.world.cluster.ClusterID, r.d.NodeID))
	conn, err := grpc.NewClient("passthrough:///"+r.d.AdvertiseClient, grpc.WithTransportCredentials(creds))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
