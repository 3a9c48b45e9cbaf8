//go:build linux

package process

import (
	"context"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"github.com/netsy-io/netsy/pkg/identity"
)

// client is an etcd client of one node. It connects again as often as it must.
type client struct {
	node string
	kv   pb.KVClient
	w    pb.WatchClient
	m    pb.MaintenanceClient
}

func (c *cluster) client(node string) *client {
	c.t.Helper()
	src, err := identity.Open(identity.Options{Files: c.certs("client")})
	c.must(err)
	conn, err := grpc.NewClient("passthrough:///"+c.node(node).client,
		grpc.WithDefaultCallOptions(grpc.WaitForReady(true)),
		grpc.WithTransportCredentials(src.ClientCredentials(identity.ExpectNode(clusterID, node))),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 20 * time.Millisecond, Multiplier: 1.5, MaxDelay: 200 * time.Millisecond},
			MinConnectTimeout: 5 * time.Second, // a TLS handshake on a busy machine
		}))
	c.must(err)
	c.t.Cleanup(func() { c.must(conn.Close()) })
	return &client{node: node, kv: pb.NewKVClient(conn), w: pb.NewWatchClient(conn), m: pb.NewMaintenanceClient(conn)}
}

// get reads one key, linearizably.
func (c *client) get(ctx context.Context, key string) (*pb.RangeResponse, error) {
	return c.kv.Range(ctx, &pb.RangeRequest{Key: []byte(key)})
}

// putIf writes key if its mod revision is still mod (0: it does not exist).
func (c *client) putIf(ctx context.Context, key, value string, mod int64) (*pb.TxnResponse, error) {
	return c.kv.Txn(ctx, &pb.TxnRequest{
		Compare: []*pb.Compare{modIs(key, mod)},
		Success: []*pb.RequestOp{{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: []byte(key), Value: []byte(value)}}}},
		Failure: []*pb.RequestOp{{Request: &pb.RequestOp_RequestRange{RequestRange: &pb.RangeRequest{Key: []byte(key)}}}},
	})
}

// deleteIf deletes key if its mod revision is still mod.
func (c *client) deleteIf(ctx context.Context, key string, mod int64) (*pb.TxnResponse, error) {
	return c.kv.Txn(ctx, &pb.TxnRequest{
		Compare: []*pb.Compare{modIs(key, mod)},
		Success: []*pb.RequestOp{{Request: &pb.RequestOp_RequestDeleteRange{RequestDeleteRange: &pb.DeleteRangeRequest{Key: []byte(key)}}}},
	})
}

func modIs(key string, mod int64) *pb.Compare {
	return &pb.Compare{
		Key: []byte(key), Target: pb.Compare_MOD, Result: pb.Compare_EQUAL, TargetUnion: &pb.Compare_ModRevision{ModRevision: mod},
	}
}
