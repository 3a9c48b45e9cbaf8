package etcdapi

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/mem"
)

// sample makes messages of all shapes, sizes around every threshold among them.
type sample struct{ *rand.Rand }

func (r sample) bytes() []byte {
	sizes := []int{0, 0, 1, 127, 128, byReference - 1, byReference, byReference + 1, inPieces, scratchBytes - 1, scratchBytes + 1}
	n := r.IntN(40)
	if r.IntN(2) == 0 {
		n = sizes[r.IntN(len(sizes))]
	}
	if n == 0 {
		return nil
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func (r sample) number() int64 {
	return []int64{0, 0, 1, 127, 128, 1 << 32, -1, r.Int64()}[r.IntN(8)]
}

// unknown is fields that a later version might have.
func (r sample) unknown() []byte {
	if r.IntN(20) > 0 {
		return nil
	}
	return []byte{0xf8, 0x07, byte(r.IntN(128))}
}

func (r sample) kv() *mvccpb.KeyValue {
	return &mvccpb.KeyValue{
		Key: r.bytes(), CreateRevision: r.number(), ModRevision: r.number(), Version: r.number(), Value: r.bytes(), Lease: r.number(),
		XXX_unrecognized: r.unknown(),
	}
}

func (r sample) event() *mvccpb.Event {
	e := &mvccpb.Event{Type: mvccpb.Event_EventType(r.IntN(2)), XXX_unrecognized: r.unknown()}
	if r.IntN(10) > 0 {
		e.Kv = r.kv()
	}
	if r.IntN(2) > 0 {
		e.PrevKv = r.kv()
	}
	return e
}

func (r sample) header() *pb.ResponseHeader {
	if r.IntN(4) == 0 {
		return nil
	}
	return &pb.ResponseHeader{ClusterId: r.Uint64(), MemberId: uint64(r.number()), Revision: r.number(), RaftTerm: uint64(r.number())}
}

func (r sample) rangeResponse() *pb.RangeResponse {
	resp := &pb.RangeResponse{Header: r.header(), More: r.IntN(2) == 0, Count: r.number(), XXX_unrecognized: r.unknown()}
	for range r.IntN(30) {
		resp.Kvs = append(resp.Kvs, r.kv())
	}
	return resp
}

func (r sample) watchResponse() *pb.WatchResponse {
	resp := &pb.WatchResponse{
		Header: r.header(), WatchId: r.number(), Created: r.IntN(2) == 0, Canceled: r.IntN(2) == 0, CompactRevision: r.number(),
		CancelReason: []string{"", "why"}[r.IntN(2)], Fragment: r.IntN(2) == 0, XXX_unrecognized: r.unknown(),
	}
	for range r.IntN(15) {
		resp.Events = append(resp.Events, r.event())
	}
	return resp
}

func (r sample) txnRequest() *pb.TxnRequest {
	return &pb.TxnRequest{
		Compare: []*pb.Compare{{Key: r.bytes(), Target: pb.Compare_MOD, TargetUnion: &pb.Compare_ModRevision{ModRevision: r.number()}}},
		Success: []*pb.RequestOp{{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{Key: r.bytes(), Value: r.bytes()}}}},
		Failure: []*pb.RequestOp{{Request: &pb.RequestOp_RequestRange{RequestRange: &pb.RangeRequest{Key: r.bytes()}}}},
	}
}

func (r sample) message() message {
	switch r.IntN(4) {
	case 0:
		return r.rangeResponse()
	case 1:
		return r.watchResponse()
	case 2:
		return r.txnRequest()
	}
	return &pb.TxnResponse{Header: r.header(), Responses: []*pb.ResponseOp{{Response: &pb.ResponseOp_ResponseRange{ResponseRange: r.rangeResponse()}}}}
}

// encoded is what gRPC's own codec makes of v.
func encoded(t testing.TB, v any) []byte {
	t.Helper()
	b, err := encoding.GetCodecV2(proto.Name).Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Free()
	return b.Materialize()
}

// sameEncoding checks got, and frees it.
func sameEncoding(t testing.TB, got mem.BufferSlice, err error, want []byte) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer got.Free()
	if b := got.Materialize(); !bytes.Equal(b, want) {
		t.Fatalf("encoded as %d bytes, %x; want %d, %x", len(b), b, len(want), want)
	}
}

func TestCodecEncodesAsGRPC(t *testing.T) {
	r := sample{rand.New(rand.NewPCG(1, 2))}
	c, large := newCodec(), 0
	for range 2000 {
		m := r.message()
		want := encoded(t, m)
		got, err := c.Marshal(m)
		if len(got) > 1 {
			large++
		}
		sameEncoding(t, got, err, want)
	}
	if large < 100 {
		t.Errorf("only %d messages were encoded in pieces", large)
	}
}

// inPieces of any size, whatever it would be sent as.
func inAnyPieces(t testing.TB, m message) {
	switch m := m.(type) {
	case *pb.RangeResponse:
		if m.XXX_unrecognized == nil {
			got, err := rangePieces(m, 1)
			sameEncoding(t, got, err, encoded(t, m))
		}
	case *pb.WatchResponse:
		if m.XXX_unrecognized == nil {
			got, err := watchPieces(m, 1)
			sameEncoding(t, got, err, encoded(t, m))
		}
	}
}

func TestPiecesEncodeAsGRPC(t *testing.T) {
	r := sample{rand.New(rand.NewPCG(3, 4))}
	for range 1000 {
		inAnyPieces(t, r.rangeResponse())
		inAnyPieces(t, r.watchResponse())
	}
}

func TestCodecDecodesAsGRPC(t *testing.T) {
	r := sample{rand.New(rand.NewPCG(5, 6))}
	for range 1000 {
		m := r.message()
		decodesAlike(t, m, encoded(t, m))
	}
}

// decodesAlike decodes b into something that holds another message already, in parts.
func decodesAlike(t testing.TB, like message, b []byte) {
	t.Helper()
	typ := reflect.TypeOf(like).Elem()
	want, got := reflect.New(typ).Interface(), reflect.New(typ).Interface()
	if err := got.(message).Unmarshal(encoded(t, like)); err != nil {
		t.Fatal(err)
	}
	data := mem.BufferSlice{mem.SliceBuffer(bytes.Clone(b[:len(b)/2])), mem.SliceBuffer(bytes.Clone(b[len(b)/2:]))}
	err := newCodec().Unmarshal(data, got)
	for _, d := range data { // nothing is kept of it
		clear(d.ReadOnlyData())
	}
	wantErr := encoding.GetCodecV2(proto.Name).Unmarshal(mem.BufferSlice{mem.SliceBuffer(b)}, want)
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("decoding ended with %v, want %v", err, wantErr)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("decoded %v, want %v", got, want)
	}
}

func TestCodecLeavesOthersToGRPC(t *testing.T) {
	c, m := newCodec(), &healthpb.HealthCheckResponse{Status: healthpb.HealthCheckResponse_SERVING}
	got, err := c.Marshal(m)
	sameEncoding(t, got, err, encoded(t, m))
	var back healthpb.HealthCheckResponse
	if err := c.Unmarshal(mem.BufferSlice{mem.SliceBuffer(encoded(t, m))}, &back); err != nil || back.Status != m.Status {
		t.Errorf("decoded %v (%v), want %v", &back, err, m)
	}
	if _, err := c.Marshal(1); err == nil {
		t.Error("a number was encoded")
	}
	if c.Name() != encoding.GetCodecV2(proto.Name).Name() {
		t.Errorf("the codec is called %q", c.Name())
	}
}

func FuzzCodec(f *testing.F) {
	r := sample{rand.New(rand.NewPCG(7, 8))}
	for i := range 20 {
		f.Add(uint8(i), encoded(f, []message{r.rangeResponse(), r.watchResponse(), r.txnRequest()}[i%3]))
	}
	f.Fuzz(func(t *testing.T, kind uint8, b []byte) {
		m := []message{&pb.RangeResponse{}, &pb.WatchResponse{}, &pb.TxnRequest{}}[kind%3]
		if err := m.Unmarshal(bytes.Clone(b)); err != nil {
			decodesAlike(t, reflect.New(reflect.TypeOf(m).Elem()).Interface().(message), b)
			return
		}
		decodesAlike(t, m, b)
		got, err := newCodec().Marshal(m)
		sameEncoding(t, got, err, encoded(t, m))
		inAnyPieces(t, m)
	})
}

func BenchmarkCodecList500(b *testing.B) {
	resp := &pb.RangeResponse{Header: &pb.ResponseHeader{Revision: 1}}
	for i := range 500 {
		resp.Kvs = append(resp.Kvs, &mvccpb.KeyValue{
			Key: make([]byte, 40), Value: bytes.Repeat([]byte{byte(i)}, 1024), CreateRevision: 1000, ModRevision: 2000, Version: 3,
		})
	}
	for name, c := range map[string]encoding.CodecV2{"own": newCodec(), "grpc": encoding.GetCodecV2(proto.Name)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				out, err := c.Marshal(resp)
				if err != nil {
					b.Fatal(err)
				}
				out.Free()
			}
		})
	}
}

// TestSmallValuesAreEncodedWhole, however many: pieces are for large ones.
func TestSmallValuesAreEncodedWhole(t *testing.T) {
	for _, c := range []struct {
		values, size, want int
	}{
		{1000, byReference - 1, 0}, {1, inPieces - 1, 0}, {1, inPieces, 1}, {inPieces/byReference - 1, byReference, 0}, {inPieces / byReference, byReference, inPieces / byReference},
	} {
		var r pb.RangeResponse
		var w pb.WatchResponse
		for range c.values {
			kv := &mvccpb.KeyValue{Key: []byte("k"), Value: make([]byte, c.size)}
			r.Kvs = append(r.Kvs, kv)
			w.Events = append(w.Events, &mvccpb.Event{Kv: &mvccpb.KeyValue{Key: kv.Key}, PrevKv: kv})
		}
		if got := largeRange(&r); got != c.want {
			t.Errorf("page of %d values of %d bytes: %d by reference, want %d", c.values, c.size, got, c.want)
		}
		if got := largeWatch(&w); got != c.want {
			t.Errorf("%d events of %d bytes: %d by reference, want %d", c.values, c.size, got, c.want)
		}
	}
}
