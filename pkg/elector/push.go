package elector

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
)

// push tells the node the state of the cluster whenever it changed and whenever a
// new connection was made, until it has taken it.
func (c *conn) push(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.notify:
		}
		c.o.mu.Lock()
		s, heard := c.o.state, c.state != nil
		c.o.mu.Unlock()
		if !heard {
			continue // its first heartbeat brings us back here
		}
		if err := c.tell(ctx, s); err != nil {
			c.o.e.opt.Logger.Debug("state not taken, trying again", "node_id", c.id, "error", err)
			if pause(ctx, c.o.e.opt.RetryEvery) != nil {
				return
			}
			c.nudge()
		}
	}
}

// tell pushes s once, unless the node has it on this connection already.
func (c *conn) tell(ctx context.Context, s *peerpb.ClusterState) error {
	c.o.mu.Lock()
	client, done := c.client, c.pushed != nil && proto.Equal(c.pushed, s)
	c.o.mu.Unlock()
	if done {
		return nil
	}
	if client == nil {
		return errNoConnection
	}
	ctx, cancel := context.WithTimeout(ctx, c.o.e.opt.RequestTimeout)
	defer cancel()
	if _, err := client.PushClusterState(ctx, s); err != nil {
		return fmt.Errorf("elector: telling %s the state of the cluster: %w", c.id, err)
	}
	c.o.mu.Lock()
	defer c.o.mu.Unlock()
	if c.client == client {
		c.pushed = s
	}
	return nil
}
