package devcluster_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	clientpb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/netsy-io/netsy/pkg/devcluster"
	"github.com/netsy-io/netsy/pkg/registry"
)

func dialNode(t *testing.T, c *devcluster.Cluster, i int) clientpb.KVClient {
	t.Helper()
	tlsConfig, err := c.ClientTLS()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient("passthrough:///"+c.Endpoints()[i][len("https://"):], grpc.WithTransportCredentials(credentials.NewTLS(tlsConfig)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return clientpb.NewKVClient(conn)
}

func awaitMode(t *testing.T, c *devcluster.Cluster, mode registry.Mode, voters int) registry.Cluster {
	t.Helper()
	reg := registry.New(c.Store(), "dev-cluster")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		doc, err := reg.Cluster(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if doc.Durability.Mode == mode && len(doc.Durability.Voters) == voters {
			return doc
		}
		select {
		case <-ctx.Done():
			t.Fatalf("durability is %+v, want mode %s with %d voters", doc.Durability, mode, voters)
		case <-time.After(20 * time.Millisecond): // the bucket can only be asked
		}
	}
}

func TestThreeNodes(t *testing.T) {
	c := start(t, devcluster.Options{Dir: t.TempDir(), Nodes: 3})
	awaitMode(t, c, registry.ModeQuorum, 3)
	for i := range 30 {
		key := []byte(fmt.Sprintf("k%d", i))
		put, err := dialNode(t, c, i%3).Put(t.Context(), &clientpb.PutRequest{Key: key, Value: []byte("v")})
		if err != nil {
			t.Fatal(err)
		}
		for n := range 3 { // read your writes, everywhere
			got, err := dialNode(t, c, n).Range(t.Context(), &clientpb.RangeRequest{Key: key})
			if err != nil || len(got.Kvs) != 1 || got.Kvs[0].ModRevision != put.Header.Revision {
				t.Fatalf("node %d: %v, %v", n+1, got, err)
			}
		}
	}
}
