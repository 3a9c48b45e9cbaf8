package elector

import (
	"context"
	"fmt"
	"net/url"
	"slices"

	"github.com/netsy-io/netsy/pkg/registry"
)

// discover looks at nodes/, connects to those that are new or changed their
// addresses, leaves those that are gone, and sees that each has a member id.
func (o *office) discover(ctx context.Context) (found sight, err error) {
	nodes, problems, err := o.list.Refresh(ctx)
	if err != nil {
		return found, err
	}
	found.damaged = len(problems) > 0
	for _, p := range problems {
		o.e.opt.Metrics.problems.Inc()
		o.report(fmt.Errorf("elector: a node's registration is left out: %w", p))
	}
	ids := make([]string, len(nodes))
	for i, n := range nodes {
		ids[i] = n.NodeID
	}
	members, err := o.ensureMembers(ctx, ids)
	if err != nil {
		return found, err
	}
	found.changed = o.follow(ctx, nodes, members)
	return found, nil
}

// sight is what a look at nodes/ came to.
type sight struct {
	changed bool // a node is new, gone, or has started since the last look
	damaged bool // some registrations can't be understood: a node may be there that isn't seen
}

// ensureMembers assigns member ids at first sight. Only members.json names them, so
// an elector that has lost the lock and doesn't know it yet does no harm here: ids
// once given stay.
func (o *office) ensureMembers(ctx context.Context, ids []string) (registry.Members, error) {
	o.mu.Lock()
	have := o.members
	o.mu.Unlock()
	if !slices.ContainsFunc(ids, func(id string) bool { return have.IDs[id] == 0 }) || !o.e.lock.MayAct() {
		return have, nil
	}
	return o.e.reg.AssignMembers(ctx, ids)
}

// follow makes the set of connections that of the registered nodes, and says
// whether anything is new.
func (o *office) follow(ctx context.Context, nodes []registry.Node, members registry.Members) (changed bool) {
	keep := map[string]registry.Node{}
	for _, n := range nodes {
		keep[n.NodeID] = n
	}
	for _, gone := range o.dropped(keep) {
		changed = true
		gone.close()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.members = members
	for id, n := range keep {
		if c := o.nodes[id]; c != nil {
			changed = c.register(n) || changed
			continue
		}
		changed = true
		o.nodes[id] = o.connect(ctx, n)
	}
	o.rebuild()
	return changed
}

// dropped takes out the connections of nodes that are gone or have moved.
func (o *office) dropped(keep map[string]registry.Node) []*conn {
	o.mu.Lock()
	defer o.mu.Unlock()
	var gone []*conn
	for id, c := range o.nodes {
		if n, ok := keep[id]; !ok || !slices.Equal(n.PeerURLs, c.reg.PeerURLs) {
			gone = append(gone, c)
			delete(o.nodes, id)
		}
	}
	return gone
}

// peerAddress is the host:port of a node's first peer URL.
func peerAddress(n registry.Node) (string, error) {
	u, err := url.Parse(n.PeerURLs[0])
	if err != nil || u.Host == "" {
		return "", fmt.Errorf("elector: %s: peer url %q has no host:port", registry.NodeKey(n.NodeID), n.PeerURLs[0])
	}
	return u.Host, nil
}
