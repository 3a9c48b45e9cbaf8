package etcdapi

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/netsy-io/netsy/pkg/mvcc"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/primary"
	"github.com/netsy-io/netsy/pkg/registry"
)

func TestToStatus(t *testing.T) {
	unavailable := objectstore.Errorf(objectstore.ErrUnavailable, "get", "cluster.json", "no route")
	tests := []struct {
		name string
		err  error
		want error
	}{
		{"none", nil, nil},
		{"every row, wrapped", fmt.Errorf("x: %w", mvcc.ErrCompacted), rpctypes.ErrGRPCCompacted},
		{"unknown outcome goes before its cause", fmt.Errorf("%w: %w", primary.ErrUnknownOutcome, primary.ErrDeposed), rpctypes.ErrGRPCTimeout},
		{"unknown outcome because of a deadline", fmt.Errorf("%w: %w", primary.ErrUnknownOutcome, context.DeadlineExceeded), rpctypes.ErrGRPCTimeout},
		{"a deadline of ours", context.DeadlineExceeded, rpctypes.ErrGRPCTimeout},
		{"a cancelation of ours", context.Canceled, rpctypes.ErrGRPCTimeout},
		{"no proof of the reign", fmt.Errorf("%w: %w", primary.ErrNotPrimary, unavailable), rpctypes.ErrGRPCNoLeader},
		{"object storage is away", unavailable, rpctypes.ErrGRPCTimeout},
		{"compaction may have been recorded", registry.ErrUnknownOutcome, rpctypes.ErrGRPCTimeout},
		{"a status stays", status.Error(codes.InvalidArgument, "no"), status.Error(codes.InvalidArgument, "no")},
		{"anything else", errors.New("odd"), status.Error(codes.Unknown, "odd")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := toStatus(t.Context(), tt.err)
			if status.Code(got) != status.Code(tt.want) || status.Convert(got).Message() != status.Convert(tt.want).Message() {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// TestClientsRecogniseEveryError: etcd's client matches the exact text, and no
// error of the table may be of a code that makes it repeat a write by itself.
func TestClientsRecogniseEveryError(t *testing.T) {
	for _, row := range errorTable {
		var e rpctypes.EtcdError
		if !errors.As(rpctypes.Error(row.grpc), &e) {
			t.Errorf("%v: %v is not an error of etcd's", row.is, row.grpc)
		}
		if c := status.Code(row.grpc); c == codes.DeadlineExceeded || c == codes.Canceled {
			t.Errorf("%v: clients repeat what is answered with %v", row.is, c)
		}
		if got := toStatus(t.Context(), fmt.Errorf("x: %w", row.is)); !errors.Is(got, row.grpc) {
			t.Errorf("%v: got %v, want %v", row.is, got, row.grpc)
		}
	}
}

// TestClientThatLeft: a client whose own deadline passed gets its own error.
func TestClientThatLeft(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := toStatus(ctx, primary.ErrUnknownOutcome); status.Code(got) != codes.Canceled {
		t.Errorf("got %v", got)
	}
}
