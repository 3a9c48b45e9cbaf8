package elector

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

var errNoConnection = errors.New("elector: no connection to the node")

// askState asks a node for its state now; heartbeats may be old.
func (c *conn) askState(ctx context.Context) (*peerpb.NodeState, error) {
	return c.ask(ctx, func(ctx context.Context, p peerpb.PeerClient) (*peerpb.NodeState, error) {
		return p.GetNodeState(ctx, &peerpb.GetNodeStateRequest{})
	})
}

// askPromise asks a node to promise epoch; the state is of the same transaction.
func (c *conn) askPromise(ctx context.Context, epoch record.Epoch) (*peerpb.NodeState, error) {
	s, err := c.ask(ctx, func(ctx context.Context, p peerpb.PeerClient) (*peerpb.NodeState, error) {
		r, err := p.PrepareEpoch(ctx, &peerpb.PrepareEpochRequest{Epoch: int64(epoch)})
		return r.GetState(), err
	})
	if err == nil && record.Epoch(s.PromisedEpoch) != epoch {
		return nil, fmt.Errorf("elector: %s was asked to promise epoch %d and answers with %d", s.NodeId, epoch, s.PromisedEpoch)
	}
	return s, err
}

func (c *conn) ask(ctx context.Context, call func(context.Context, peerpb.PeerClient) (*peerpb.NodeState, error)) (*peerpb.NodeState, error) {
	ctx, cancel := context.WithTimeout(ctx, c.o.e.opt.RequestTimeout)
	defer cancel()
	select { // a node just discovered is not left out because it isn't dialled yet
	case <-c.tried:
	case <-ctx.Done():
	}
	c.o.mu.Lock()
	client, id := c.client, c.id
	c.o.mu.Unlock()
	if client == nil {
		return nil, errNoConnection
	}
	c.o.e.opt.Metrics.contacts.Inc()
	s, err := call(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("elector: asking %s: %w", id, err)
	}
	if s == nil || s.NodeId != id || s.Incarnation == "" {
		return nil, fmt.Errorf("elector: asked %s, and %q answers", id, s.GetNodeId())
	}
	return s, nil
}

// askAll asks several nodes at once and returns the answers of those that may be
// chosen (healthy), by node id, and a reason for each of the others.
func (o *office) askAll(conns []*conn, ask func(*conn) (*peerpb.NodeState, error)) (answers []*peerpb.NodeState, silent []error) {
	states, errs := make([]*peerpb.NodeState, len(conns)), make([]error, len(conns))
	var wg sync.WaitGroup
	for i, c := range conns {
		wg.Go(func() { states[i], errs[i] = ask(c) })
	}
	wg.Wait()
	for i, s := range states {
		switch {
		case errs[i] != nil:
			silent = append(silent, errs[i])
		case s.Health != peerpb.Health_HEALTH_HEALTHY:
			silent = append(silent, fmt.Errorf("elector: %s is not healthy (%v): %s", s.NodeId, s.Health, s.HealthReason))
		default:
			answers = append(answers, s)
		}
	}
	return answers, silent
}

// all returns the connections by node id.
func (o *office) all() []*conn {
	o.mu.Lock()
	defer o.mu.Unlock()
	var cs []*conn
	for _, id := range slices.Sorted(maps.Keys(o.nodes)) {
		cs = append(cs, o.nodes[id])
	}
	return cs
}

func (o *office) node(id string) *conn {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.nodes[id]
}

func refsOf(states []*peerpb.NodeState) []registry.NodeRef {
	refs := make([]registry.NodeRef, len(states))
	for i, s := range states {
		refs[i] = refOf(s)
	}
	return refs
}
