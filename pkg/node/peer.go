package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/netsy-io/netsy/pkg/forward"
	"github.com/netsy-io/netsy/pkg/mvcc"
	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/peerapi"
	"github.com/netsy-io/netsy/pkg/primary"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// peerNode is the node as electors see it.
type peerNode struct{ n *Node }

// State reports the node's state as of now.
func (p peerNode) State() *pb.NodeState {
	return p.n.nodeState(p.n.mvcc.ElectionState())
}

// Changed wakes the heartbeat stream.
func (p peerNode) Changed() <-chan struct{} { return p.n.state.Changed() }

// PrepareEpoch promises epoch. A reign of a lower epoch ends at once: the promise
// says that it is over.
func (p peerNode) PrepareEpoch(ctx context.Context, epoch record.Epoch) (*pb.NodeState, error) {
	es, err := p.n.mvcc.Promise(ctx, epoch)
	var higher *mvcc.PromisedError
	if errors.As(err, &higher) {
		return nil, fmt.Errorf("%w: epoch %d was asked for, %d is promised", peerapi.ErrPromised, epoch, higher.Promised)
	}
	if err != nil {
		p.n.storeFailed(err)
		return nil, err
	}
	p.n.endReignBelow(epoch)
	return p.n.nodeState(es), nil
}

// ClusterState keeps the newest word and wakes the governor.
func (p peerNode) ClusterState(cs *pb.ClusterState) { p.n.learn(cs) }

// ReadLease passes a lease to the reign it is for.
func (p peerNode) ReadLease(epoch record.Epoch, sent time.Time, d time.Duration) {
	if r, _ := p.n.state.current(); r != nil {
		r.RenewLease(primary.ReadLease{Epoch: epoch, Sent: sent, Duration: d})
	}
}

// Answered notes that an elector hears this node, and that it knows that it leaves.
func (p peerNode) Answered(leaving bool) {
	p.n.heard.Store(int64(time.Since(p.n.started)))
	if !leaving {
		return
	}
	select {
	case p.n.leaving <- struct{}{}:
	default:
	}
}

func (n *Node) nodeState(es mvcc.ElectionState) *pb.NodeState {
	health, reason, role, _ := n.state.view()
	return &pb.NodeState{
		NodeId: n.o.NodeID, Incarnation: n.mvcc.Incarnation(),
		Health: health, HealthReason: reason, PrimaryState: role,
		StartTimeUnixNano: n.started.UnixNano(),
		Tail:              &pb.Pos{Epoch: int64(es.Tail.Epoch), Revision: int64(es.Tail.Revision)},
		CommittedRevision: int64(n.mvcc.Snapshot().Revision()),
		PromisedEpoch:     int64(es.Promised), ServedEpoch: int64(es.Served), Leaving: n.state.isStopping(),
		Unflushed: n.unflushed(), Resigned: n.state.resignation(),
	}
}

// Follow serves a replica while this node is the active Primary.
func (p peerNode) Follow(peer string, stream pb.Peer_FollowServer) error {
	r, _ := p.n.state.current()
	if r == nil {
		return primary.ErrNotPrimary
	}
	return r.Feed().Serve(peer, stream)
}

// Forward serves a replica's requests, each by the reign of its moment.
func (p peerNode) Forward(stream pb.Peer_ForwardServer) error {
	p.n.forwards.add(1)
	defer p.n.forwards.add(-1)
	return forward.Serve(stream, func(context.Context) (forward.Primary, error) {
		r, _ := p.n.state.current()
		if r == nil {
			return nil, primary.ErrNotPrimary
		}
		return local{r, p.n}, nil
	})
}

// local is this node's own reign, for other nodes.
type local struct {
	*primary.Reign
	n *Node
}

// ReadIndex proves the reign and says how far the committed history has come, and how
// far it is compacted: whoever compacted before a read began finds it on every node.
func (l local) ReadIndex(ctx context.Context) (forward.ReadIndex, error) {
	sn, err := l.Snapshot(ctx)
	if err != nil {
		return forward.ReadIndex{}, err
	}
	return forward.ReadIndex{Revision: sn.Revision(), Compaction: min(l.n.mvcc.CompactRevision(), sn.Revision())}, nil
}

// RemoveVoter passes an elector's wish on to the reign.
func (p peerNode) RemoveVoter(ctx context.Context, ref registry.NodeRef) error {
	r, _ := p.n.state.current()
	if r == nil {
		return primary.ErrNotPrimary
	}
	return r.RemoveVoter(ctx, ref)
}
