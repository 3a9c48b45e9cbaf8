package elector

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/netsy-io/netsy/pkg/leaderlock"
	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
)

// asker asks the elector that holds the lock whether it is in office, over a
// connection that it keeps. Not for concurrent use.
type asker struct {
	creds credentials.TransportCredentials
	dial  []grpc.DialOption // more of them, for tests
	addr  string
	conn  *grpc.ClientConn // to addr; nil: none
}

// ask returns the elector's last renewal of the lock if it says that it is in office.
func (a *asker) ask(ctx context.Context, h leaderlock.Holder) (renewal string, err error) {
	if a.conn == nil || a.addr != h.Address {
		if err := a.connect(h.Address); err != nil {
			return "", err
		}
	}
	r, err := peerpb.NewElectionClient(a.conn).ListMembers(ctx, &peerpb.ListMembersRequest{})
	if err == nil {
		return r.LockWriteId, nil
	}
	if status.Code(err) == codes.DeadlineExceeded { // the host may be gone, and come back elsewhere under its name
		err = errors.Join(err, a.close())
	}
	return "", fmt.Errorf("elector: asking %s at %s: %w", h.LeaderID, h.Address, err)
}

func (a *asker) connect(addr string) error {
	if err := a.close(); err != nil {
		return err
	}
	conn, err := grpc.NewClient("passthrough:///"+addr, append([]grpc.DialOption{
		grpc.WithTransportCredentials(a.creds),
		grpc.WithConnectParams(grpc.ConnectParams{
			// An elector that starts again is to be believed again soon; gRPC's own backoff grows to two minutes.
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
			MinConnectTimeout: time.Second,
		}),
	}, a.dial...)...)
	if err != nil {
		return fmt.Errorf("elector: connecting to the elector at %s: %w", addr, err)
	}
	a.conn, a.addr = conn, addr
	return nil
}

func (a *asker) close() error {
	if a.conn == nil {
		return nil
	}
	conn := a.conn
	a.conn = nil
	return conn.Close()
}
