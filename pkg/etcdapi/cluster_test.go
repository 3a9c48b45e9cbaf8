package etcdapi_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/netsy-io/netsy/pkg/devcluster"
	"github.com/netsy-io/netsy/pkg/etcdapi"
	"github.com/netsy-io/netsy/pkg/identity"
	"github.com/netsy-io/netsy/pkg/objectstore"
)

const clusterID = "dev-cluster"

// cluster is a running one-node cluster and the places where its parts are.
type cluster struct {
	*devcluster.Cluster
	dir string
}

// start runs a cluster until the test ends, and then looks for goroutines left behind.
func start(t *testing.T, p etcdapi.Profile) *cluster {
	t.Helper()
	return startFaulty(t, p, nil)
}

// startFaulty is start with something between the processes and the object store.
func startFaulty(t *testing.T, p etcdapi.Profile, wrap func(objectstore.Store) objectstore.Store) *cluster {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, err := devcluster.Start(ctx, devcluster.Options{Dir: dir, ClusterID: clusterID, Profile: p, Wrap: wrap})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("closing the cluster: %v", err)
		}
	})
	return &cluster{c, dir}
}

// tls is the configuration of a caller that holds the certificate of the given name.
func (c *cluster) tls(t *testing.T, name string) *tls.Config {
	t.Helper()
	file := func(ext string) string { return filepath.Join(c.dir, "certs", name+ext) }
	src, err := identity.Open(identity.Options{Files: identity.Files{
		CA: filepath.Join(c.dir, "certs", "ca.crt"), Cert: file(".crt"), Key: file(".key"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	return src.ClientTLS(identity.ExpectAnyNode(clusterID))
}

func (c *cluster) clientAddr() string { return strings.TrimPrefix(c.Endpoints()[0], "https://") }

// peerAddr reads the node's peer port from where the cluster keeps it.
func (c *cluster) peerAddr(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(c.dir, "node-1.addresses.json"))
	if err != nil {
		t.Fatal(err)
	}
	var ports [2]int
	if err := json.Unmarshal(b, &ports); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", ports[1])
}

// dial connects to the client port with the named certificate.
func (c *cluster) dial(t *testing.T, name string) *grpc.ClientConn {
	t.Helper()
	return dial(t, c.clientAddr(), c.tls(t, name))
}

func dial(t *testing.T, addr string, cfg *tls.Config) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(credentials.NewTLS(cfg)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func wantCode(t *testing.T, err error, want codes.Code) {
	t.Helper()
	if got := status.Code(err); got != want {
		t.Errorf("got %v (%v), want %v", got, err, want)
	}
}

// wantErr compares code and text: clients of etcd recognise errors by both.
func wantErr(t *testing.T, err, want error) {
	t.Helper()
	if status.Code(err) != status.Code(want) || status.Convert(err).Message() != status.Convert(want).Message() {
		t.Errorf("got %v, want %v", err, want)
	}
}
