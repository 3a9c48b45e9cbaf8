package etcddiff

import (
	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// Generated requests are relative: to the revision at which a case starts, and to leases by slot,
// as their ids differ between servers. resolve makes the request for one server of it.

// revOffset is subtracted from a generated revision, so that small ones are around the base: the
// store is compacted at the base, and the case's own writes are above it.
const revOffset = 3

// unknownLease is the slot of a lease that no server has granted, and also its id.
const unknownLease = 99

// place is what relative requests are relative to.
type place struct {
	base   int64           // store revision at the start of the case
	leases map[int64]int64 // lease ids by slot, from 1
}

// rev leaves 0, which means "none", and negative revisions as they are.
func (p place) rev(relative int64) int64 {
	if relative <= 0 {
		return relative
	}
	return p.base + relative - revOffset
}

func (p place) lease(slot int64) int64 {
	if id, ok := p.leases[slot]; ok {
		return id
	}
	return slot
}

// resolve returns a changed copy of a request.
func (p place) resolve(req request) request {
	switch r := req.(type) {
	case *pb.RangeRequest:
		return p.rangeRequest(r)
	case *pb.PutRequest:
		return p.putRequest(r)
	case *pb.TxnRequest:
		return p.txnRequest(r)
	case *pb.CompactionRequest:
		c := *r
		c.Revision = p.rev(r.Revision)
		return &c
	case *pb.WatchCreateRequest:
		c := *r
		c.StartRevision = p.rev(r.StartRevision)
		return &c
	}
	return req
}

func (p place) rangeRequest(r *pb.RangeRequest) *pb.RangeRequest {
	c := *r
	for _, rev := range []*int64{&c.Revision, &c.MinModRevision, &c.MaxModRevision, &c.MinCreateRevision, &c.MaxCreateRevision} {
		*rev = p.rev(*rev)
	}
	return &c
}

func (p place) putRequest(r *pb.PutRequest) *pb.PutRequest {
	c := *r
	c.Lease = p.lease(r.Lease)
	return &c
}

func (p place) txnRequest(r *pb.TxnRequest) *pb.TxnRequest {
	c := &pb.TxnRequest{}
	for _, compare := range r.Compare {
		c.Compare = append(c.Compare, p.compare(compare))
	}
	for _, op := range r.Success {
		c.Success = append(c.Success, p.requestOp(op))
	}
	for _, op := range r.Failure {
		c.Failure = append(c.Failure, p.requestOp(op))
	}
	return c
}

func (p place) compare(r *pb.Compare) *pb.Compare {
	c := *r
	switch v := r.TargetUnion.(type) {
	case *pb.Compare_ModRevision:
		c.TargetUnion = &pb.Compare_ModRevision{ModRevision: p.rev(v.ModRevision)}
	case *pb.Compare_CreateRevision:
		c.TargetUnion = &pb.Compare_CreateRevision{CreateRevision: p.rev(v.CreateRevision)}
	case *pb.Compare_Lease:
		c.TargetUnion = &pb.Compare_Lease{Lease: p.lease(v.Lease)}
	}
	return &c
}

func (p place) requestOp(op *pb.RequestOp) *pb.RequestOp {
	switch o := op.Request.(type) {
	case *pb.RequestOp_RequestRange:
		return &pb.RequestOp{Request: &pb.RequestOp_RequestRange{RequestRange: p.rangeRequest(o.RequestRange)}}
	case *pb.RequestOp_RequestPut:
		return &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: p.putRequest(o.RequestPut)}}
	case *pb.RequestOp_RequestTxn:
		return &pb.RequestOp{Request: &pb.RequestOp_RequestTxn{RequestTxn: p.txnRequest(o.RequestTxn)}}
	}
	return op
}
