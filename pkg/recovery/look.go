package recovery

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/peerapi"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// AskTimeout bounds the question to one node: far above what one that works needs.
const AskTimeout = 5 * time.Second

// Ask asks one registered node for its state.
type Ask func(ctx context.Context, n registry.Node) (*peerpb.NodeState, error)

// AskBy makes an Ask that connects with d, whose certificate must be of an admin.
func AskBy(d peerapi.Dialer) Ask {
	return func(ctx context.Context, n registry.Node) (*peerpb.NodeState, error) {
		u, err := url.Parse(n.PeerURLs[0])
		if err != nil || u.Host == "" {
			return nil, fmt.Errorf("peer url %q has no host:port", n.PeerURLs[0])
		}
		client, conn, err := d.Dial(ctx, n.Ref(), u.Host)
		if err != nil {
			return nil, err
		}
		defer conn.Close() // it says only that it was closed already
		return client.GetNodeState(ctx, &peerpb.GetNodeStateRequest{})
	}
}

// Asked is a registered node, with its answer or why there is none.
type Asked struct {
	Registered registry.Node
	Answer     *Answer
	Err        error
}

// Findings is what there is to judge by.
type Findings struct {
	Cluster  registry.Cluster
	Nodes    []Asked // by node id
	Problems []error // registrations that can't be understood
	End      LogEnd
	Decision Decision
}

// Look reads the documents and the end of the object log, asks all registered
// nodes at once, and decides. It changes nothing.
func Look(ctx context.Context, store objectstore.Store, reg *registry.Registry, ask Ask) (Findings, error) {
	var f Findings
	var err error
	if f.Cluster, err = reg.Cluster(ctx); err != nil {
		return f, err
	}
	nodes, problems, err := reg.NewNodeList().Refresh(ctx)
	if err != nil {
		return f, err
	}
	f.Problems = problems
	f.Nodes = AskAll(ctx, nodes, ask)
	// The end is read after the questions, so that it isn't older than the answers.
	if f.End, err = FindEnd(ctx, store); err != nil {
		return f, err
	}
	f.Decision = Decide(f.Cluster.Durability, f.answers())
	return f, nil
}

func (f *Findings) answers() []Answer {
	var as []Answer
	for _, n := range f.Nodes {
		if n.Answer != nil {
			as = append(as, *n.Answer)
		}
	}
	return as
}

// Held is the last record that is certain to be left: in the object log, or on a
// node that answers.
func (f *Findings) Held() record.Pos {
	if f.End.Last.Less(f.Decision.BestTail) {
		return f.Decision.BestTail
	}
	return f.End.Last
}

// AskAll asks all nodes at once and returns them by id, each with its answer or why there
// is none; within AskTimeout.
func AskAll(ctx context.Context, nodes []registry.Node, ask Ask) []Asked {
	out := make([]Asked, len(nodes))
	var wg sync.WaitGroup
	for i, n := range nodes {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, AskTimeout)
			defer cancel()
			out[i] = Asked{Registered: n}
			s, err := ask(ctx, n)
			if err == nil && (s.GetNodeId() != n.NodeID || s.GetIncarnation() == "") {
				err = fmt.Errorf("%q answers at its address", s.GetNodeId())
			}
			if out[i].Err = err; err == nil {
				out[i].Answer = answerOf(s)
			}
		})
	}
	wg.Wait()
	slices.SortFunc(out, func(a, b Asked) int { return strings.Compare(a.Registered.NodeID, b.Registered.NodeID) })
	return out
}

func answerOf(s *peerpb.NodeState) *Answer {
	a := &Answer{
		Node:   registry.NodeRef{NodeID: s.NodeId, Incarnation: s.Incarnation},
		Health: s.Health, HealthReason: s.HealthReason, PrimaryState: s.PrimaryState, ServedEpoch: record.Epoch(s.ServedEpoch),
		Tail:      record.Pos{Epoch: record.Epoch(s.GetTail().GetEpoch()), Revision: record.Revision(s.GetTail().GetRevision())},
		Committed: record.Revision(s.CommittedRevision), Started: time.Unix(0, s.StartTimeUnixNano), Leaving: s.Leaving,
	}
	if u := s.Unflushed; u != nil {
		a.Unflushed = &Unflushed{u.Revisions, u.Bytes, time.Duration(u.OldestAgeNanos)}
	}
	return a
}
