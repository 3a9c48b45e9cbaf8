package main

import (
	"context"
	"net"
	"sync"
	"sync/atomic"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/client/pkg/v3/transport"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

const noopName = "noop"

// noop answers every request at once with what is expected, and keeps nothing: the
// most that gRPC, TLS and etcd's messages leave to any store.
type noop struct {
	pb.UnimplementedKVServer
	rev   atomic.Int64
	sizes sync.Map // of values, by key prefix length: what was written is what is read
}

func serveNoop(dir string) error {
	info, err := selfSigned(dir)
	if err != nil {
		return err
	}
	cfg, err := transport.TLSInfo{CertFile: info.CertFile, KeyFile: info.KeyFile}.ServerConfig()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := grpc.NewServer(grpc.Creds(credentials.NewTLS(cfg)), grpc.MaxSendMsgSize(1<<30))
	n := &noop{}
	n.rev.Store(1)
	pb.RegisterKVServer(s, n)
	go s.Serve(l)
	defer s.Stop()
	return ready(access{Endpoints: []string{"https://" + l.Addr().String()}, CA: info.CertFile, Cert: info.CertFile, Key: info.KeyFile})
}

func (n *noop) Txn(_ context.Context, r *pb.TxnRequest) (*pb.TxnResponse, error) {
	h := &pb.ResponseHeader{Revision: n.rev.Add(1)}
	return &pb.TxnResponse{Header: h, Succeeded: true, Responses: []*pb.ResponseOp{
		{Response: &pb.ResponseOp_ResponsePut{ResponsePut: &pb.PutResponse{Header: h}}},
	}}, nil
}

func (n *noop) Range(_ context.Context, r *pb.RangeRequest) (*pb.RangeResponse, error) {
	resp := &pb.RangeResponse{Header: &pb.ResponseHeader{Revision: n.rev.Load()}, Count: listed}
	if r.CountOnly {
		return resp, nil
	}
	many := max(1, int(r.Limit))
	kv := &mvccpb.KeyValue{Key: r.Key, Value: n.value(r.Key), CreateRevision: 1, ModRevision: 1, Version: 1}
	resp.Kvs = make([]*mvccpb.KeyValue, many)
	for i := range resp.Kvs {
		resp.Kvs[i] = kv
	}
	return resp, nil
}

// value is as long as the key says: /registry/read/SIZE/NUMBER.
func (n *noop) value(key []byte) []byte {
	size := 0
	for _, c := range key[min(len(key), len("/registry/read/")):] {
		if c < '0' || c > '9' {
			break
		}
		size = size*10 + int(c-'0')
	}
	if v, ok := n.sizes.Load(size); ok {
		return v.([]byte)
	}
	v := make([]byte, min(size, 1<<20))
	n.sizes.Store(size, v)
	return v
}
