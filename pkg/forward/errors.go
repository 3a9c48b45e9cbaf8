package forward

import (
	"context"
	"errors"
	"strings"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/netsy-io/netsy/pkg/lease"
	"github.com/netsy-io/netsy/pkg/mvcc"
	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/primary"
	"github.com/netsy-io/netsy/pkg/registry"
)

// kinds says how errors travel: each kind stands for the error that the replica acts
// upon as the Primary would. An error that is several of them travels as the first: an
// unknown outcome names its causes, and none of them may hide it.
var kinds = []struct {
	kind pb.ForwardError_Kind
	err  error
}{
	{pb.ForwardError_KIND_UNKNOWN_OUTCOME, primary.ErrUnknownOutcome},
	{pb.ForwardError_KIND_NOT_PRIMARY, primary.ErrNotPrimary},
	{pb.ForwardError_KIND_DRAINING, primary.ErrDraining},
	{pb.ForwardError_KIND_BUSY, primary.ErrQueueFull},
	{pb.ForwardError_KIND_NO_SPACE, primary.ErrNoSpace},
	{pb.ForwardError_KIND_COMPACTED, mvcc.ErrCompacted},
	{pb.ForwardError_KIND_FUTURE_REVISION, mvcc.ErrFutureRev},
	{pb.ForwardError_KIND_KEY_NOT_FOUND, mvcc.ErrKeyNotFound},
	{pb.ForwardError_KIND_LEASE_NOT_FOUND, lease.ErrLeaseNotFound},
	{pb.ForwardError_KIND_LEASE_TTL_TOO_LARGE, lease.ErrLeaseTTLTooLarge},
	{pb.ForwardError_KIND_TOO_MANY_LEASES, lease.ErrTooManyLeases},
}

// alike are errors of the Primary's own surroundings. They travel as what they mean to
// a replica's client. They come after kinds.
var alike = []struct {
	err error
	as  error
}{
	{primary.ErrDeposed, primary.ErrNotPrimary},
	{registry.ErrUnknownOutcome, primary.ErrUnknownOutcome}, // a compaction
	{objectstore.ErrUnknownOutcome, primary.ErrUnknownOutcome},
	{objectstore.ErrUnavailable, rpctypes.ErrGRPCTimeout},
	{registry.ErrBusy, rpctypes.ErrGRPCTimeout},
	{mvcc.ErrDisk, rpctypes.ErrGRPCUnhealthy}, // nothing was done
	{mvcc.ErrCorrupt, rpctypes.ErrGRPCUnhealthy},
	{mvcc.ErrClosed, rpctypes.ErrGRPCUnhealthy},
}

// encodeError puts err into a message. proposed: it is of a write that may go on
// although its asker's time, or the stream, has ended.
func encodeError(err error, proposed bool) *pb.ForwardError {
	kind, known := kindOf(err)
	if known {
		return &pb.ForwardError{Kind: kind, Message: text(err)}
	}
	for _, row := range alike {
		if errors.Is(err, row.err) {
			if kind, known := kindOf(row.as); known {
				return &pb.ForwardError{Kind: kind, Message: text(err)}
			}
			return encodeStatus(status.Convert(row.as))
		}
	}
	s, isStatus := status.FromError(err)
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), isStatus && timedOut(s.Code()):
		return &pb.ForwardError{Kind: timeKind(proposed), Message: text(err)}
	case isStatus:
		return encodeStatus(s)
	}
	return &pb.ForwardError{Kind: pb.ForwardError_KIND_UNSPECIFIED, Message: text(err)}
}

func kindOf(err error) (pb.ForwardError_Kind, bool) {
	for _, row := range kinds {
		if errors.Is(err, row.err) {
			return row.kind, true
		}
	}
	return 0, false
}

// timeKind is what it means that time ran out.
func timeKind(proposed bool) pb.ForwardError_Kind {
	if proposed {
		return pb.ForwardError_KIND_UNKNOWN_OUTCOME
	}
	return pb.ForwardError_KIND_NOT_PRIMARY
}

// timedOut are the codes that say nothing about whether anything was done.
func timedOut(c codes.Code) bool { return c == codes.Canceled || c == codes.DeadlineExceeded }

func encodeStatus(s *status.Status) *pb.ForwardError {
	return &pb.ForwardError{Kind: pb.ForwardError_KIND_STATUS, Code: int32(s.Code()), Message: valid(s.Message())}
}

func text(err error) string { return valid(err.Error()) }

// valid makes s fit for a protobuf string: gRPC refuses to send what isn't UTF-8.
func valid(s string) string { return strings.ToValidUTF8(s[:min(len(s), maxErrorText)], "\uFFFD") }

// answeredError is the Primary's error: its text, and what it is to errors.Is.
type answeredError struct {
	is   error
	text string
}

func (e *answeredError) Error() string { return e.text }
func (e *answeredError) Unwrap() error { return e.is }

// decodeError returns what the message says, never nil. What it doesn't know, from a
// later version, may mean that the request was done.
func decodeError(e *pb.ForwardError) error {
	for _, row := range kinds {
		if row.kind == e.GetKind() {
			return &answeredError{is: row.err, text: e.GetMessage()}
		}
	}
	switch c := codes.Code(e.GetCode()); {
	case e.GetKind() == pb.ForwardError_KIND_UNSPECIFIED:
		return &answeredError{text: e.GetMessage()}
	case e.GetKind() == pb.ForwardError_KIND_STATUS && c != codes.OK && c <= codes.Unauthenticated && !timedOut(c):
		return status.Error(c, e.GetMessage())
	}
	return &answeredError{is: primary.ErrUnknownOutcome, text: "forward: the Primary's error can't be read: " + e.String()}
}
