package etcdapi

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/mem"

	"github.com/netsy-io/netsy/pkg/mvcc"
	"github.com/netsy-io/netsy/pkg/record"
)

// benchNode is a node with a state to read, and a Primary that answers at once.
type benchNode struct {
	Backend
	st    *mvcc.Store
	reign counter
}

func (n *benchNode) Store() *mvcc.Store                       { return n.st }
func (n *benchNode) Leader() LeaderView                       { return nil } // no watch is opened
func (n *benchNode) MemberID() uint64                         { return 8 }
func (n *benchNode) Primary(context.Context) (Primary, error) { return &n.reign, nil }

// counter takes writes and changes nothing.
type counter struct {
	Primary
	st     *mvcc.Store
	writes int
	bytes  int // of their values
}

func (c *counter) Snapshot(context.Context) (*mvcc.Snapshot, error) { return c.st.Snapshot(), nil }

func (c *counter) Txn(_ context.Context, req *pb.TxnRequest) (*pb.TxnResponse, error) {
	c.writes++
	c.bytes += len(req.Success[0].GetRequestPut().Value)
	put := &pb.ResponseOp{Response: &pb.ResponseOp_ResponsePut{ResponsePut: &pb.PutResponse{Header: &pb.ResponseHeader{Revision: 2}}}}
	return &pb.TxnResponse{Header: &pb.ResponseHeader{Revision: 2}, Succeeded: true, Responses: []*pb.ResponseOp{put}}, nil
}

const benchKeys = 10_000

func benchKey(i int) []byte {
	return fmt.Appendf(nil, "/registry/pods/namespace-%05d/pod-%03d", i/200, i%200)
}

func newBenchNode(b *testing.B) *benchNode {
	st, err := mvcc.Open(b.Context(), mvcc.Options{Dir: b.TempDir(), ClusterID: "c", NodeID: "n"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := st.Close(); err != nil {
			b.Error(err)
		}
	})
	w, err := st.NewWorking(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	var recs []record.Record
	for i := range benchKeys {
		_, ch, err := w.Put(&pb.PutRequest{Key: benchKey(i), Value: make([]byte, 1024)}, mvcc.Stamp{Epoch: 1, LeaderID: "n", Now: time.Unix(1, 0)})
		if err != nil {
			b.Fatal(err)
		}
		recs = append(recs, ch.Record)
	}
	if err := st.Append(b.Context(), recs); err != nil {
		b.Fatal(err)
	}
	if err := st.Publish(w.Snapshot()); err != nil {
		b.Fatal(err)
	}
	return &benchNode{st: st, reign: counter{st: st}}
}

// BenchmarkMicroHandler is one request through the API's handlers, from the bytes that
// the transport brings to the bytes that it takes, in a store of 10,000 keys of 1 KiB. The
// Primary behind them decides at once.
func BenchmarkMicroHandler(b *testing.B) {
	n := newBenchNode(b)
	kv := New(Options{Backend: n, ClusterID: 7}).KV()
	b.Run("txn", func(b *testing.B) { benchTxn(b, &n.reign, kv) })
	b.Run("get", func(b *testing.B) { benchRange(b, kv, &pb.RangeRequest{Key: benchKey(4711)}, 1) })
	b.Run("list500", func(b *testing.B) {
		benchRange(b, kv, &pb.RangeRequest{Key: []byte("/registry/pods/"), RangeEnd: []byte("/registry/pods0"), Limit: 500}, benchKeys)
	})
	b.Run("count", func(b *testing.B) {
		benchRange(b, kv, &pb.RangeRequest{Key: []byte("/registry/pods/"), RangeEnd: []byte("/registry/pods0"), CountOnly: true}, benchKeys)
	})
}

// updateTxn is kube-apiserver's update.
func updateTxn() *pb.TxnRequest {
	key := benchKey(4711)
	return &pb.TxnRequest{
		Compare: []*pb.Compare{{Key: key, Target: pb.Compare_MOD, Result: pb.Compare_EQUAL, TargetUnion: &pb.Compare_ModRevision{ModRevision: 4712}}},
		Success: []*pb.RequestOp{{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: key, Value: bytes.Repeat([]byte("v"), 1024)}}}},
		Failure: []*pb.RequestOp{{Request: &pb.RequestOp_RequestRange{RequestRange: &pb.RangeRequest{Key: key}}}},
	}
}

func benchTxn(b *testing.B, c *counter, kv pb.KVServer) {
	in := wire(b, updateTxn())
	writes, size := c.writes, c.bytes
	b.ReportAllocs()
	for b.Loop() {
		var req pb.TxnRequest
		decode(b, in, &req)
		resp, err := kv.Txn(context.Background(), &req)
		if err != nil || resp.Header.MemberId != 8 {
			b.Fatal(resp, err)
		}
		encode(b, resp)
	}
	if c.writes-writes != b.N || c.bytes-size != b.N*1024 {
		b.Errorf("the Primary was given %d writes of %d bytes of %d", c.writes-writes, c.bytes-size, b.N)
	}
}

func benchRange(b *testing.B, kv pb.KVServer, req *pb.RangeRequest, count int64) {
	in := wire(b, req)
	b.ReportAllocs()
	size := 0
	for b.Loop() {
		var req pb.RangeRequest
		decode(b, in, &req)
		resp, err := kv.Range(context.Background(), &req)
		if err != nil || resp.Count != count || len(resp.Kvs) != int(min(count, max(req.Limit, 1))) && !req.CountOnly {
			b.Fatal(resp, err)
		}
		size = encode(b, resp)
	}
	b.SetBytes(int64(size))
}

// BenchmarkMicroCodec is the transport's codec alone: a transaction as it comes, and a
// page of 500 as it goes.
func BenchmarkMicroCodec(b *testing.B) {
	in := wire(b, updateTxn())
	b.Run("decode-txn", func(b *testing.B) {
		b.SetBytes(int64(len(in)))
		b.ReportAllocs()
		for b.Loop() {
			var req pb.TxnRequest
			decode(b, in, &req)
			if len(req.Success) != 1 {
				b.Fatal("it came out differently")
			}
		}
	})
	n := newBenchNode(b)
	page, err := n.st.Range(b.Context(), n.st.Snapshot(), &pb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}, Limit: 500})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode-list500", func(b *testing.B) {
		b.SetBytes(int64(page.Size()))
		b.ReportAllocs()
		for b.Loop() {
			if size := encode(b, page); size != page.Size() {
				b.Fatalf("%d bytes of %d", size, page.Size())
			}
		}
	})
}

// grpcCodec is the one that the server has gRPC use.
var grpcCodec = newCodec()

// encode makes the bytes that gRPC would send, lets go of them as it does, and says how
// many they were.
func encode(b *testing.B, m any) int {
	bufs, err := grpcCodec.Marshal(m)
	if err != nil {
		b.Fatal(err)
	}
	defer bufs.Free()
	return bufs.Len()
}

// wire is encode for bytes that are kept.
func wire(b *testing.B, m any) []byte {
	bufs, err := grpcCodec.Marshal(m)
	if err != nil {
		b.Fatal(err)
	}
	defer bufs.Free()
	return bufs.Materialize()
}

func decode(b *testing.B, in []byte, m any) {
	if err := grpcCodec.Unmarshal(mem.BufferSlice{mem.SliceBuffer(in)}, m); err != nil {
		b.Fatal(err)
	}
}
