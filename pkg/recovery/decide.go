package recovery

import (
	"slices"
	"time"

	"github.com/netsy-io/netsy/pkg/elector"
	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// Answer is what a node said of itself just now.
type Answer struct {
	Node         registry.NodeRef
	Health       peerpb.Health
	HealthReason string
	PrimaryState peerpb.PrimaryState
	ServedEpoch  record.Epoch
	Tail         record.Pos // its last durable record
	Committed    record.Revision
	Started      time.Time  // by the node's clock
	Leaving      bool       // it is stopping on purpose
	Unflushed    *Unflushed // of the active Primary; nil of any other, and of one too old to say
}

// Unflushed is what a Primary has taken that is not in the object log.
type Unflushed struct {
	Revisions, Bytes int64
	OldestAge        time.Duration // how long ago it took the oldest; 0: there is none
}

// Verdict says whether recovery is the right thing to do.
type Verdict int

const (
	// Unneeded: in object-storage mode everything acknowledged is in the object log.
	Unneeded Verdict = iota
	// PrimaryAnswers: a node is Primary, or about to be, or handing over.
	PrimaryAnswers
	// EnoughAnswer: the voters that answer suffice for an election.
	EnoughAnswer
	// Needed: too few voters answer; without them no election can be held.
	Needed
)

// Decision is what Decide makes of the answers.
type Decision struct {
	Verdict Verdict
	Primary registry.NodeRef // the node of PrimaryAnswers

	Promises  int                // voters that must answer for an election; quorum mode only
	Answering []registry.NodeRef // voters that answer, in the incarnation that is a voter
	Missing   []registry.NodeRef // voters that don't

	// Heirs are the healthy ones of Answering, and Best if it is: what they hold is
	// what is left. The election after a recovery asks all of them, so that none that
	// holds more is passed over for being slow.
	Heirs []registry.NodeRef

	Best     registry.NodeRef // of all that answer, whose tail is highest; zero: none answers
	BestTail record.Pos
}

// Decide judges by the durability rule in cluster.json and by who answers. It is
// pure. A voter that answers counts even if it isn't healthy: what it holds isn't
// lost, and mending it is the way. One that comes back in another incarnation has
// lost what it held.
func Decide(d registry.Durability, answers []Answer) Decision {
	var dec Decision
	for _, a := range answers {
		if a.PrimaryState != peerpb.PrimaryState_PRIMARY_STATE_REPLICA && dec.Primary.IsZero() {
			dec.Primary = a.Node
		}
		if dec.Best.IsZero() || dec.BestTail.Less(a.Tail) {
			dec.Best, dec.BestTail = a.Node, a.Tail
		}
	}
	for _, a := range answers {
		if a.Health == peerpb.Health_HEALTH_HEALTHY && (a.Node == dec.Best || slices.Contains(d.Voters, a.Node)) {
			dec.Heirs = append(dec.Heirs, a.Node)
		}
	}
	if d.Mode == registry.ModeQuorum {
		dec.Promises = elector.NeededPromises(d)
		for _, v := range d.Voters {
			if slices.ContainsFunc(answers, func(a Answer) bool { return a.Node == v }) {
				dec.Answering = append(dec.Answering, v)
			} else {
				dec.Missing = append(dec.Missing, v)
			}
		}
	}
	switch {
	case d.Mode != registry.ModeQuorum:
		dec.Verdict = Unneeded
	case !dec.Primary.IsZero():
		dec.Verdict = PrimaryAnswers
	case elector.EnoughPromises(d, dec.Answering):
		dec.Verdict = EnoughAnswer
	default:
		dec.Verdict = Needed
	}
	return dec
}
