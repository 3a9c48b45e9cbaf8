package daemon

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"google.golang.org/grpc"

	"github.com/netsy-io/netsy/pkg/elector"
	"github.com/netsy-io/netsy/pkg/identity"
	"github.com/netsy-io/netsy/pkg/leaderlock"
	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
)

// electorClient asks the elector in office. It finds it through the lock object,
// and again whenever the one it knows doesn't answer.
type electorClient struct {
	d *process

	mu   sync.Mutex
	conn *grpc.ClientConn // nil: look it up
}

// members returns the elector's members.
func (c *electorClient) members(ctx context.Context) ([]*pb.Member, error) {
	conn, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	resp, err := pb.NewElectionClient(conn).ListMembers(ctx, &pb.ListMembersRequest{})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("asking the elector at %s: %w", conn.Target(), err), c.forget(conn))
	}
	return resp.Members, nil
}

func (c *electorClient) connect(ctx context.Context) (*grpc.ClientConn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil {
		return c.conn, nil
	}
	h, err := leaderlock.Read(ctx, c.d.store, elector.LockKey, c.d.Cluster.ClusterID)
	if err != nil {
		return nil, fmt.Errorf("looking for the elector: %w", err)
	}
	if h.Address == "" {
		return nil, errors.New("no elector is in office")
	}
	creds := c.d.source.ClientCredentials(identity.ExpectElector(c.d.Cluster.ClusterID))
	c.conn, err = grpc.NewClient("passthrough:///"+h.Address, grpc.WithTransportCredentials(creds))
	return c.conn, err
}

// forget closes conn unless it was replaced already.
func (c *electorClient) forget(conn *grpc.ClientConn) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != conn {
		return nil
	}
	c.conn = nil
	return conn.Close()
}

// close ends the client.
func (c *electorClient) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil {
		return nil
	}
	return c.conn.Close()
}
