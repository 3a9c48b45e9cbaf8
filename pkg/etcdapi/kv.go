package etcdapi

import (
	"context"
	"errors"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/netsy-io/netsy/pkg/mvcc"
	"github.com/netsy-io/netsy/pkg/primary"
	"github.com/netsy-io/netsy/pkg/record"
)

type kvServer struct{ *Server }

// Range answers a read: of the local state if the client asks for serializable,
// else of a state proven to be current.
func (s *kvServer) Range(ctx context.Context, req *pb.RangeRequest) (*pb.RangeResponse, error) {
	if err := checkRange(req); err != nil {
		return nil, err
	}
	sn, err := s.snapshot(ctx, req.Serializable)
	if err != nil {
		return nil, toStatus(ctx, err)
	}
	resp, err := s.o.Backend.Store().Range(ctx, sn, req)
	if err != nil {
		return nil, toStatus(ctx, err)
	}
	s.fill(resp.Header)
	return resp, nil
}

func (s *Server) snapshot(ctx context.Context, serializable bool) (*mvcc.Snapshot, error) {
	if serializable {
		if sn := s.o.Backend.Store().Snapshot(); sn.Revision() > 0 {
			return sn, nil
		}
		// Nothing is known to be committed yet: wait for the first Primary.
	}
	return onPrimary(ctx, s, func(ctx context.Context, p Primary) (*mvcc.Snapshot, error) { return p.Snapshot(ctx) })
}

// askAgain is the pause before the same Primary is asked again: one that drains is
// there until it has drained, and refuses at once. Short beside a change of Primary.
const askAgain = 20 * time.Millisecond

// onPrimary does f on the Primary, waiting for one if there is none, and again on
// the next one when f was certainly not done. An error of any other kind stands.
func onPrimary[T any](ctx context.Context, s *Server, f func(context.Context, Primary) (T, error)) (T, error) {
	patient := withPatience(ctx, s.o.RequestTimeout)
	defer patient.end()
	ctx = patient
	var last Primary
	for {
		p, err := s.o.Backend.Primary(ctx)
		if err != nil {
			var none T
			return none, err
		}
		if p == last {
			pause(ctx, askAgain)
		}
		last = p
		v, err := f(ctx, p)
		if err == nil || errors.Is(err, primary.ErrUnknownOutcome) || ctx.Err() != nil {
			return v, err
		}
		if !errors.Is(err, primary.ErrNotPrimary) && !errors.Is(err, primary.ErrDraining) {
			return v, err
		}
		select { // one that drains is still there for a while
		case <-ctx.Done():
		case <-time.After(primaryRetry):
		}
	}
}

// primaryRetry is the pause before a Primary that refused is asked again.
const primaryRetry = 10 * time.Millisecond

// pause returns after d, or when ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// Txn evaluates a transaction with at most one mutation a branch.
func (s *kvServer) Txn(ctx context.Context, req *pb.TxnRequest) (*pb.TxnResponse, error) {
	if err := checkSize(req); err != nil {
		return nil, err
	}
	if err := checkTxn(req); err != nil {
		return nil, err
	}
	resp, err := onPrimary(ctx, s.Server, func(ctx context.Context, p Primary) (*pb.TxnResponse, error) { return p.Txn(ctx, req) })
	if err != nil {
		return nil, toStatus(ctx, err)
	}
	s.fill(resp.Header)
	return resp, nil
}

// Put writes one key. Profile etcd.
func (s *kvServer) Put(ctx context.Context, req *pb.PutRequest) (*pb.PutResponse, error) {
	if err := s.only(ProfileEtcd, "Put"); err != nil {
		return nil, err
	}
	if err := checkSize(req); err != nil {
		return nil, err
	}
	if err := checkPut(req); err != nil {
		return nil, err
	}
	resp, err := onPrimary(ctx, s.Server, func(ctx context.Context, p Primary) (*pb.PutResponse, error) { return p.Put(ctx, req) })
	if err != nil {
		return nil, toStatus(ctx, err)
	}
	s.fill(resp.Header)
	return resp, nil
}

// DeleteRange deletes one key. Profile etcd.
func (s *kvServer) DeleteRange(ctx context.Context, req *pb.DeleteRangeRequest) (*pb.DeleteRangeResponse, error) {
	if err := s.only(ProfileEtcd, "DeleteRange"); err != nil {
		return nil, err
	}
	if err := checkDelete(req); err != nil {
		return nil, err
	}
	resp, err := onPrimary(ctx, s.Server, func(ctx context.Context, p Primary) (*pb.DeleteRangeResponse, error) { return p.DeleteRange(ctx, req) })
	if err != nil {
		return nil, toStatus(ctx, err)
	}
	s.fill(resp.Header)
	return resp, nil
}

// Compact drops history below a revision. Profile etcd; in profile kubernetes the
// Primary compacts by itself.
func (s *kvServer) Compact(ctx context.Context, req *pb.CompactionRequest) (*pb.CompactionResponse, error) {
	if err := s.only(ProfileEtcd, "Compact"); err != nil {
		return nil, err
	}
	_, err := onPrimary(ctx, s.Server, func(ctx context.Context, p Primary) (struct{}, error) {
		return struct{}{}, p.Compact(ctx, record.Revision(req.Revision))
	})
	if err != nil {
		return nil, toStatus(ctx, err)
	}
	return &pb.CompactionResponse{Header: s.header(s.o.Backend.Store().Snapshot().Revision())}, nil
}

// only refuses an RPC outside the configured profile.
func (s *Server) only(p Profile, rpc string) error {
	if s.o.Profile == p {
		return nil
	}
	return status.Errorf(codes.Unimplemented, "netsy: %s is not served with etcd_api %q; set it to %q in the cluster file", rpc, s.o.Profile, p)
}
