package devcluster_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/netsy-io/netsy/pkg/devcluster"
	"github.com/netsy-io/netsy/pkg/verify/verifytest"
)

func logger() hclog.Logger {
	if os.Getenv("NETSY_TEST_LOG") == "" {
		return hclog.NewNullLogger()
	}
	return hclog.New(&hclog.LoggerOptions{Level: hclog.Debug, Output: os.Stderr})
}

func start(t *testing.T, o devcluster.Options) *devcluster.Cluster {
	t.Helper()
	o.Logger = logger()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, err := devcluster.Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("closing the cluster: %v", err)
		}
		verifytest.SoundDir(t, filepath.Join(o.Dir, "objects"))
	})
	return c
}

func dial(t *testing.T, c *devcluster.Cluster) *grpc.ClientConn {
	t.Helper()
	tlsConfig, err := c.ClientTLS()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient("passthrough:///"+c.Endpoints()[0][len("https://"):], grpc.WithTransportCredentials(credentials.NewTLS(tlsConfig)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func TestPutAndRange(t *testing.T) {
	c := start(t, devcluster.Options{Dir: t.TempDir()})
	kv := pb.NewKVClient(dial(t, c))
	put, err := kv.Put(t.Context(), &pb.PutRequest{Key: []byte("a"), Value: []byte("1")})
	if err != nil {
		t.Fatal(err)
	}
	if put.Header.Revision != 2 {
		t.Fatalf("the first write has revision %d, want 2", put.Header.Revision)
	}
	got, err := kv.Range(t.Context(), &pb.RangeRequest{Key: []byte("a")})
	if err != nil {
		t.Fatal(err)
	}
	if got.Count != 1 || string(got.Kvs[0].Value) != "1" || got.Header.Revision != 2 {
		t.Fatalf("%v", got)
	}
}
