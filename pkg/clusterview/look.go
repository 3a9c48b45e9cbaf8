package clusterview

import (
	"context"
	"strings"

	"google.golang.org/grpc/status"

	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/recovery"
	"github.com/netsy-io/netsy/pkg/registry"
)

// Look reads the documents, asks all registered nodes at once (none if ask is nil), and
// finds the end of the log. It changes nothing. An error means that there is no cluster.json
// to begin with (registry.ErrNotFound), or that it can't be read; whatever else is wrong is
// among the problems, and a node that doesn't answer isn't even that.
func Look(ctx context.Context, st objectstore.Store, clusterID string, ask recovery.Ask) (*View, error) {
	r := NewReader(st, clusterID)
	var p Parts
	var err error
	if p.Office, err = r.Office(ctx); err != nil {
		return nil, err
	}
	var wrong []string
	p.Registered, err = r.Registered(ctx)
	if wrong = append(wrong, problems(err, nil)...); err != nil {
		p.Registered = &Registered{} // the Primary and the voters are known all the same
	}
	if ask != nil {
		p.Asked = recovery.AskAll(ctx, p.Registered.Nodes, ask)
	}
	p.End, err = r.End(ctx) // after the questions: what nodes hold is there, or on its way
	wrong = append(wrong, problems(err, nil)...)
	p.Snapshots, err = r.Snapshots(ctx)
	wrong = append(wrong, problems(err, nil)...)
	v := p.View(clusterID, st.String())
	v.Problems = append(v.Problems, wrong...)
	return v, ctx.Err()
}

// addNodes lists the registered nodes, and the voters that are not among them: those
// whose disk is lost, or who are gone.
func (v *View) addNodes(c *registry.Cluster, nodes []registry.Node, members registry.Members) {
	known := map[registry.NodeRef]bool{}
	for _, n := range nodes {
		known[n.Ref()] = true
		v.Nodes = append(v.Nodes, Node{Registered: true, StartCount: n.StartCount, Version: n.Version, ClientURLs: n.ClientURLs, PeerURLs: n.PeerURLs,
			NodeID: n.NodeID, Incarnation: n.Incarnation})
	}
	voters := map[registry.NodeRef]bool{}
	for _, x := range c.Durability.Voters {
		voters[x] = true
	}
	for _, x := range append([]registry.NodeRef{c.Primary}, c.Durability.Voters...) {
		if !x.IsZero() && !known[x] {
			known[x] = true
			v.Nodes = append(v.Nodes, Node{NodeID: x.NodeID, Incarnation: x.Incarnation, ClientURLs: []string{}, PeerURLs: []string{}})
		}
	}
	for i := range v.Nodes {
		n := &v.Nodes[i]
		ref := registry.NodeRef{NodeID: n.NodeID, Incarnation: n.Incarnation}
		n.MemberID, n.Primary, n.Voter = members.IDs[n.NodeID], ref == c.Primary, voters[ref]
	}
}

// addStates puts the answers to the nodes. An answer of another life than the one that is
// registered is none of that one.
func (v *View) addStates(asked []recovery.Asked) {
	for _, a := range asked {
		for i := range v.Nodes {
			n := &v.Nodes[i]
			switch {
			case !n.Registered || n.NodeID != a.Registered.NodeID:
			case a.Err != nil:
				n.Error = strings.ReplaceAll(status.Convert(a.Err).Message(), "\n", "; ")
			case a.Answer.Node.Incarnation != n.Incarnation:
				n.Error = "incarnation " + a.Answer.Node.Incarnation + " answers at its address"
			default:
				n.State = stateOf(a.Answer)
			}
		}
	}
}

func stateOf(a *recovery.Answer) *State {
	return &State{Health: HealthName(a.Health), Reason: a.HealthReason, PrimaryState: PrimaryStateName(a.PrimaryState), ServedEpoch: a.ServedEpoch,
		Revision: a.Tail.Revision, Epoch: a.Tail.Epoch, Committed: a.Committed, Started: a.Started, Leaving: a.Leaving, unflushed: a.Unflushed}
}

// HealthName is for people: healthy, degraded and so on.
func HealthName(h peerpb.Health) string {
	return strings.ToLower(strings.TrimPrefix(h.String(), "HEALTH_"))
}

// PrimaryStateName is for people: replica, primary and so on.
func PrimaryStateName(s peerpb.PrimaryState) string {
	return strings.ToLower(strings.TrimPrefix(s.String(), "PRIMARY_STATE_"))
}

// measure sets what follows from the rest.
func (v *View) measure() {
	var log, committed record.Revision
	if v.ObjectLog != nil {
		log, committed = v.ObjectLog.Revision, v.ObjectLog.Revision
	}
	for i := range v.Nodes {
		s := v.Nodes[i].State
		if s == nil {
			continue
		}
		switch u := s.unflushed; {
		case !v.Nodes[i].Primary:
		case u != nil:
			age := u.OldestAge.Seconds()
			v.Unflushed, v.UnflushedBytes, v.OldestUnflushedSeconds = &u.Revisions, &u.Bytes, &age
		case v.ObjectLog != nil:
			n := max(int64(s.Committed-log), 0)
			v.Unflushed = &n
		}
		committed = max(committed, s.Committed)
	}
	for i := range v.Nodes {
		if s := v.Nodes[i].State; s != nil {
			s.Lag = max(int64(committed-s.Revision), 0)
		}
	}
}
