package etcdapi_test

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"github.com/netsy-io/netsy/pkg/etcdapi"
)

const (
	maxRequest = 3 << 19 // 1.5 MiB
	maxMessage = 2 << 20
	maxKey     = 64 << 10
)

func put(key string, value []byte) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: []byte(key), Value: value}}}
}

func del(key string) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestDeleteRange{RequestDeleteRange: &pb.DeleteRangeRequest{Key: []byte(key)}}}
}

func get(r *pb.RangeRequest) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestRange{RequestRange: r}}
}

func nested(t *pb.TxnRequest) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestTxn{RequestTxn: t}}
}

func repeat[T any](v T, n int) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = v
	}
	return out
}

// TestRequestLimits sends what is just allowed and what is just too much.
func TestRequestLimits(t *testing.T) {
	conn := start(t, etcdapi.ProfileEtcd).dial(t, "client")
	kv := pb.NewKVClient(conn)
	t.Run("put size", func(t *testing.T) { putSizes(t, kv) })
	t.Run("txn size", func(t *testing.T) { txnSizes(t, kv) })
	t.Run("message size", func(t *testing.T) { messageSize(t, kv) })
	t.Run("key size", func(t *testing.T) { keySizes(t, kv) })
	t.Run("txn shape", func(t *testing.T) { txnShapes(t, kv) })
	t.Run("range", func(t *testing.T) { ranges(t, kv) })
	t.Run("nothing was written by what was refused", func(t *testing.T) {
		got, err := kv.Range(t.Context(), &pb.RangeRequest{Key: []byte("refused"), RangeEnd: []byte("refuseg"), CountOnly: true})
		if err != nil || got.Count != 0 {
			t.Errorf("%v, %v", got, err)
		}
	})
}

// sized makes a put of exactly n encoded bytes.
func sized(t *testing.T, key string, n int) *pb.PutRequest {
	t.Helper()
	r := &pb.PutRequest{Key: []byte(key), Value: make([]byte, n-100)} // close enough for the lengths to take as many bytes
	r.Value = make([]byte, n-(r.Size()-len(r.Value)))
	if r.Size() != n {
		t.Fatalf("made %d bytes, want %d", r.Size(), n)
	}
	return r
}

func putSizes(t *testing.T, kv pb.KVClient) {
	largest := sized(t, "large", maxRequest)
	if _, err := kv.Put(t.Context(), largest); err != nil {
		t.Fatal(err)
	}
	got, err := kv.Range(t.Context(), &pb.RangeRequest{Key: []byte("large")})
	if err != nil || len(got.Kvs) != 1 || len(got.Kvs[0].Value) != len(largest.Value) {
		t.Errorf("the largest value did not come back: %v", err)
	}
	_, err = kv.Put(t.Context(), sized(t, "refused", maxRequest+1))
	wantErr(t, err, rpctypes.ErrGRPCRequestTooLarge)
}

func txnSizes(t *testing.T, kv pb.KVClient) {
	txn := func(key string, n int) *pb.TxnRequest {
		r := &pb.TxnRequest{Success: []*pb.RequestOp{put(key, make([]byte, n))}}
		over := r.Size() - n
		r.Success[0] = put(key, make([]byte, n-over))
		if r.Size() != n {
			t.Fatalf("made %d bytes, want %d", r.Size(), n)
		}
		return r
	}
	if _, err := kv.Txn(t.Context(), txn("large", maxRequest)); err != nil {
		t.Error(err)
	}
	_, err := kv.Txn(t.Context(), txn("refused", maxRequest+1))
	wantErr(t, err, rpctypes.ErrGRPCRequestTooLarge)
}

func messageSize(t *testing.T, kv pb.KVClient) {
	_, err := kv.Put(t.Context(), sized(t, "refused", maxMessage), grpc.MaxCallSendMsgSize(math.MaxInt32))
	wantErr(t, err, rpctypes.ErrGRPCRequestTooLarge)
	_, err = kv.Put(t.Context(), sized(t, "refused", maxMessage+1), grpc.MaxCallSendMsgSize(math.MaxInt32))
	wantCode(t, err, codes.ResourceExhausted) // gRPC's own
}

func keySizes(t *testing.T, kv pb.KVClient) {
	long := bytes.Repeat([]byte("k"), maxKey)
	if _, err := kv.Put(t.Context(), &pb.PutRequest{Key: long}); err != nil {
		t.Error(err)
	}
	longer := append(long, 'k')
	_, err := kv.Put(t.Context(), &pb.PutRequest{Key: longer})
	wantCode(t, err, codes.InvalidArgument)
	_, err = kv.DeleteRange(t.Context(), &pb.DeleteRangeRequest{Key: longer})
	wantCode(t, err, codes.InvalidArgument)
	_, err = kv.Txn(t.Context(), &pb.TxnRequest{Success: []*pb.RequestOp{put(string(longer), nil)}})
	wantCode(t, err, codes.InvalidArgument)
	got, err := kv.Range(t.Context(), &pb.RangeRequest{Key: longer}) // no such key, and nothing wrong with asking
	if err != nil || got.Count != 0 {
		t.Errorf("%v, %v", got, err)
	}

	_, err = kv.Put(t.Context(), &pb.PutRequest{})
	wantErr(t, err, rpctypes.ErrGRPCEmptyKey)
	_, err = kv.DeleteRange(t.Context(), &pb.DeleteRangeRequest{})
	wantErr(t, err, rpctypes.ErrGRPCEmptyKey)
	_, err = kv.Range(t.Context(), &pb.RangeRequest{})
	wantErr(t, err, rpctypes.ErrGRPCEmptyKey)
}

func txnShapes(t *testing.T, kv pb.KVClient) {
	read := get(&pb.RangeRequest{Key: []byte("a")})
	compare := &pb.Compare{Key: []byte("absent"), Target: pb.Compare_VERSION, TargetUnion: &pb.Compare_Version{}}
	tests := []struct {
		name string
		txn  *pb.TxnRequest
		want error // nil: succeeds
		code codes.Code
	}{
		{name: "empty", txn: &pb.TxnRequest{}},
		{name: "128 operations", txn: &pb.TxnRequest{Success: repeat(read, 128), Failure: repeat(read, 128)}},
		{name: "129 operations", txn: &pb.TxnRequest{Success: repeat(read, 129)}, want: rpctypes.ErrGRPCTooManyOps},
		{name: "129 operations in the branch not taken", txn: &pb.TxnRequest{Failure: repeat(read, 129)}, want: rpctypes.ErrGRPCTooManyOps},
		{name: "128 compares", txn: &pb.TxnRequest{Compare: repeat(compare, 128)}},
		{name: "129 compares", txn: &pb.TxnRequest{Compare: repeat(compare, 129)}, want: rpctypes.ErrGRPCTooManyOps},
		{name: "one mutation in each branch", txn: &pb.TxnRequest{Success: []*pb.RequestOp{put("a", nil), read}, Failure: []*pb.RequestOp{del("a")}}},
		{name: "two puts", txn: &pb.TxnRequest{Success: []*pb.RequestOp{put("refused1", nil), put("refused2", nil)}}, code: codes.InvalidArgument},
		{name: "put and delete", txn: &pb.TxnRequest{Success: []*pb.RequestOp{put("refused1", nil), del("refused2")}}, code: codes.InvalidArgument},
		{name: "two deletes in the branch not taken", txn: &pb.TxnRequest{Success: []*pb.RequestOp{put("refused1", nil)},
			Failure: []*pb.RequestOp{del("a"), del("b")}}, code: codes.InvalidArgument},
		{name: "nested", txn: &pb.TxnRequest{Success: []*pb.RequestOp{nested(&pb.TxnRequest{})}}, code: codes.InvalidArgument},
		{name: "nested without a body", txn: &pb.TxnRequest{Success: []*pb.RequestOp{nested(nil)}}, code: codes.InvalidArgument},
		{name: "nested 1000 deep", txn: deep(1000), code: codes.InvalidArgument},
		{name: "empty operation", txn: &pb.TxnRequest{Success: []*pb.RequestOp{{}}}, want: rpctypes.ErrGRPCKeyNotFound},
		{name: "empty key in a put", txn: &pb.TxnRequest{Success: []*pb.RequestOp{put("", nil)}}, want: rpctypes.ErrGRPCEmptyKey},
		{name: "empty key in a compare", txn: &pb.TxnRequest{Compare: []*pb.Compare{{}}}, want: rpctypes.ErrGRPCEmptyKey},
		{name: "unknown target", txn: &pb.TxnRequest{Compare: []*pb.Compare{{Key: []byte("a"), Target: 99}}}, code: codes.InvalidArgument},
		{name: "unknown operator", txn: &pb.TxnRequest{Compare: []*pb.Compare{{Key: []byte("a"), Result: 99}}}, code: codes.InvalidArgument},
		{name: "range delete", txn: &pb.TxnRequest{Success: []*pb.RequestOp{{Request: &pb.RequestOp_RequestDeleteRange{
			RequestDeleteRange: &pb.DeleteRangeRequest{Key: []byte("a"), RangeEnd: []byte("b")}}}}}, code: codes.InvalidArgument},
		{name: "unknown sort", txn: &pb.TxnRequest{Success: []*pb.RequestOp{get(&pb.RangeRequest{Key: []byte("a"), SortOrder: 9})}},
			want: rpctypes.ErrGRPCInvalidSortOption},
		{name: "future revision", txn: &pb.TxnRequest{Success: []*pb.RequestOp{put("refused1", nil), get(&pb.RangeRequest{Key: []byte("a"), Revision: math.MaxInt64})}},
			want: rpctypes.ErrGRPCFutureRev},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := kv.Txn(t.Context(), tt.txn)
			if tt.want != nil {
				wantErr(t, err, tt.want)
			} else {
				wantCode(t, err, tt.code)
			}
		})
	}
}

func deep(n int) *pb.TxnRequest {
	txn := &pb.TxnRequest{}
	for range n {
		txn = &pb.TxnRequest{Success: []*pb.RequestOp{nested(txn)}}
	}
	return txn
}

// ranges: numbers that no sane client sends must neither fail nor cost anything.
func ranges(t *testing.T, kv pb.KVClient) {
	for i := range 3 {
		if _, err := kv.Put(t.Context(), &pb.PutRequest{Key: fmt.Appendf(nil, "r%d", i)}); err != nil {
			t.Fatal(err)
		}
	}
	all := func(f func(*pb.RangeRequest)) *pb.RangeRequest {
		r := &pb.RangeRequest{Key: []byte("r"), RangeEnd: []byte("s")}
		f(r)
		return r
	}
	tests := []struct {
		name string
		req  *pb.RangeRequest
		kvs  int
		err  error
	}{
		{"limit 2", all(func(r *pb.RangeRequest) { r.Limit = 2 }), 2, nil},
		{"negative limit", all(func(r *pb.RangeRequest) { r.Limit = -1 }), 3, nil},
		{"smallest limit", all(func(r *pb.RangeRequest) { r.Limit = math.MinInt64 }), 3, nil},
		{"largest limit", all(func(r *pb.RangeRequest) { r.Limit = math.MaxInt64 }), 3, nil},
		{"negative revision", all(func(r *pb.RangeRequest) { r.Revision = math.MinInt64 }), 3, nil},
		{"largest revision", all(func(r *pb.RangeRequest) { r.Revision = math.MaxInt64 }), 0, rpctypes.ErrGRPCFutureRev},
		{"serializable at the largest revision", all(func(r *pb.RangeRequest) { r.Serializable, r.Revision = true, math.MaxInt64 }), 0, rpctypes.ErrGRPCFutureRev},
		{"min above max", all(func(r *pb.RangeRequest) { r.MinModRevision, r.MaxModRevision = math.MaxInt64, 1 }), 0, nil},
		{"end before key", &pb.RangeRequest{Key: []byte("s"), RangeEnd: []byte("r")}, 0, nil},
		{"unknown order", all(func(r *pb.RangeRequest) { r.SortOrder = 3 }), 0, rpctypes.ErrGRPCInvalidSortOption},
		{"negative order", all(func(r *pb.RangeRequest) { r.SortOrder = -1 }), 0, rpctypes.ErrGRPCInvalidSortOption},
		{"unknown sort target", all(func(r *pb.RangeRequest) { r.SortTarget = 5 }), 0, rpctypes.ErrGRPCInvalidSortOption},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := kv.Range(t.Context(), tt.req)
			wantErr(t, err, tt.err)
			if err == nil && len(got.Kvs) != tt.kvs {
				t.Errorf("got %d keys, want %d", len(got.Kvs), tt.kvs)
			}
		})
	}
	for _, rev := range []int64{math.MaxInt64} {
		_, err := kv.Compact(t.Context(), &pb.CompactionRequest{Revision: rev})
		wantErr(t, err, rpctypes.ErrGRPCFutureRev)
	}
	for _, rev := range []int64{-1, math.MinInt64} {
		_, err := kv.Compact(t.Context(), &pb.CompactionRequest{Revision: rev})
		wantErr(t, err, rpctypes.ErrGRPCCompacted)
	}
}
