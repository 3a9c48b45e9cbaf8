package elector

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/netsy-io/netsy/pkg/logevent"
	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/registry"
)

// removalTimeout bounds one request to remove a voter: the Primary flushes what only
// receipts have acknowledged, up to a chunk of some megabytes, and swaps cluster.json
// up to three times.
const removalTimeout = 30 * time.Second

// deregister does what Deregistration says, right after a look; before is
// cluster.json as of the look before. Requests to the Primary run beside the loop,
// one at a time, and the next look sees what came of them.
func (o *office) deregister(ctx context.Context, before *registry.Cluster) error {
	o.mu.Lock()
	p := o.nodes[o.cluster.Primary.NodeID]
	if p == nil || !activePrimary(p.state, &o.cluster) {
		o.mu.Unlock()
		return nil
	}
	c, standings := o.cluster, o.standings()
	o.mu.Unlock()
	voters, nodes := Deregistration(before, &c, standings, time.Now(), o.e.opt.DeregistrationTimeout)
	if len(voters) > 0 {
		o.askRemoval(ctx, p, voters[0])
	}
	for _, n := range nodes {
		if err := o.delete(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// activePrimary: the Primary that c names, at work.
func activePrimary(s *peerpb.NodeState, c *registry.Cluster) bool {
	return reigns(s, c) && s.PrimaryState == peerpb.PrimaryState_PRIMARY_STATE_ACTIVE
}

// standings lists the registered nodes. mu is held.
func (o *office) standings() []Standing {
	var out []Standing
	for _, n := range o.nodes {
		out = append(out, Standing{Node: n.reg, Heard: n.heard, Connected: n.state != nil, Leaving: n.leaves})
	}
	return out
}

// delete deletes the registration of a node that is gone, if it is still the one
// that was read, and this elector still in office.
func (o *office) delete(ctx context.Context, n registry.Node) error {
	if !o.e.lock.MayAct() {
		return nil
	}
	switch err := o.e.reg.DeleteNode(ctx, n); {
	case err == nil:
	case errors.Is(err, registry.ErrConflict):
		o.e.opt.Logger.Info("node has registered again", "event", logevent.NodeBack, "node", n.Ref())
		return nil
	default:
		return fmt.Errorf("elector: deregistering %s: %w", n.Ref(), err)
	}
	o.e.opt.Metrics.deregistrations.Inc()
	o.e.opt.Logger.Info("node deregistered", "event", logevent.NodeDeregistered, "node", n.Ref())
	o.mu.Lock()
	o.lookNow = true // and nobody need wait for it any more
	o.mu.Unlock()
	o.nudge()
	return nil
}

// askRemoval asks the active Primary to remove a voter, unless it is being asked already.
func (o *office) askRemoval(ctx context.Context, p *conn, voter registry.NodeRef) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.asking || p.client == nil {
		return
	}
	o.asking = true
	client, primary := p.client, p.id
	o.e.opt.Logger.Info("asking the Primary to remove a voter", "event", logevent.VoterRemovalAsked, "voter", voter, "primary", primary)
	o.wg.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, removalTimeout)
		defer cancel()
		_, err := client.RemoveVoter(ctx, &peerpb.RemoveVoterRequest{Node: &peerpb.NodeRef{NodeId: voter.NodeID, Incarnation: voter.Incarnation}})
		if err != nil {
			o.e.opt.Logger.Warn("voter not removed, asking again at the next look", "event", logevent.VoterRemovalFailed, "voter", voter, "primary", primary, "error", err)
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		o.asking, o.lookNow = false, o.lookNow || err == nil // cluster.json has changed
		o.nudge()
	})
}
