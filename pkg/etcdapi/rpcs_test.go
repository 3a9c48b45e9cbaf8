package etcdapi_test

import (
	"context"
	"errors"
	"io"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/emptypb"
)

// rpc is one method of etcd's API, known by its descriptor only.
type rpc struct {
	name   string // KV.Range
	method string // /etcdserverpb.KV/Range
	client bool   // the client streams
	server bool   // the server streams
}

// etcdRPCs lists every RPC that etcd's rpc.proto declares.
func etcdRPCs(t *testing.T) []rpc {
	t.Helper()
	file, err := protoregistry.GlobalFiles.FindFileByPath("rpc.proto")
	if err != nil {
		t.Fatal(err)
	}
	var out []rpc
	for i := range file.Services().Len() {
		s := file.Services().Get(i)
		for j := range s.Methods().Len() {
			out = append(out, describe(s, s.Methods().Get(j)))
		}
	}
	if len(out) < 40 { // etcd 3.6 has 41: an empty list would prove nothing
		t.Fatalf("only %d RPCs found in rpc.proto", len(out))
	}
	return out
}

func describe(s protoreflect.ServiceDescriptor, m protoreflect.MethodDescriptor) rpc {
	return rpc{
		name:   string(s.Name()) + "." + string(m.Name()),
		method: "/" + string(s.FullName()) + "/" + string(m.Name()),
		client: m.IsStreamingClient(), server: m.IsStreamingServer(),
	}
}

// requests are what a served RPC is called with. Those not listed get an empty message.
func request(name string) any {
	switch name {
	case "KV.Range":
		return &pb.RangeRequest{Key: []byte("k")}
	case "KV.Put":
		return &pb.PutRequest{Key: []byte("k"), Value: []byte("v")}
	case "KV.DeleteRange":
		return &pb.DeleteRangeRequest{Key: []byte("k")}
	case "KV.Txn":
		return &pb.TxnRequest{Success: []*pb.RequestOp{{Request: &pb.RequestOp_RequestPut{
			RequestPut: &pb.PutRequest{Key: []byte("k"), Value: []byte("v")}}}}}
	case "KV.Compact":
		return &pb.CompactionRequest{Revision: 1}
	case "Lease.LeaseGrant":
		return &pb.LeaseGrantRequest{TTL: 60}
	case "Watch.Watch":
		return &pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: &pb.WatchCreateRequest{Key: []byte("k")}}}
	}
	return &emptypb.Empty{}
}

// call does r once and returns its outcome: for a stream, that of the first answer.
func (r rpc) call(ctx context.Context, conn *grpc.ClientConn) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if !r.client && !r.server {
		return conn.Invoke(ctx, r.method, request(r.name), &emptypb.Empty{})
	}
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: r.client, ServerStreams: r.server}, r.method)
	if err != nil {
		return err
	}
	if err := stream.SendMsg(request(r.name)); err != nil && !errors.Is(err, io.EOF) {
		return err
	} // EOF: it is answered already, Recv says how
	return stream.RecvMsg(&emptypb.Empty{})
}
