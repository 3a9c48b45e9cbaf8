package elector

import (
	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// Prior is what is known about the previous Primary when an election begins.
type Prior struct {
	Epoch   record.Epoch     // of cluster.json
	Primary registry.NodeRef // of cluster.json; zero: none chosen

	// Answer is what the previous Primary said when asked just now, or its last
	// heartbeat if that said that it stepped down; nil if it gave no answer. Another
	// incarnation's answer is not its answer.
	Answer *peerpb.NodeState

	Told     bool // this elector has told it of its election
	Patience bool // and not so long ago that it should have begun

	LeasesOver bool // no read lease can be valid any more, by the clock
}

// Step is what the first step of an election comes to.
type Step int

const (
	Wait  Step = iota // until read leases must have run out
	Defer             // there is a Primary, or one about to be
	Tell              // it doesn't seem to know that it was chosen: tell it, then defer
	Go                // begin a new reign
)

func (s Step) String() string {
	return [...]string{"wait", "defer", "tell", "go"}[s]
}

// Judge is the first step of an election: may a new reign begin? It matters for
// read leases, so for linearizable reads, not for writes.
func Judge(p Prior) Step {
	if p.Epoch == 0 {
		return Go // nobody ever reigned
	}
	if p.Primary.IsZero() || !answered(p) {
		return byLeases(p)
	}
	a := p.Answer
	switch served := record.Epoch(a.ServedEpoch); {
	case steppedDown(p):
		return Go
	case served == p.Epoch && broken(a):
		return byLeases(p)
	case served == p.Epoch:
		return Defer
	case served > p.Epoch, record.Epoch(a.PromisedEpoch) > p.Epoch:
		return byLeases(p) // it can't begin this epoch any more
	case !p.Told:
		return Tell
	case p.Patience:
		return Defer
	default:
		return byLeases(p) // told, able, and yet it doesn't begin
	}
}

// byLeases goes on only when no lease can be valid any more.
func byLeases(p Prior) Step {
	if p.LeasesOver {
		return Go
	}
	return Wait
}

// answered says whether the answer is of the incarnation that was Primary, and
// complete.
func answered(p Prior) bool {
	a := p.Answer
	return a != nil && refOf(a) == p.Primary && a.PrimaryState != peerpb.PrimaryState_PRIMARY_STATE_UNSPECIFIED
}

// steppedDown: the Primary says itself that its reign is over: it drained, gave up or
// restarted. Its lease went with its reign, and it never begins the same epoch
// again, so this is true for ever, however long ago it was said.
func steppedDown(p Prior) bool {
	return answered(p) && record.Epoch(p.Answer.ServedEpoch) == p.Epoch && p.Answer.PrimaryState == peerpb.PrimaryState_PRIMARY_STATE_REPLICA
}

// broken: a Primary that says itself that it can't do its work. Loading isn't that:
// it is what a start looks like. One that drains is about to end by itself.
func broken(a *peerpb.NodeState) bool {
	return a.Health == peerpb.Health_HEALTH_DEGRADED && a.PrimaryState != peerpb.PrimaryState_PRIMARY_STATE_DRAINING
}

// reigns says whether a node's state is that of the Primary that c names, at work:
// starting, active or draining in this epoch, and not broken.
func reigns(a *peerpb.NodeState, c *registry.Cluster) bool {
	return a != nil && !c.Primary.IsZero() &&
		Judge(Prior{Epoch: c.Epoch, Primary: c.Primary, Answer: a, Told: true}) == Defer
}

func refOf(a *peerpb.NodeState) registry.NodeRef {
	return registry.NodeRef{NodeID: a.NodeId, Incarnation: a.Incarnation}
}
