package forward

import (
	"errors"
	"testing"

	etcdpb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/protobuf/proto"

	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/primary"
)

// FuzzAnswer reads any bytes as an answer to everything that can be asked. An answer is
// a result or an error, never both or neither, and what can't be read leaves a write's
// outcome open.
func FuzzAnswer(f *testing.F) {
	add := func(a *pb.ForwardResponse) {
		b, err := proto.Marshal(a)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	body, err := (&etcdpb.TxnResponse{Succeeded: true, Header: &etcdpb.ResponseHeader{Revision: 7}}).Marshal()
	if err != nil {
		f.Fatal(err)
	}
	add(&pb.ForwardResponse{Id: 1, Answer: &pb.ForwardResponse_Response{Response: body}})
	add(&pb.ForwardResponse{Id: 2, Answer: &pb.ForwardResponse_Lease{Lease: &pb.LeaseGranted{Id: 5, Ttl: 6}}})
	add(&pb.ForwardResponse{Id: 3, Answer: &pb.ForwardResponse_Revision{Revision: 8}})
	add(&pb.ForwardResponse{Id: 4, Answer: &pb.ForwardResponse_Error{Error: &pb.ForwardError{Kind: 4, Code: 5, Message: "no"}}})
	f.Fuzz(func(t *testing.T, b []byte) {
		a := &pb.ForwardResponse{}
		if proto.Unmarshal(b, a) != nil {
			return
		}
		_, isResponse := a.Answer.(*pb.ForwardResponse_Response)
		_, isError := a.Answer.(*pb.ForwardResponse_Error)
		err := asUnknown(decodeResponse(a, &etcdpb.TxnResponse{}))
		if err == nil && !isResponse || err != nil && !isError && !errors.Is(err, primary.ErrUnknownOutcome) {
			t.Fatalf("%v: %v", a, err)
		}
		if rev, err := decodeRevision(a); (err == nil) != (rev > 0) {
			t.Fatalf("%v: %d, %v", a, rev, err)
		}
		if i, err := decodeReadIndex(a); (err == nil) != (i.Revision > 0) || i.Compaction < 0 || i.Compaction > i.Revision {
			t.Fatalf("%v: %v, %v", a, i, err)
		}
		if id, ttl, err := decodeLease(a); (err == nil) != (id > 0 && ttl > 0) {
			t.Fatalf("%v: %d, %d, %v", a, id, ttl, err)
		}
		if decodeError(a.GetError()) == nil {
			t.Fatalf("%v: no error", a)
		}
	})
}

// FuzzRequest has a server answer any bytes. It answers what it was asked, in a message
// that can be sent and read.
func FuzzRequest(f *testing.F) {
	body, err := numbered(3).Marshal()
	if err != nil {
		f.Fatal(err)
	}
	for _, req := range []*pb.ForwardRequest{
		{Id: 1, TimeoutNanos: 5, Request: &pb.ForwardRequest_Txn{Txn: body}},
		{Id: 2, Request: &pb.ForwardRequest_Put{Put: body}},
		{Id: 3, Request: &pb.ForwardRequest_DeleteRange{DeleteRange: body}},
		{Id: 4, Request: &pb.ForwardRequest_LeaseTtl{LeaseTtl: 6}},
		{Id: 5, Request: &pb.ForwardRequest_Compact{Compact: 1}},
		{Id: 6, Request: &pb.ForwardRequest_ReadIndex{ReadIndex: &pb.ReadIndexRequest{}}},
	} {
		b, err := proto.Marshal(req)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	p := reigning(&fakePrimary{txn: echo})
	f.Fuzz(func(t *testing.T, b []byte) {
		req := &pb.ForwardRequest{}
		if proto.Unmarshal(b, req) != nil {
			return
		}
		a := answer(t.Context(), req, p)
		if a.Id != req.Id || a.Answer == nil {
			t.Fatalf("%v to %v", a, req)
		}
		if _, err := proto.Marshal(a); err != nil {
			t.Fatalf("%v can't be sent: %v", a, err)
		}
	})
}
