package forward

import (
	"context"
	"errors"
	"fmt"

	etcdpb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/primary"
	"github.com/netsy-io/netsy/pkg/record"
)

// Txn has the Primary evaluate and commit a transaction that was validated here.
func (c *Client) Txn(ctx context.Context, req *etcdpb.TxnRequest) (*etcdpb.TxnResponse, error) {
	b, err := encode(req)
	if err != nil {
		return nil, err
	}
	resp := &etcdpb.TxnResponse{}
	return answered(resp, c.write(ctx, &pb.ForwardRequest{Request: &pb.ForwardRequest_Txn{Txn: b}}, resp))
}

// Put has the Primary commit a put.
func (c *Client) Put(ctx context.Context, req *etcdpb.PutRequest) (*etcdpb.PutResponse, error) {
	b, err := encode(req)
	if err != nil {
		return nil, err
	}
	resp := &etcdpb.PutResponse{}
	return answered(resp, c.write(ctx, &pb.ForwardRequest{Request: &pb.ForwardRequest_Put{Put: b}}, resp))
}

// DeleteRange has the Primary commit the deletion of one key.
func (c *Client) DeleteRange(ctx context.Context, req *etcdpb.DeleteRangeRequest) (*etcdpb.DeleteRangeResponse, error) {
	b, err := encode(req)
	if err != nil {
		return nil, err
	}
	resp := &etcdpb.DeleteRangeResponse{}
	return answered(resp, c.write(ctx, &pb.ForwardRequest{Request: &pb.ForwardRequest_DeleteRange{DeleteRange: b}}, resp))
}

// Compact has the Primary make rev the compaction revision.
func (c *Client) Compact(ctx context.Context, rev record.Revision) error {
	resp, err := c.ask(ctx, true, &pb.ForwardRequest{Request: &pb.ForwardRequest_Compact{Compact: int64(rev)}})
	if err != nil {
		return err
	}
	got, err := decodeRevision(resp)
	if err == nil && got != rev {
		err = fmt.Errorf("%w: compacted to %d, not %d", errBadAnswer, got, rev)
	}
	return asUnknown(err)
}

// LeaseGrant has the Primary make a lease. Nothing is stored by it, so an answer that
// got lost does no harm.
func (c *Client) LeaseGrant(ctx context.Context, ttl int64) (id, granted int64, err error) {
	resp, err := c.ask(ctx, false, &pb.ForwardRequest{Request: &pb.ForwardRequest_LeaseTtl{LeaseTtl: ttl}})
	if err != nil {
		return 0, 0, err
	}
	return decodeLease(resp)
}

// write forwards a write, and reads its response into resp.
func (c *Client) write(ctx context.Context, req *pb.ForwardRequest, resp unmarshaler) error {
	answer, err := c.ask(ctx, true, req)
	if err != nil {
		return err
	}
	return asUnknown(decodeResponse(answer, resp))
}

func answered[T any](resp *T, err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	return resp, nil
}

// etcd's messages bring their own, faster encoding.
type (
	marshaler interface {
		Size() int
		Marshal() ([]byte, error)
	}
	unmarshaler interface{ Unmarshal([]byte) error }
)

// encode refuses what is too large here: gRPC's refusal would end the stream, for all.
func encode(req marshaler) ([]byte, error) {
	if req.Size() > MaxRequestBytes-framing {
		return nil, rpctypes.ErrGRPCRequestTooLarge
	}
	return req.Marshal()
}

// errBadAnswer: the Primary answered something that can't be an answer to what was
// asked. It says nothing about whether that was done.
var errBadAnswer = errors.New("forward: the Primary's answer can't be read")

// asUnknown makes a bad answer to a write what it means.
func asUnknown(err error) error {
	if errors.Is(err, errBadAnswer) {
		return fmt.Errorf("%w: %w", primary.ErrUnknownOutcome, err)
	}
	return err
}

func decodeResponse(a *pb.ForwardResponse, resp unmarshaler) error {
	switch x := a.GetAnswer().(type) {
	case *pb.ForwardResponse_Response:
		if err := resp.Unmarshal(x.Response); err != nil {
			return fmt.Errorf("%w: %w", errBadAnswer, err)
		}
		return nil
	default:
		return fmt.Errorf("%w: %T to a write", errBadAnswer, x)
	}
}

func decodeRevision(a *pb.ForwardResponse) (record.Revision, error) {
	switch x := a.GetAnswer().(type) {
	case *pb.ForwardResponse_Revision:
		if x.Revision <= 0 {
			return 0, fmt.Errorf("%w: revision %d", errBadAnswer, x.Revision)
		}
		return record.Revision(x.Revision), nil
	default:
		return 0, fmt.Errorf("%w: %T instead of a revision", errBadAnswer, x)
	}
}

func decodeLease(a *pb.ForwardResponse) (id, ttl int64, err error) {
	switch x := a.GetAnswer().(type) {
	case *pb.ForwardResponse_Lease:
		if x.Lease.GetId() <= 0 || x.Lease.GetTtl() <= 0 {
			return 0, 0, fmt.Errorf("%w: lease %d with a TTL of %d s", errBadAnswer, x.Lease.GetId(), x.Lease.GetTtl())
		}
		return x.Lease.Id, x.Lease.Ttl, nil
	default:
		return 0, 0, fmt.Errorf("%w: %T instead of a lease", errBadAnswer, x)
	}
}
