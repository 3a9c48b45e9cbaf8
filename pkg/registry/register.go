package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

// Node reads one node's document. ErrNotFound if it isn't registered.
func (r *Registry) Node(ctx context.Context, nodeID string) (Node, error) {
	key := NodeKey(nodeID)
	b, info, err := objectstore.ReadAll(ctx, r.store, key, maxNode)
	if err != nil {
		return Node{}, readError(key, err)
	}
	return parseNode(b, info.Version, r.clusterID, key)
}

// RegisterNode makes nodes/{node_id}.json say what n says. It writes nothing if it
// does so already. ErrAddressTaken: the id is registered with other addresses.
// ErrRolledBack: the same incarnation was started since (or by another process):
// call again with the new incarnation that the data must become. Only the node
// itself calls it; after ErrUnknownOutcome calling it again is right.
func (r *Registry) RegisterNode(ctx context.Context, n Node) error {
	n.ClusterID, n.startID = r.clusterID, r.startID
	if err := n.validate(); err != nil {
		return fmt.Errorf("registry: registering node: %w", err)
	}
	for range maxConflicts {
		have, err := r.Node(ctx, n.NodeID)
		cond := objectstore.IfAbsent()
		switch {
		case err == nil:
			write, err := judgeRegistration(have, n)
			if err != nil || !write {
				return err
			}
			cond, n.raw, n.seq = objectstore.IfMatch(have.version), have.raw, have.seq
		case !errors.Is(err, ErrNotFound):
			return err
		}
		err = r.putNode(ctx, n, cond)
		if !errors.Is(err, ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("%w: %s", ErrBusy, NodeKey(n.NodeID))
}

func (r *Registry) putNode(ctx context.Context, n Node, cond objectstore.Condition) error {
	body := n.encode()
	_, err := r.cas(ctx, NodeKey(n.NodeID), body, n.writeID, cond, func(ctx context.Context) (document, error) {
		now, err := r.Node(ctx, n.NodeID)
		return document{now.writeID, now.version}, err
	})
	return err
}

// judgeRegistration decides what to do with n where have is registered: write it,
// leave it, or refuse. A start counts up durably before it registers, so an honest
// start is always ahead of the registration of the same incarnation, unless it is
// this same process registering again.
func judgeRegistration(have, n Node) (write bool, err error) {
	if !slices.Equal(have.PeerURLs, n.PeerURLs) || !slices.Equal(have.ClientURLs, n.ClientURLs) {
		return false, fmt.Errorf("%w: %q is registered at peer %q client %q, this process would register it at peer %q client %q: give this node an id of its own, or, if it is the same node at new addresses, deregister the old ones: netsyctl cluster forget %s (it deletes %s)",
			ErrAddressTaken, n.NodeID, have.PeerURLs, have.ClientURLs, n.PeerURLs, n.ClientURLs, n.NodeID, NodeKey(n.NodeID))
	}
	if have.Incarnation == n.Incarnation {
		behind := n.StartCount < have.StartCount
		twin := n.StartCount == have.StartCount && n.startID != have.startID
		if behind || twin {
			return false, fmt.Errorf("%w: %s is registered with start %d, the data directory is at start %d",
				ErrRolledBack, n.Ref(), have.StartCount, n.StartCount)
		}
	}
	same := have.Incarnation == n.Incarnation && have.StartCount == n.StartCount && have.Version == n.Version && have.startID == n.startID
	return !same, nil
}
