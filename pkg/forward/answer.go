package forward

import (
	"context"
	"errors"
	"fmt"
	"time"

	etcdpb "go.etcd.io/etcd/api/v3/etcdserverpb"

	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/primary"
	"github.com/netsy-io/netsy/pkg/record"
)

var (
	errTooLate    = errors.New("forward: the asker's time ended before the request came")
	errBadRequest = errors.New("forward: the request can't be read")
)

// answer has p do what req asks.
func answer(ctx context.Context, req *pb.ForwardRequest, primaryOf PrimaryFunc) *pb.ForwardResponse {
	switch d := time.Duration(req.TimeoutNanos); {
	case d < 0:
		return refusal(req, fmt.Errorf("%w: %w", primary.ErrNotPrimary, errTooLate))
	case d > 0:
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d)
		defer cancel()
	}
	p, err := primaryOf(ctx)
	if err != nil {
		return refusal(req, err)
	}
	switch r := req.Request.(type) {
	case *pb.ForwardRequest_Txn:
		return write(ctx, req, r.Txn, &etcdpb.TxnRequest{}, p.Txn)
	case *pb.ForwardRequest_Put:
		return write(ctx, req, r.Put, &etcdpb.PutRequest{}, p.Put)
	case *pb.ForwardRequest_DeleteRange:
		return write(ctx, req, r.DeleteRange, &etcdpb.DeleteRangeRequest{}, p.DeleteRange)
	case *pb.ForwardRequest_Compact:
		if err := p.Compact(ctx, record.Revision(r.Compact)); err != nil {
			return failure(req, err, true)
		}
		return &pb.ForwardResponse{Id: req.Id, Answer: &pb.ForwardResponse_Revision{Revision: r.Compact}}
	case *pb.ForwardRequest_LeaseTtl:
		id, ttl, err := p.LeaseGrant(ctx, r.LeaseTtl)
		if err != nil {
			return failure(req, err, false)
		}
		return &pb.ForwardResponse{Id: req.Id, Answer: &pb.ForwardResponse_Lease{Lease: &pb.LeaseGranted{Id: id, Ttl: ttl}}}
	case *pb.ForwardRequest_ReadIndex:
		i, err := p.ReadIndex(ctx)
		if err != nil {
			return failure(req, err, false)
		}
		index := &pb.ReadIndex{Revision: int64(i.Revision), CompactionRevision: int64(i.Compaction)}
		return &pb.ForwardResponse{Id: req.Id, Answer: &pb.ForwardResponse_ReadIndex{ReadIndex: index}}
	default:
		return refusal(req, fmt.Errorf("%w: %T is unknown to this version", errBadRequest, r))
	}
}

// write decodes a request, has it done and encodes the response.
func write[Req unmarshaler, Resp marshaler](ctx context.Context, req *pb.ForwardRequest, body []byte, in Req, do func(context.Context, Req) (Resp, error)) *pb.ForwardResponse {
	if err := in.Unmarshal(body); err != nil {
		return refusal(req, fmt.Errorf("%w: %w", errBadRequest, err))
	}
	out, err := do(ctx, in)
	if err != nil {
		return failure(req, err, true)
	}
	if n := out.Size(); n > MaxMessageBytes-framing {
		return failure(req, fmt.Errorf("%w: forward: the response has %d bytes, at most %d can be forwarded", primary.ErrUnknownOutcome, n, MaxMessageBytes-framing), true)
	}
	b, err := out.Marshal()
	if err != nil {
		return failure(req, fmt.Errorf("%w: forward: encoding the response: %w", primary.ErrUnknownOutcome, err), true)
	}
	return &pb.ForwardResponse{Id: req.Id, Answer: &pb.ForwardResponse_Response{Response: b}}
}

// refusal answers what was certainly not begun.
func refusal(req *pb.ForwardRequest, err error) *pb.ForwardResponse { return failure(req, err, false) }

func failure(req *pb.ForwardRequest, err error, proposed bool) *pb.ForwardResponse {
	return &pb.ForwardResponse{Id: req.Id, Answer: &pb.ForwardResponse_Error{Error: encodeError(err, proposed)}}
}
