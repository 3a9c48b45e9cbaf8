package clusterview

import (
	"context"
	"errors"
	"strings"

	"google.golang.org/grpc/status"

	"github.com/netsy-io/netsy/pkg/bucket"
	"github.com/netsy-io/netsy/pkg/leaderlock"
	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/recovery"
	"github.com/netsy-io/netsy/pkg/registry"
	"github.com/netsy-io/netsy/pkg/snapshot"
)

// Look reads the documents, asks all registered nodes at once (none if ask is nil), and
// finds the end of the log. It changes nothing. An error means that there is no cluster.json
// to begin with (registry.ErrNotFound), or that it can't be read; whatever else is wrong is
// among the problems, and a node that doesn't answer isn't even that.
func Look(ctx context.Context, st objectstore.Store, clusterID string, ask recovery.Ask) (*View, error) {
	reg := registry.New(st, clusterID)
	c, err := reg.Cluster(ctx)
	if err != nil {
		return nil, err
	}
	v := &View{ClusterID: clusterID, Store: st.String(), Seq: c.Seq, Office: c.Office, Epoch: c.Epoch, Primary: refOf(c.Primary),
		Durability: RuleOf(c.Durability), CompactionRevision: c.CompactionRevision, Origin: c.Origin, Nodes: []Node{}, Problems: []string{}}
	members, err := reg.Members(ctx)
	v.note(err, registry.ErrNotFound)
	v.Elector = v.leader(ctx, st, bucket.ElectorLockKey)
	v.Compactor = v.leader(ctx, st, bucket.CompactorLockKey)
	nodes, problems, err := reg.NewNodeList().Refresh(ctx)
	v.note(errors.Join(append(problems, err)...), nil)
	v.addNodes(&c, nodes, members)
	if ask != nil {
		v.Asked = true
		v.addStates(recovery.AskAll(ctx, nodes, ask))
	}
	v.addLog(ctx, st) // after the questions: what nodes hold is there, or on its way
	v.measure()
	return v, ctx.Err()
}

// note keeps what went wrong, unless it is what may be.
func (v *View) note(err, expected error) {
	if err != nil && (expected == nil || !errors.Is(err, expected)) {
		v.Problems = append(v.Problems, strings.Split(err.Error(), "\n")...)
	}
}

func (v *View) leader(ctx context.Context, st objectstore.Store, key string) *Leader {
	h, err := leaderlock.Read(ctx, st, key, v.ClusterID)
	v.note(err, objectstore.ErrNotFound)
	if err != nil || h.LeaderID == "" {
		return nil
	}
	return &Leader{h.LeaderID, h.Address}
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
		Revision: a.Tail.Revision, Epoch: a.Tail.Epoch, Committed: a.Committed, Started: a.Started, Leaving: a.Leaving}
}

// HealthName is for people: healthy, degraded and so on.
func HealthName(h peerpb.Health) string {
	return strings.ToLower(strings.TrimPrefix(h.String(), "HEALTH_"))
}

// PrimaryStateName is for people: replica, primary and so on.
func PrimaryStateName(s peerpb.PrimaryState) string {
	return strings.ToLower(strings.TrimPrefix(s.String(), "PRIMARY_STATE_"))
}

// attempts at the end of a log that the compactor frees slots of meanwhile.
const attempts = 3

func (v *View) addLog(ctx context.Context, st objectstore.Store) {
	var end recovery.LogEnd
	var err error
	for range attempts {
		end, err = recovery.FindEnd(ctx, st)
		if !errors.Is(err, objectlog.ErrSuperseded) && !errors.Is(err, objectlog.ErrGap) {
			break
		}
	}
	if v.note(err, nil); err == nil {
		v.ObjectLog = LogEndOf(end)
	}
	all, err := snapshot.New(st, snapshot.Options{}).List(ctx)
	v.note(err, nil)
	if n := len(all); n > 0 {
		v.Snapshot = &Snapshot{all[n-1].Revision, all[n-1].Size, all[n-1].Modified}
	}
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
		if v.Nodes[i].Primary && v.ObjectLog != nil {
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
