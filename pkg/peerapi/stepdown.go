package peerapi

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/record"
)

// StepDownRefused is why a node did not step down; nothing has changed.
type StepDownRefused struct {
	Reason  pb.StepDownRefusal_Reason
	Primary *pb.NodeRef // of REASON_NOT_PRIMARY: who is; nil: not known
	Err     error
}

func (e *StepDownRefused) Error() string { return e.Err.Error() }
func (e *StepDownRefused) Unwrap() error { return e.Err }

// GRPCStatus carries the reason in the details.
func (e *StepDownRefused) GRPCStatus() *status.Status {
	s := status.New(codes.FailedPrecondition, e.Error())
	if d, err := s.WithDetails(&pb.StepDownRefusal{Reason: e.Reason, Primary: e.Primary}); err == nil {
		return d
	}
	return s
}

// Refusal finds the refusal in an error that StepDown's client got. ok is false if there
// is none: then it may step down, now or later.
func Refusal(err error) (refused *StepDownRefused, ok bool) {
	s := status.Convert(err)
	for _, d := range s.Details() {
		if r, is := d.(*pb.StepDownRefusal); is {
			return &StepDownRefused{Reason: r.Reason, Primary: r.Primary, Err: errors.New(s.Message())}, true
		}
	}
	return nil, false
}

// StepDown asks the node to hand its reign over.
func (s *Server) StepDown(ctx context.Context, req *pb.StepDownRequest) (*pb.StepDownResponse, error) {
	if req.Epoch <= 0 {
		return nil, status.Errorf(codes.InvalidArgument, "peerapi: stepping down needs the epoch that is meant to end, got %d", req.Epoch)
	}
	resp, err := s.node.StepDown(ctx, req.Successor, record.Epoch(req.Epoch))
	if err == nil {
		return resp, nil
	}
	var refused *StepDownRefused
	if errors.As(err, &refused) {
		return nil, refused.GRPCStatus().Err()
	}
	return nil, toStatus(err)
}
