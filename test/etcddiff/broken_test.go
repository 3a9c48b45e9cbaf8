package etcddiff

import (
	"context"
	"errors"
	"slices"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// broken are faults that a server might well have, put before an etcd. Each must be found.
var broken = []struct {
	name string
	opts []grpc.DialOption
}{
	{"count includes one more", onReply(func(r *pb.RangeResponse) { r.Count += min(r.Count, 1) })},
	{"count stops at the limit", onReply(func(r *pb.RangeResponse) { r.Count = min(r.Count, max(1, int64(len(r.Kvs)))) })},
	{"more is never set", onReply(func(r *pb.RangeResponse) { r.More = false })},
	{"header of a read is ahead", onReply(func(r *pb.RangeResponse) { r.Header.Revision++ })},
	{"descending is ascending", onRequest(func(r *pb.RangeRequest) { r.SortOrder = min(r.SortOrder, 1) })},
	{"sort target is ignored", onRequest(func(r *pb.RangeRequest) { r.SortTarget = 0 })},
	{"max_mod_revision is ignored", onRequest(func(r *pb.RangeRequest) { r.MaxModRevision = 0 })},
	{"min_create_revision is ignored", onRequest(func(r *pb.RangeRequest) { r.MinCreateRevision = 0 })},
	{"keys_only is ignored", onRequest(func(r *pb.RangeRequest) { r.KeysOnly = false })},
	{"reads are always current", onRequest(func(r *pb.RangeRequest) { r.Revision = min(r.Revision, 0) })},
	{"leases are not kept", onRequest(func(r *pb.PutRequest) {
		if r.Lease <= unknownLease {
			return
		}
		r.Lease = 0
	})},
	{"prev_kv of a put is missing", onReply(func(r *pb.PutResponse) { r.PrevKv = nil })},
	{"deletes count one", onReply(func(r *pb.DeleteRangeResponse) { r.Deleted = 1 })},
	{"compares after the first are ignored", onRequest(func(r *pb.TxnRequest) { r.Compare = r.Compare[:min(1, len(r.Compare))] })},
	{"greater is not equal", onRequest(func(r *pb.TxnRequest) { changeCompares(r, pb.Compare_GREATER, pb.Compare_NOT_EQUAL) })},
	{"failure branch is not run", onReply(func(r *pb.TxnResponse) {
		if !r.Succeeded {
			r.Responses = nil
		}
	})},
	{"header of a txn is behind", onReply(func(r *pb.TxnResponse) { r.Header.Revision-- })},
	{"compaction is not done", []grpc.DialOption{grpc.WithChainUnaryInterceptor(skipCompaction)}},
	{"compacted has another code", onError(rpctypes.ErrGRPCCompacted, status.Error(codes.Internal, "etcdserver: mvcc: required revision has been compacted"))},
	{"future revision has another message", onError(rpctypes.ErrGRPCFutureRev, status.Error(codes.OutOfRange, "future"))},
	{"watch loses a delete", onEvents(func(r *pb.WatchResponse) {
		r.Events = slices.DeleteFunc(r.Events, func(e *mvccpb.Event) bool { return e.Type == mvccpb.DELETE })
	})},
	{"watch has no prev_kv", onEvents(func(r *pb.WatchResponse) {
		for _, e := range r.Events {
			e.PrevKv = nil
		}
	})},
	{"watch repeats an event", onEvents(func(r *pb.WatchResponse) { r.Events = append(r.Events, r.Events[:min(1, len(r.Events))]...) })},
	{"watch ends without compact_revision", onEvents(func(r *pb.WatchResponse) { r.CompactRevision = 0 })},
}

// enough is how many cases a fault may take to be found; TestSame runs as many.
const enough = 150

func TestFindsFaults(t *testing.T) {
	for _, fault := range broken {
		t.Run(fault.name, func(t *testing.T) {
			t.Parallel()
			p := &pairs{t: t, opts: fault.opts}
			defer p.discard()
			for seed := range enough {
				err := p.run(t.Context(), genSteps.Example(seed))
				var d *difference
				if errors.As(err, &d) {
					t.Logf("found in case %d: %v", seed, d)
					return
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			t.Errorf("%d cases found nothing", enough)
		})
	}
}

// unary makes the option that a client's calls go through f.
func unary(f grpc.UnaryClientInterceptor) []grpc.DialOption {
	return []grpc.DialOption{grpc.WithChainUnaryInterceptor(f)}
}

func onRequest[T any](change func(*T)) []grpc.DialOption {
	return unary(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		if r, ok := req.(*T); ok {
			copied := *r // the session still compares and prints the original
			change(&copied)
			req = &copied
		}
		return invoke(ctx, method, req, reply, cc, opts...)
	})
}

func onReply[T any](change func(*T)) []grpc.DialOption {
	return unary(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		err := invoke(ctx, method, req, reply, cc, opts...)
		if r, ok := reply.(*T); ok && err == nil {
			change(r)
		}
		return err
	})
}

func onError(from, to error) []grpc.DialOption {
	return unary(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		err := invoke(ctx, method, req, reply, cc, opts...)
		if status.Convert(err).Message() == status.Convert(from).Message() && err != nil {
			return to
		}
		return err
	})
}

// skipCompaction answers a compaction in the server's name when it would succeed.
func skipCompaction(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	r, ok := req.(*pb.CompactionRequest)
	if !ok {
		return invoke(ctx, method, req, reply, cc, opts...)
	}
	now, err := pb.NewKVClient(cc).Range(ctx, &pb.RangeRequest{Key: []byte("a")})
	if err != nil || r.Revision > now.Header.Revision {
		return errors.Join(err, invoke(ctx, method, req, reply, cc, opts...))
	}
	reply.(*pb.CompactionResponse).Header = now.Header
	return nil
}

func changeCompares(r *pb.TxnRequest, from, to pb.Compare_CompareResult) {
	r.Compare = slices.Clone(r.Compare)
	for i, c := range r.Compare {
		if c.Result == from {
			changed := *c
			changed.Result = to
			r.Compare[i] = &changed
		}
	}
}

func onEvents(change func(*pb.WatchResponse)) []grpc.DialOption {
	return []grpc.DialOption{grpc.WithChainStreamInterceptor(
		func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			stream, err := open(ctx, desc, cc, method, opts...)
			return &changedStream{stream, change}, err
		})}
}

type changedStream struct {
	grpc.ClientStream
	change func(*pb.WatchResponse)
}

func (s *changedStream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	if r, ok := m.(*pb.WatchResponse); ok && err == nil {
		s.change(r)
	}
	return err
}
