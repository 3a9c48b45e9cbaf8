package etcdapi_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/netsy-io/netsy/pkg/etcdapi"
)

// connections is more than a large Kubernetes control plane opens to one node:
// kube-apiserver has one or two for each kind of resource.
const connections = 300

// TestManyConnections opens hundreds of TLS connections at once, reads and watches
// on each, and closes them: then their goroutines are gone, while the node runs on.
func TestManyConnections(t *testing.T) {
	c := start(t, etcdapi.ProfileEtcd)
	cfg := c.tls(t, "client")
	written, err := pb.NewKVClient(c.dial(t, "client")).Put(t.Context(), &pb.PutRequest{Key: []byte("k"), Value: []byte("v")})
	if err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	var g errgroup.Group
	for i := range connections {
		g.Go(func() error {
			if err := readAndWatch(t, c.clientAddr(), cfg.Clone(), written.Header.Revision); err != nil {
				return fmt.Errorf("connection %d: %w", i, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	awaitGoroutines(t, before+connections/2) // each had several; the node's own come and go
}

// awaitGoroutines waits until there are no more than most. Nothing tells of the end
// of a goroutine, so it looks again and again.
func awaitGoroutines(t *testing.T, most int) {
	t.Helper()
	for range 1000 {
		if runtime.NumGoroutine() <= most {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines, want at most %d", runtime.NumGoroutine(), most)
}

// readAndWatch reads the key, and watches it from the revision that wrote it.
func readAndWatch(t *testing.T, addr string, cfg *tls.Config, rev int64) (err error) {
	conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(credentials.NewTLS(cfg)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	got, err := pb.NewKVClient(conn).Range(t.Context(), &pb.RangeRequest{Key: []byte("k")}, grpc.WaitForReady(true))
	if err != nil || len(got.Kvs) != 1 || string(got.Kvs[0].Value) != "v" {
		return fmt.Errorf("read: %v, %w", got, err)
	}
	stream, err := pb.NewWatchClient(conn).Watch(t.Context())
	if err != nil {
		return err
	}
	create := &pb.WatchCreateRequest{Key: []byte("k"), StartRevision: rev}
	if err := stream.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: create}}); err != nil {
		return err
	}
	for {
		r, err := stream.Recv()
		if err != nil {
			return err
		}
		if len(r.Events) == 1 {
			return nil
		}
	}
}
