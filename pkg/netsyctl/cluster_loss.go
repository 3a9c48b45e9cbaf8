package netsyctl

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	"google.golang.org/grpc/status"

	"github.com/netsy-io/netsy/pkg/clusterview"
	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/recovery"
	"github.com/netsy-io/netsy/pkg/registry"
)

// loss is the report of recover.
type loss struct {
	ClusterID  string              `json:"cluster_id"`
	Needed     bool                `json:"needed"` // recovery is the way; false: it is refused
	Recovered  bool                `json:"recovered"`
	Epoch      record.Epoch        `json:"epoch"` // the new one, if recovered
	Durability clusterview.Rule    `json:"durability"`
	ObjectLog  *clusterview.LogEnd `json:"object_log"`
	Nodes      []shownAsked        `json:"nodes"`
	Problems   []string            `json:"problems"`

	// Everything up to here is left; everything acknowledged after it is at risk.
	Held struct {
		Revision record.Revision `json:"revision"`
		Epoch    record.Epoch    `json:"epoch"`
		On       string          `json:"on"`      // a node's id, or "object log"
		Healthy  bool            `json:"healthy"` // false: the node can't be elected as it is
	} `json:"held"`
}

// shownAsked is a node that was asked, or a voter that there was nobody to ask for.
type shownAsked struct {
	NodeID      string          `json:"node_id"`
	Incarnation string          `json:"incarnation"`
	Voter       bool            `json:"voter"`
	Answers     bool            `json:"answers"`
	Error       string          `json:"error,omitempty"`
	Health      string          `json:"health,omitempty"`
	Primary     string          `json:"primary_state,omitempty"`
	Revision    record.Revision `json:"revision,omitempty"`
	Epoch       record.Epoch    `json:"epoch,omitempty"`
}

// showLoss prints the findings, and what was done if something was.
func showLoss(c *cli.Context, f recovery.Findings, done *registry.Cluster) error {
	l := lossOf(f)
	if done != nil {
		l.Recovered, l.Epoch = true, done.Epoch
	}
	return show(c, l, l.table)
}

func lossOf(f recovery.Findings) *loss {
	l := &loss{ClusterID: f.Cluster.ClusterID, Needed: f.Decision.Verdict == recovery.Needed, Epoch: f.Cluster.Epoch,
		Durability: clusterview.RuleOf(f.Cluster.Durability), ObjectLog: clusterview.LogEndOf(f.End), Nodes: []shownAsked{}, Problems: []string{}}
	for _, p := range f.Problems {
		l.Problems = append(l.Problems, p.Error())
	}
	seen := map[registry.NodeRef]bool{}
	for _, n := range f.Nodes {
		a := asked(n, f.Cluster.Durability)
		seen[registry.NodeRef{NodeID: a.NodeID, Incarnation: a.Incarnation}] = true
		l.Nodes = append(l.Nodes, a)
	}
	for _, v := range f.Decision.Missing {
		if !seen[v] {
			l.Nodes = append(l.Nodes, shownAsked{NodeID: v.NodeID, Incarnation: v.Incarnation, Voter: true, Error: "this life of the node is not registered any more"})
		}
	}
	held := f.Held()
	l.Held.Revision, l.Held.Epoch, l.Held.On, l.Held.Healthy = held.Revision, held.Epoch, "object log", true
	if held != f.End.Last {
		l.Held.On = f.Decision.Best.NodeID
		l.Held.Healthy = slices.ContainsFunc(f.Nodes, func(n recovery.Asked) bool {
			return n.Answer != nil && n.Answer.Node == f.Decision.Best && n.Answer.Health == peerpb.Health_HEALTH_HEALTHY
		})
	}
	return l
}

func asked(n recovery.Asked, d registry.Durability) shownAsked {
	a := shownAsked{NodeID: n.Registered.NodeID, Incarnation: n.Registered.Incarnation}
	if n.Err != nil {
		a.Error = strings.ReplaceAll(status.Convert(n.Err).Message(), "\n", "; ")
	} else {
		s := n.Answer
		a.Answers, a.Incarnation = true, s.Node.Incarnation
		a.Health, a.Primary = clusterview.HealthName(s.Health), clusterview.PrimaryStateName(s.PrimaryState)
		a.Revision, a.Epoch = s.Tail.Revision, s.Tail.Epoch
	}
	a.Voter = slices.Contains(d.Voters, registry.NodeRef{NodeID: a.NodeID, Incarnation: a.Incarnation})
	return a
}

func (l *loss) table(w io.Writer) {
	row(w, "cluster", l.ClusterID)
	row(w, "durability", l.Durability.String())
	row(w, "object log", l.ObjectLog.String())
	row(w)
	row(w, "NODE", "INCARNATION", "VOTER", "ANSWERS", "UP TO", "STATE")
	for _, n := range l.Nodes {
		n.row(w)
	}
	for _, p := range l.Problems {
		row(w)
		row(w, "PROBLEM", p)
	}
	if !l.Needed {
		return
	}
	row(w)
	row(w, fmt.Sprintf("Left: everything up to revision %d of epoch %d (%s).", l.Held.Revision, l.Held.Epoch, l.Held.On))
	if !l.Held.Healthy {
		row(w, fmt.Sprintf("Mend %s first: as it is it can't be elected, and what it alone holds would be lost, too.", l.Held.On))
	}
	row(w, "At risk: "+l.risk())
}

// risk is the window at risk: what was acknowledged by receipts and is not in the log.
func (l *loss) risk() string {
	const what = "what was acknowledged after that and is on nodes alone that don't answer. "
	if l.ObjectLog.Written == nil {
		return what + "The object log is empty."
	}
	return what + fmt.Sprintf("The object log was last written at %s, by the store's clock: what was acknowledged before, give or take a moment, is in it.",
		showTime(*l.ObjectLog.Written))
}

func (n *shownAsked) row(w io.Writer) {
	voter, answers := "-", "no"
	if n.Voter {
		voter = "yes"
	}
	if !n.Answers {
		row(w, n.NodeID, n.Incarnation, voter, answers, "-", n.Error)
		return
	}
	row(w, n.NodeID, n.Incarnation, voter, "yes", fmt.Sprintf("revision %d of epoch %d", n.Revision, n.Epoch), n.Primary+", "+n.Health)
}
