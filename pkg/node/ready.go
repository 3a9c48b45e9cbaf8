package node

import (
	"fmt"
	"time"

	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
)

// Code says in one stable word how a node is; docs/operations.md lists them.
type Code string

const (
	CodeOK         Code = "ok"
	CodeFailed     Code = "failed"       // the process can't go on and is about to end
	CodeStopping   Code = "stopping"     // it was told to end, and hands over
	CodeStarting   Code = "starting"     // its ports aren't served yet
	CodeDisk       Code = "disk"         // the local disk can't be written, or read
	CodeTakingOver Code = "taking_over"  // it was elected and takes the object log over
	CodeLoading    Code = "loading"      // the local copy is brought to the end of the object log
	CodeFollowing  Code = "connecting"   // there is a Primary, which it doesn't follow yet
	CodeNoElector  Code = "no_elector"   // no Primary is known, and no elector is heard
	CodeNoPrimary  Code = "no_primary"   // no Primary is known; an elector is heard
	CodeStorage    Code = "storage_away" // a warning: it follows, but can't be elected

	CodeHandingOver Code = "handing_over" // a warning: the Primary steps down on request, and writes wait
)

// Codes are all of them.
var Codes = []Code{
	CodeOK, CodeFailed, CodeStopping, CodeStarting, CodeDisk, CodeTakingOver, CodeLoading, CodeFollowing, CodeNoElector, CodeNoPrimary, CodeStorage,
	CodeHandingOver,
}

// Readiness is whether requests are answered here, and if not, why.
type Readiness struct {
	Code   Code
	Reason string // for people; empty if OK

	Warning Readied // of what doesn't keep it from answering; the zero value: nothing
}

// Readied is a code with its reason.
type Readied struct {
	Code   Code   `json:"code"`
	Reason string `json:"reason"`
}

// OK says that reads and writes are answered here.
func (r Readiness) OK() bool { return r.Code == CodeOK }

// Line is r for people.
func (r Readiness) Line() string {
	switch {
	case !r.OK():
		return fmt.Sprintf("not ready (%s): %s", r.Code, r.Reason)
	case r.Warning.Code != "":
		return fmt.Sprintf("ready; %s: %s", r.Warning.Code, r.Warning.Reason)
	}
	return "ready"
}

// situation is what readiness is judged by.
type situation struct {
	failure   error
	stopping  bool
	handsOver bool // as Primary, on request: it stays
	health    pb.Health
	reason    string // of health
	trouble   need   // empty: none
	role      pb.PrimaryState
	hasLeader bool
	loading   bool
	primary   string        // node id in cluster.json as last heard; empty: none
	unheard   time.Duration // since an elector last heard this node
	patience  time.Duration // how long that may be
}

// judge is the rule. What is nearest to the node itself comes first: it is what has to be
// mended before the rest can show.
func judge(s situation) Readiness {
	not := func(c Code, format string, args ...any) Readiness {
		return Readiness{Code: c, Reason: fmt.Sprintf(format, args...)}
	}
	switch {
	case s.failure != nil:
		return not(CodeFailed, "%v", s.failure)
	case s.stopping:
		return not(CodeStopping, "the node is stopping")
	case s.health == pb.Health_HEALTH_LOADING:
		return not(CodeStarting, "the node is starting")
	case s.health != pb.Health_HEALTH_HEALTHY && s.trouble != storage:
		return not(CodeDisk, "%s", s.reason)
	case s.hasLeader && s.trouble == storage:
		return Readiness{Code: CodeOK, Warning: Readied{CodeStorage, s.reason}}
	case s.hasLeader && s.handsOver:
		return Readiness{Code: CodeOK, Warning: Readied{CodeHandingOver, "this node is Primary and hands over, as it was asked to: writes wait"}}
	case s.hasLeader:
		return Readiness{Code: CodeOK}
	case s.role == pb.PrimaryState_PRIMARY_STATE_STARTING:
		return not(CodeTakingOver, "this node was elected and takes the object log over")
	case s.loading:
		return not(CodeLoading, "the local copy is brought to the end of the object log")
	case s.primary != "":
		return not(CodeFollowing, "%s is the Primary, and this node doesn't follow it yet", s.primary)
	case s.unheard > s.patience:
		return not(CodeNoElector, "no Primary is known, and no elector has been heard for %v; is one in office, and can it reach this node?", s.unheard.Truncate(time.Second))
	}
	return not(CodeNoPrimary, "no Primary is known; an elector is at work, see its log or /readyz for what it waits for")
}

// Readiness says whether requests are answered here, as /readyz does.
func (n *Node) Readiness() Readiness { return judge(n.situation()) }

// Changed returns a channel that is closed when the node's state changes. Not all that
// Readiness goes by tells of it: look now and then, too.
func (n *Node) Changed() <-chan struct{} { return n.state.Changed() }

func (n *Node) situation() situation {
	health, reason, role, cs := n.state.view()
	stopping, handsOver := n.state.ending()
	s := situation{
		failure: n.fatal(), stopping: stopping, handsOver: handsOver,
		health: health, reason: reason, role: role,
		hasLeader: n.state.HasLeader(), loading: n.loading.Load(),
		primary: cs.Primary.GetNodeId(),
		unheard: time.Since(n.started) - time.Duration(n.heard.Load()), patience: 3 * n.o.HeartbeatInterval,
	}
	if t := n.state.troubled(); t != nil {
		s.trouble = t.with
	}
	return s
}
