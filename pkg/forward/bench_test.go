package forward

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"sync"
	"testing"

	etcdpb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

func echo(_ context.Context, req *etcdpb.TxnRequest) (*etcdpb.TxnResponse, error) {
	return &etcdpb.TxnResponse{Header: &etcdpb.ResponseHeader{Revision: 7}, Succeeded: true}, nil
}

// unaryKV is the same Primary behind etcd's own unary call: what a forwarded write
// would cost without the stream.
type unaryKV struct{ etcdpb.UnimplementedKVServer }

func (unaryKV) Txn(ctx context.Context, req *etcdpb.TxnRequest) (*etcdpb.TxnResponse, error) {
	return echo(ctx, req)
}

// BenchmarkForward sends transactions of Kubernetes' kind, with a 1 KiB value, to a
// Primary that does nothing, over TCP on this host; beside it the same as unary calls.
func BenchmarkForward(b *testing.B) {
	s := serveAt(b, "127.0.0.1:0", reigning(&fakePrimary{txn: echo}))
	unary := serveUnary(b)
	c := dial(b, s.addr)
	req := &etcdpb.TxnRequest{
		Compare: []*etcdpb.Compare{{Target: etcdpb.Compare_MOD, Key: []byte("/registry/pods/default/pod"), TargetUnion: &etcdpb.Compare_ModRevision{ModRevision: 5}}},
		Success: []*etcdpb.RequestOp{{Request: &etcdpb.RequestOp_RequestPut{RequestPut: &etcdpb.PutRequest{
			Key: []byte("/registry/pods/default/pod"), Value: bytes.Repeat([]byte("x"), 1024)}}}},
	}
	for _, way := range []struct {
		name string
		txn  func(context.Context) error
	}{
		{"stream", func(ctx context.Context) error { _, err := c.Txn(ctx, req); return err }},
		{"unary", func(ctx context.Context) error { _, err := unary.Txn(ctx, req); return err }},
	} {
		for _, callers := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s/%d", way.name, callers), func(b *testing.B) { callFrom(b, callers, way.txn) })
		}
	}
}

func callFrom(b *testing.B, callers int, txn func(context.Context) error) {
	b.ReportAllocs()
	var g sync.WaitGroup
	for i := range callers {
		n := b.N / callers
		if i < b.N%callers {
			n++
		}
		g.Go(func() {
			for range n {
				if err := txn(b.Context()); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	g.Wait()
}

func serveUnary(b *testing.B) etcdpb.KVClient {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	g := grpc.NewServer()
	etcdpb.RegisterKVServer(g, &unaryKV{})
	served := make(chan error, 1)
	go func() { served <- g.Serve(l) }()
	conn, err := grpc.NewClient("passthrough:///"+l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		conn.Close()
		g.Stop()
		<-served
	})
	return etcdpb.NewKVClient(conn)
}
