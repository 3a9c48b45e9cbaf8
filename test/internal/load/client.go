package load

import (
	"context"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
)

// Client is an etcd client. It connects again as often as it must.
type Client struct {
	Node        string // whom it asks
	KV          pb.KVClient
	Watch       pb.WatchClient
	Maintenance pb.MaintenanceClient
}

// Dial returns a client of one node, which lasts as long as the test.
func Dial(t testing.TB, node, addr string, creds credentials.TransportCredentials) *Client {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+addr,
		grpc.WithDefaultCallOptions(grpc.WaitForReady(true)),
		grpc.WithTransportCredentials(creds),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 20 * time.Millisecond, Multiplier: 1.5, MaxDelay: 200 * time.Millisecond},
			MinConnectTimeout: 5 * time.Second, // a TLS handshake on a busy machine
		}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return &Client{Node: node, KV: pb.NewKVClient(conn), Watch: pb.NewWatchClient(conn), Maintenance: pb.NewMaintenanceClient(conn)}
}

// Get reads one key, linearizably.
func (c *Client) Get(ctx context.Context, key string) (*pb.RangeResponse, error) {
	return c.KV.Range(ctx, &pb.RangeRequest{Key: []byte(key)})
}

// PutIf writes key if its mod revision is still mod (0: it does not exist), and else
// reads it.
func (c *Client) PutIf(ctx context.Context, key, value string, mod int64) (*pb.TxnResponse, error) {
	return c.KV.Txn(ctx, &pb.TxnRequest{
		Compare: []*pb.Compare{modIs(key, mod)},
		Success: []*pb.RequestOp{{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: []byte(key), Value: []byte(value)}}}},
		Failure: []*pb.RequestOp{{Request: &pb.RequestOp_RequestRange{RequestRange: &pb.RangeRequest{Key: []byte(key)}}}},
	})
}

// DeleteIf deletes key if its mod revision is still mod.
func (c *Client) DeleteIf(ctx context.Context, key string, mod int64) (*pb.TxnResponse, error) {
	return c.KV.Txn(ctx, &pb.TxnRequest{
		Compare: []*pb.Compare{modIs(key, mod)},
		Success: []*pb.RequestOp{{Request: &pb.RequestOp_RequestDeleteRange{RequestDeleteRange: &pb.DeleteRangeRequest{Key: []byte(key)}}}},
	})
}

func modIs(key string, mod int64) *pb.Compare {
	return &pb.Compare{
		Key: []byte(key), Target: pb.Compare_MOD, Result: pb.Compare_EQUAL, TargetUnion: &pb.Compare_ModRevision{ModRevision: mod},
	}
}
