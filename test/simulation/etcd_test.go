package simulation

import (
	"context"
	"fmt"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/netsy-io/netsy/pkg/etcdapi"
)

// etcd's generated code knows grpc.Server and grpc.ClientConn only, not their
// interfaces; here is as much of it as the clients need.

const (
	kvService    = "etcdserverpb.KV"
	watchService = "etcdserverpb.Watch"
)

// serveEtcd makes a party serve a node's etcd API.
func serveEtcd(p *party, api *etcdapi.Server) {
	p.RegisterService(&grpc.ServiceDesc{ServiceName: kvService, Methods: []grpc.MethodDesc{
		{MethodName: "Range", Handler: unary(api.KV().Range)},
		{MethodName: "Txn", Handler: unary(api.KV().Txn)},
	}}, nil)
	p.RegisterService(&grpc.ServiceDesc{ServiceName: watchService, Streams: []grpc.StreamDesc{{
		StreamName: "Watch", ServerStreams: true, ClientStreams: true,
		Handler: func(_ any, s grpc.ServerStream) error { return api.Watch().Watch(watchServerStream{s}) },
	}}}, nil)
}

func unary[Req, Resp any](f func(context.Context, *Req) (*Resp, error)) grpc.MethodHandler {
	return func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		req := new(Req)
		if err := decode(req); err != nil {
			return nil, err
		}
		resp, err := f(ctx, req)
		if err != nil {
			return nil, err // not a typed nil
		}
		return resp, nil
	}
}

type watchServerStream struct{ grpc.ServerStream }

func (s watchServerStream) Send(r *pb.WatchResponse) error { return s.SendMsg(r) }

func (s watchServerStream) Recv() (*pb.WatchRequest, error) {
	r := new(pb.WatchRequest)
	return r, s.RecvMsg(r)
}

// kvClient calls a node's KV service.
type kvClient struct{ conn }

func (c kvClient) Range(ctx context.Context, req *pb.RangeRequest) (*pb.RangeResponse, error) {
	resp := new(pb.RangeResponse)
	return resp, c.Invoke(ctx, "/"+kvService+"/Range", req, resp)
}

func (c kvClient) Txn(ctx context.Context, req *pb.TxnRequest) (*pb.TxnResponse, error) {
	resp := new(pb.TxnResponse)
	return resp, c.Invoke(ctx, "/"+kvService+"/Txn", req, resp)
}

// watchClient is the client's end of a watch stream.
type watchClient struct{ grpc.ClientStream }

func (c conn) watch(ctx context.Context) (watchClient, error) {
	s, err := c.NewStream(ctx, nil, "/"+watchService+"/Watch")
	return watchClient{s}, err
}

func (c watchClient) Send(r *pb.WatchRequest) error { return c.SendMsg(r) }

func (c watchClient) Recv() (*pb.WatchResponse, error) {
	r := new(pb.WatchResponse)
	return r, c.RecvMsg(r)
}

// marshal and unmarshal carry messages of both generators.
func marshal(m any) ([]byte, error) {
	switch m := m.(type) {
	case proto.Message:
		return proto.Marshal(m)
	case interface{ Marshal() ([]byte, error) }:
		return m.Marshal()
	default:
		return nil, fmt.Errorf("%T is no message", m)
	}
}

func unmarshal(b []byte, m any) error {
	switch m := m.(type) {
	case proto.Message:
		return proto.Unmarshal(b, m)
	case interface{ Unmarshal([]byte) error }:
		return m.Unmarshal(b)
	default:
		return fmt.Errorf("%T is no message", m)
	}
}
