package etcddiff

import (
	"fmt"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/grpc/status"
)

// normalize takes out of a response what may differ between any two servers: who answered, and
// the ids of leases, which become slots. It changes the response.
func (p place) normalize(resp any) {
	switch r := resp.(type) {
	case *pb.RangeResponse:
		p.header(r.Header)
		p.kvs(r.Kvs)
	case *pb.PutResponse:
		p.header(r.Header)
		p.kv(r.PrevKv)
	case *pb.DeleteRangeResponse:
		p.header(r.Header)
		p.kvs(r.PrevKvs)
	case *pb.TxnResponse:
		p.txnResponse(r)
	case *pb.CompactionResponse:
		p.header(r.Header)
	case *pb.LeaseGrantResponse:
		p.header(r.Header)
		if r.ID != 0 {
			r.ID = 1
		}
	}
}

func (p place) txnResponse(r *pb.TxnResponse) {
	p.header(r.Header)
	for _, op := range r.Responses {
		switch o := op.Response.(type) {
		case *pb.ResponseOp_ResponseRange:
			p.normalize(o.ResponseRange)
		case *pb.ResponseOp_ResponsePut:
			p.normalize(o.ResponsePut)
		case *pb.ResponseOp_ResponseDeleteRange:
			p.normalize(o.ResponseDeleteRange)
		case *pb.ResponseOp_ResponseTxn:
			p.normalize(o.ResponseTxn)
		}
	}
}

func (place) header(h *pb.ResponseHeader) {
	if h != nil {
		h.ClusterId, h.MemberId, h.RaftTerm = 0, 0, 0
	}
}

func (p place) kvs(kvs []*mvccpb.KeyValue) {
	for _, kv := range kvs {
		p.kv(kv)
	}
}

func (p place) kv(kv *mvccpb.KeyValue) {
	if kv == nil {
		return
	}
	for slot, id := range p.leases {
		if kv.Lease == id {
			kv.Lease = slot
			return
		}
	}
}

// text is the outcome of a request in a form to compare and to read.
func (p place) text(resp fmt.Stringer, err error) string {
	if err != nil {
		s, _ := status.FromError(err)
		return fmt.Sprintf("error %s %q", s.Code(), s.Message())
	}
	p.normalize(resp)
	return resp.String()
}
