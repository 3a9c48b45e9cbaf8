package handover

import (
	"context"
	"sync"
	"time"

	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// lookEvery is how often each node is asked: a small part of what a hand-over takes.
const lookEvery = 20 * time.Millisecond

// askTimeout bounds one question, so that a node that is gone is asked again.
const askTimeout = time.Second

// nextReign asks all nodes until one says that it is active in an epoch above old.
func nextReign(ctx context.Context, peers map[string]*peer, old record.Epoch) (*Reign, error) {
	ctx, cancel := context.WithCancel(ctx)
	found := make(chan *Reign, len(peers))
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	for _, p := range peers {
		wg.Go(func() {
			if r := p.reign(ctx, old); r != nil {
				found <- r
			}
		})
	}
	select {
	case r := <-found:
		return r, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// reign asks until the node is active in an epoch above old; nil: ctx ended first.
func (p *peer) reign(ctx context.Context, old record.Epoch) *Reign {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		if s := p.state(ctx); s.GetPrimaryState() == peerpb.PrimaryState_PRIMARY_STATE_ACTIVE && record.Epoch(s.ServedEpoch) > old {
			return &Reign{record.Epoch(s.ServedEpoch), registry.NodeRef{NodeID: s.NodeId, Incarnation: s.Incarnation}}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	return nil
}

// reachTimeout bounds the first question, with all that a new connection needs.
const reachTimeout = 5 * time.Second

// reachable: the node answers.
func (p *peer) reachable(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	_, err := p.client.GetNodeState(ctx, &peerpb.GetNodeStateRequest{})
	return err
}

// state is nil if there is no answer, which may come yet.
func (p *peer) state(ctx context.Context) *peerpb.NodeState {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	s, err := p.client.GetNodeState(ctx, &peerpb.GetNodeStateRequest{})
	if err != nil {
		return nil
	}
	return s
}
