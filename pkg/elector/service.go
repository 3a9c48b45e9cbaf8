package elector

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
)

// electionService answers for the elector in office.
type electionService struct {
	peerpb.UnimplementedElectionServer
	e *Elector
}

// ListMembers returns the members as every node is told. FAILED_PRECONDITION, with
// the elector in office as far as known, if it is not this one.
func (s *electionService) ListMembers(context.Context, *peerpb.ListMembersRequest) (*peerpb.ListMembersResponse, error) {
	o := s.e.office.Load()
	if o == nil || !s.e.lock.MayAct() {
		h := s.e.lock.Holder()
		if h.LeaderID == "" || h.LeaderID == s.e.opt.LeaderID {
			return nil, status.Error(codes.FailedPrecondition, "elector: not in office, and no other elector is known to be: try again")
		}
		return nil, status.Errorf(codes.FailedPrecondition, "elector: not in office: ask %s at %q", h.LeaderID, h.Address)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.members.Seq == 0 {
		return nil, status.Error(codes.Unavailable, "elector: in office, but the members are not known yet: try again")
	}
	return &peerpb.ListMembersResponse{Members: o.state.Members, Seq: o.state.Seq, LockWriteId: s.e.lock.Renewal()}, nil
}
