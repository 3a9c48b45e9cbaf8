package elector

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

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
	if err != nil && context.Cause(ctx) == errLate {
		err = errLate
	}
	if err != nil {
		return nil, fmt.Errorf("elector: asking %s: %w", id, err)
	}
	if s == nil || s.NodeId != id || s.Incarnation == "" {
		return nil, fmt.Errorf("elector: asked %s, and %q answers", id, s.GetNodeId())
	}
	return s, nil
}

// lateGrace is how long those are waited for who haven't answered when enough have:
// more answers improve the choice, and a node that is up answers within one fsync
// and a round trip, but a host that is gone answers nothing until the request times out.
const lateGrace = 250 * time.Millisecond

var errLate = errors.New("no answer, and enough others gave one")

// askAll asks several nodes at once and returns the answers of those that may be
// chosen (healthy, not leaving), in the order of conns, and a reason for each of the
// others. Once enough of them have answered it waits for the rest no longer than lateGrace.
func (o *office) askAll(ctx context.Context, conns []*conn, enough func([]*peerpb.NodeState) bool,
	ask func(context.Context, *conn) (*peerpb.NodeState, error)) (answers []*peerpb.NodeState, silent []error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	states, errs := make([]*peerpb.NodeState, len(conns)), make([]error, len(conns))
	done := make(chan int, len(conns))
	for i, c := range conns {
		go func() { // the loop below waits for each
			if states[i], errs[i] = ask(ctx, c); errs[i] == nil {
				errs[i] = unfit(states[i])
			}
			done <- i
		}()
	}
	var good []*peerpb.NodeState
	var late *time.Timer
	for range conns {
		i := <-done
		if errs[i] != nil {
			continue
		}
		if good = append(good, states[i]); late == nil && enough(good) {
			late = time.AfterFunc(lateGrace, func() { cancel(errLate) })
			defer late.Stop()
		}
	}
	for i, err := range errs {
		if err != nil {
			silent = append(silent, err)
		} else {
			answers = append(answers, states[i])
		}
	}
	return answers, silent
}

// unfit says why a node can't be chosen. Its answer then doesn't count either: a
// promise must be of a node whose history can be taken.
func unfit(s *peerpb.NodeState) error {
	switch {
	case s.Health != peerpb.Health_HEALTH_HEALTHY:
		return fmt.Errorf("elector: %s is not healthy (%v): %s", s.NodeId, s.Health, s.HealthReason)
	case s.Leaving:
		return fmt.Errorf("elector: %s is stopping on purpose", s.NodeId)
	}
	return nil
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
