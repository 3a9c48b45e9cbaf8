package etcdapi_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/netsy-io/netsy/pkg/etcdapi"
)

// connections is more than a large Kubernetes control plane opens to one node:
// kube-apiserver has one or two for each kind of resource.
const connections = 300

// TestManyConnections opens hundreds of TLS connections at once, reads and watches
// on each, and closes them: then the node has no goroutine more than before.
func TestManyConnections(t *testing.T) {
	c := start(t, etcdapi.ProfileEtcd)
	cfg := c.tls(t, "client")
	written, err := pb.NewKVClient(c.dial(t, "client")).Put(t.Context(), &pb.PutRequest{Key: []byte("k"), Value: []byte("v")})
	if err != nil {
		t.Fatal(err)
	}
	before := goleak.IgnoreCurrent()
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
	goleak.VerifyNone(t, before)
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
