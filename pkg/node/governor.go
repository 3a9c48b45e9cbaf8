package node

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/netsy-io/netsy/pkg/logevent"
	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/primary"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// learn takes what cluster.json says, from the elector or from a read of our own.
// Older words than the last are ignored.
func (n *Node) learn(cs *pb.ClusterState) {
	if cs.ClusterId != n.o.ClusterID {
		n.log.Error("ignoring the state of another cluster", "event", logevent.ClusterStateRefused, "cluster_id", cs.ClusterId)
		return
	}
	n.state.update(func(s *state) {
		if cs.Seq >= s.cluster.Seq {
			s.cluster = cs
		}
	})
}

// named returns the epoch for which this node, in this incarnation, is Primary; 0 if none.
func (n *Node) named(cs *pb.ClusterState) record.Epoch {
	if p := cs.Primary; p != nil && p.NodeId == n.o.NodeID && p.Incarnation == n.mvcc.Incarnation() {
		return record.Epoch(cs.Epoch)
	}
	return 0
}

// govern is the state machine: it begins a reign when this node is named Primary
// of an epoch that it hasn't served, and ends one when its epoch is over; it follows
// another's reign when that one is named. One goroutine runs it, so at most one of
// these goes on. It reigns until ctx ends, and follows until late does.
func (n *Node) govern(ctx, late context.Context) error {
	for {
		changed := n.state.Changed()
		health, _, _, cs := n.state.view()
		epoch := n.named(cs)
		es := n.mvcc.ElectionState()
		if n.fatal() != nil {
			return n.fatal()
		}
		// A start that failed before it used its epoch up is tried again once the node is
		// healthy, which is a change of the state too.
		if ctx.Err() == nil && epoch > es.Served && epoch >= es.Promised && health == pb.Health_HEALTH_HEALTHY {
			if err := n.reign(ctx, epoch); err != nil {
				return err
			}
			continue
		}
		if l, address, ok := n.toFollow(); ok {
			if err := n.follow(late, l, address); err != nil {
				return err
			}
			if late.Err() == nil {
				continue
			}
		}
		select {
		case <-late.Done():
			return nil
		case <-changed:
		}
	}
}

// reign serves one epoch from start to end. It returns an error only if the node
// can't go on.
func (n *Node) reign(ctx context.Context, epoch record.Epoch) error {
	log := n.log.With("epoch", epoch)
	log.Info("named Primary", "event", logevent.PrimaryStarting)
	n.state.setRole(pb.PrimaryState_PRIMARY_STATE_STARTING, nil)
	defer n.state.setRole(pb.PrimaryState_PRIMARY_STATE_REPLICA, nil)

	r, err := n.startReign(ctx, epoch)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		log.Error("could not become active", "event", logevent.PrimaryStartFailed, "error", err)
		return n.reignFailed(err)
	}
	n.meters.primaryRole.Enter()
	defer n.meters.primaryRole.Leave()
	n.state.setRole(pb.PrimaryState_PRIMARY_STATE_ACTIVE, r)
	log.Info("active Primary", "event", logevent.PrimaryActive, "revision", n.mvcc.Snapshot().Revision())
	look, stop := context.WithCancel(ctx)
	var looking sync.WaitGroup
	looking.Go(func() { n.watchSnapshots(look) })
	n.await(ctx, r)
	stop()
	looking.Wait()
	err = r.Err()
	if errors.Is(err, primary.ErrStopped) {
		log.Info("reign ended", "event", logevent.PrimaryEnded, "reason", err)
		return nil
	}
	log.Warn("reign ended", "event", logevent.PrimaryEnded, "reason", err)
	return n.reignFailed(err)
}

// startReign runs the preflight; it is cut short when the epoch is over before it began.
func (n *Node) startReign(ctx context.Context, epoch record.Epoch) (*primary.Reign, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watched := make(chan struct{})
	go func() { // ends with startReign
		defer close(watched)
		n.untilOver(ctx, epoch)
		cancel(fmt.Errorf("%w before it was active", primary.ErrDeposed))
	}()
	r, err := primary.Start(ctx, primary.Config{
		Store: n.mvcc, Log: n.objectLog, Snapshots: n.snapshots, Hub: n.hub, Office: office{n, epoch},
		Epoch: epoch, Self: n.ref(),
		Quorum: n.o.Quorum, QuorumTimeout: n.o.QuorumTimeout, FlushBytes: n.o.FlushBytes, FlushAge: n.o.FlushAge,
		Alone:             n.alone,
		HeartbeatInterval: n.o.HeartbeatInterval, DegradationCount: n.o.DegradationCount,
		CompactionInterval: n.o.CompactionInterval, CompactionWindow: n.o.CompactionWindow,
		Logger: n.log.Named("primary"), Metrics: n.meters.primary, FeedMetrics: n.meters.replication,
		LoadMetrics: n.meters.loading,
	})
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", cause, err) // requests that were cut off don't say why
	}
	cancel(nil)
	<-watched
	return r, err
}

// untilOver returns when a later epoch than this is known or promised, or another
// node is named, or ctx ends.
func (n *Node) untilOver(ctx context.Context, epoch record.Epoch) {
	for {
		changed := n.state.Changed()
		_, _, _, cs := n.state.view()
		if n.named(cs) != epoch || n.mvcc.ElectionState().Promised > epoch {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

// await returns when the reign is over; it drains it when the node is to stop and
// ends it when its epoch is over.
func (n *Node) await(ctx context.Context, r *primary.Reign) {
	watch, stop := context.WithCancel(ctx)
	defer stop()
	deposed, watched := make(chan struct{}), make(chan struct{})
	go func() { // ends with await
		defer close(watched)
		n.untilOver(watch, r.Epoch())
		if watch.Err() == nil {
			close(deposed)
		}
	}()
	select {
	case <-r.Over():
	case <-deposed:
		r.Stop(primary.ErrDeposed)
	case <-ctx.Done():
		n.state.setRole(pb.PrimaryState_PRIMARY_STATE_DRAINING, r)
		dctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
		if err := r.Drain(dctx); err != nil {
			n.log.Warn("draining was cut short", "event", logevent.PrimaryDrainFailed, "error", err)
		}
		cancel()
	}
	stop()
	<-watched
}

// endReignBelow stops an active reign whose epoch the promise has ended. It does
// not wait: the governor does.
func (n *Node) endReignBelow(epoch record.Epoch) {
	n.state.update(func(*state) {}) // untilOver looks at the promise
	if r, _ := n.state.current(); r != nil && r.Epoch() < epoch {
		r.End(primary.ErrDeposed)
	}
}

// office is the reign's hold on cluster.json.
type office struct {
	n     *Node
	epoch record.Epoch
}

// StillPrimary reads cluster.json anew.
func (o office) StillPrimary(ctx context.Context) error {
	c, err := o.n.registry.Cluster(ctx)
	if err != nil {
		return err
	}
	return asDeposed(c.Reigns(o.epoch, o.n.ref()))
}

// SetCompaction records the compaction revision in cluster.json.
func (o office) SetCompaction(ctx context.Context, rev record.Revision) error {
	return asDeposed(o.n.setCompaction(ctx, o.epoch, rev))
}

// Terms reads what a reign takes over.
func (o office) Terms(ctx context.Context) (primary.Terms, error) {
	c, err := o.n.registry.Cluster(ctx)
	if err != nil {
		return primary.Terms{}, err
	}
	return primary.Terms{Durability: c.Durability, Compaction: c.CompactionRevision, Origin: c.Origin}, asDeposed(c.Reigns(o.epoch, o.n.ref()))
}

// SetDurability records the durability rule.
func (o office) SetDurability(ctx context.Context, d registry.Durability) error {
	_, err := o.n.registry.UpdateAsPrimary(ctx, o.epoch, o.n.ref(), func(c *registry.Cluster) error {
		c.Durability = d.Clone()
		return nil
	})
	return asDeposed(err)
}
