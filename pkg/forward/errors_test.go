package forward

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"github.com/netsy-io/netsy/pkg/lease"
	"github.com/netsy-io/netsy/pkg/mvcc"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/primary"
	"github.com/netsy-io/netsy/pkg/registry"
)

// everyError is what a replica may be told, and all that must not be mixed up.
var everyError = []error{
	primary.ErrUnknownOutcome, primary.ErrNotPrimary, primary.ErrDraining, primary.ErrQueueFull, primary.ErrNoSpace,
	mvcc.ErrCompacted, mvcc.ErrFutureRev, mvcc.ErrKeyNotFound,
	lease.ErrLeaseNotFound, lease.ErrLeaseTTLTooLarge, lease.ErrTooManyLeases,
}

func TestErrorsTravel(t *testing.T) {
	other := status.Error(codes.InvalidArgument, "netsy: no")
	for _, c := range []struct {
		err      error
		proposed bool
		kind     pb.ForwardError_Kind
		want     error // nil: none of everyError
	}{
		{primary.ErrUnknownOutcome, true, pb.ForwardError_KIND_UNKNOWN_OUTCOME, primary.ErrUnknownOutcome},
		{primary.ErrNotPrimary, true, pb.ForwardError_KIND_NOT_PRIMARY, primary.ErrNotPrimary},
		{primary.ErrDraining, true, pb.ForwardError_KIND_DRAINING, primary.ErrDraining},
		{primary.ErrQueueFull, true, pb.ForwardError_KIND_BUSY, primary.ErrQueueFull},
		{primary.ErrNoSpace, true, pb.ForwardError_KIND_NO_SPACE, primary.ErrNoSpace},
		{mvcc.ErrCompacted, true, pb.ForwardError_KIND_COMPACTED, mvcc.ErrCompacted},
		{mvcc.ErrFutureRev, true, pb.ForwardError_KIND_FUTURE_REVISION, mvcc.ErrFutureRev},
		{mvcc.ErrKeyNotFound, true, pb.ForwardError_KIND_KEY_NOT_FOUND, mvcc.ErrKeyNotFound},
		{lease.ErrLeaseNotFound, true, pb.ForwardError_KIND_LEASE_NOT_FOUND, lease.ErrLeaseNotFound},
		{lease.ErrLeaseTTLTooLarge, false, pb.ForwardError_KIND_LEASE_TTL_TOO_LARGE, lease.ErrLeaseTTLTooLarge},
		{lease.ErrTooManyLeases, false, pb.ForwardError_KIND_TOO_MANY_LEASES, lease.ErrTooManyLeases},

		// What several errors at once mean.
		{fmt.Errorf("%w: %w", primary.ErrUnknownOutcome, primary.ErrNotPrimary), true, pb.ForwardError_KIND_UNKNOWN_OUTCOME, primary.ErrUnknownOutcome},
		{fmt.Errorf("%w: %w", primary.ErrNotPrimary, primary.ErrUnknownOutcome), true, pb.ForwardError_KIND_UNKNOWN_OUTCOME, primary.ErrUnknownOutcome},
		{fmt.Errorf("%w: %w", primary.ErrUnknownOutcome, &primary.HigherEpochError{}), true, pb.ForwardError_KIND_UNKNOWN_OUTCOME, primary.ErrUnknownOutcome},
		{fmt.Errorf("%w: %w", primary.ErrNotPrimary, objectstore.ErrUnknownOutcome), true, pb.ForwardError_KIND_NOT_PRIMARY, primary.ErrNotPrimary},
		{fmt.Errorf("%w: %w", primary.ErrNotPrimary, context.DeadlineExceeded), true, pb.ForwardError_KIND_NOT_PRIMARY, primary.ErrNotPrimary},

		// The Primary's surroundings.
		{&primary.HigherEpochError{}, true, pb.ForwardError_KIND_NOT_PRIMARY, primary.ErrNotPrimary},
		{registry.ErrUnknownOutcome, true, pb.ForwardError_KIND_UNKNOWN_OUTCOME, primary.ErrUnknownOutcome},
		{objectstore.ErrUnknownOutcome, true, pb.ForwardError_KIND_UNKNOWN_OUTCOME, primary.ErrUnknownOutcome},
		{objectstore.ErrUnavailable, false, pb.ForwardError_KIND_STATUS, nil},
		{registry.ErrBusy, true, pb.ForwardError_KIND_STATUS, nil},

		// Time ran out: a write that was proposed goes on.
		{context.DeadlineExceeded, true, pb.ForwardError_KIND_UNKNOWN_OUTCOME, primary.ErrUnknownOutcome},
		{context.Canceled, true, pb.ForwardError_KIND_UNKNOWN_OUTCOME, primary.ErrUnknownOutcome},
		{context.DeadlineExceeded, false, pb.ForwardError_KIND_NOT_PRIMARY, primary.ErrNotPrimary},
		{context.Canceled, false, pb.ForwardError_KIND_NOT_PRIMARY, primary.ErrNotPrimary},
		{status.Error(codes.DeadlineExceeded, "late"), true, pb.ForwardError_KIND_UNKNOWN_OUTCOME, primary.ErrUnknownOutcome},
		{status.Error(codes.Canceled, "gone"), false, pb.ForwardError_KIND_NOT_PRIMARY, primary.ErrNotPrimary},

		{other, true, pb.ForwardError_KIND_STATUS, nil},
		{mvcc.ErrUnsupported, true, pb.ForwardError_KIND_UNSPECIFIED, nil},
		{errors.New("bad \xff bytes"), true, pb.ForwardError_KIND_UNSPECIFIED, nil},
	} {
		for _, err := range []error{c.err, fmt.Errorf("wrapped: %w", c.err)} {
			m := encodeError(err, c.proposed)
			if m.Kind != c.kind {
				t.Errorf("%v (proposed %v) travels as %v, want %v", err, c.proposed, m.Kind, c.kind)
			}
			got := decodeError(overTheWire(t, m))
			for _, is := range everyError {
				if errors.Is(got, is) != (is == c.want) {
					t.Errorf("%v (proposed %v) arrives as %v", err, c.proposed, got)
				}
			}
		}
	}
	if got := decodeError(encodeError(other, true)); got.Error() != other.Error() || status.Code(got) != codes.InvalidArgument {
		t.Errorf("%v arrived as %v", other, got)
	}
	if got := decodeError(encodeError(objectstore.ErrUnavailable, false)); !errors.Is(got, rpctypes.ErrGRPCTimeout) {
		t.Errorf("arrived as %v", got)
	}
	if got := decodeError(encodeError(mvcc.ErrUnsupported, true)).Error(); got != mvcc.ErrUnsupported.Error() {
		t.Errorf("arrived as %q", got)
	}
}

// Every kind has a meaning, and no two the same.
func TestEveryKindHasItsError(t *testing.T) {
	for n, name := range pb.ForwardError_Kind_name {
		kind, rows := pb.ForwardError_Kind(n), 0
		for _, row := range kinds {
			if row.kind == kind {
				rows++
			}
		}
		switch kind {
		case pb.ForwardError_KIND_UNSPECIFIED, pb.ForwardError_KIND_STATUS:
			if rows != 0 {
				t.Errorf("%s has %d rows, want none", name, rows)
			}
		default:
			if rows != 1 {
				t.Errorf("%s has %d rows, want 1", name, rows)
			}
		}
	}
}

// What can't be read may mean that the request was done, and is an error in any case.
func TestUnreadableErrors(t *testing.T) {
	for _, m := range []*pb.ForwardError{
		{Kind: 99}, {Kind: -1},
		{Kind: pb.ForwardError_KIND_STATUS},
		{Kind: pb.ForwardError_KIND_STATUS, Code: 17},
		{Kind: pb.ForwardError_KIND_STATUS, Code: -1},
		{Kind: pb.ForwardError_KIND_STATUS, Code: int32(codes.Canceled)},
		{Kind: pb.ForwardError_KIND_STATUS, Code: int32(codes.DeadlineExceeded)},
	} {
		if err := decodeError(m); !errors.Is(err, primary.ErrUnknownOutcome) {
			t.Errorf("%v is %v", m, err)
		}
	}
	if err := decodeError(nil); err == nil {
		t.Error("no error")
	}
}

func TestLongErrorTextIsCut(t *testing.T) {
	m := encodeError(errors.New(strings.Repeat("é", 1<<20)), true)
	if len(m.Message) > maxErrorText+3 {
		t.Errorf("%d bytes", len(m.Message))
	}
	overTheWire(t, m)
}

func overTheWire(t *testing.T, m *pb.ForwardError) *pb.ForwardError {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatalf("%v can't be sent: %v", m, err)
	}
	out := &pb.ForwardError{}
	if err := proto.Unmarshal(b, out); err != nil {
		t.Fatal(err)
	}
	return out
}
