package elector

import (
	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/record"
)

// Wish is what a Primary that stepped down on request asks of the next elections. It
// breaks ties between candidates with equal histories and does nothing else, so it
// matters for nobody's safety, and a node that is alone is chosen whatever it wished.
type Wish struct {
	Epoch     record.Epoch // the one resigned; 0: there is no wish
	Resigned  string       // node id of who should not be Primary
	Successor string       // node id of who should; empty: anybody else
}

// wishedElections is how many epochs after the one resigned may be begun with the wish: an
// election that fails is held again, but a node that is chosen and never begins must not be
// chosen for ever. A wish is over in any case once a later Primary has begun: its histories
// end in a later epoch, and when it dies nobody is worth waiting for.
const wishedElections = 3

// WishFor returns the wish among what nodes say of themselves that holds in the election
// of epoch next: the newest one, unless one of them has begun a later reign.
func WishFor(states []*peerpb.NodeState, next record.Epoch) Wish {
	var w Wish
	var reigned record.Epoch // the last epoch in which somebody is known to have begun, by word or by record
	for _, s := range states {
		reigned = max(reigned, record.Epoch(s.GetServedEpoch()), record.Epoch(s.GetTail().GetEpoch()))
		r := s.GetResigned()
		e := record.Epoch(r.GetEpoch())
		if e > w.Epoch && next > e && next <= e+wishedElections {
			w = Wish{Epoch: e, Resigned: s.NodeId, Successor: r.Successor}
		}
	}
	if reigned > w.Epoch {
		return Wish{}
	}
	return w
}

// rank is where the wish puts a candidate among those whose histories equal its own: the
// higher, the better.
func (w Wish) rank(c Candidate) int {
	switch {
	case w.Epoch == 0 || c.Tail.Epoch != w.Epoch:
		return 0 // no wish, or it was about an earlier reign
	case c.Node.NodeID == w.Resigned:
		return -1
	case c.Node.NodeID == w.Successor:
		return 1
	}
	return 0
}

// met says whether there is nobody among those who haven't answered yet for whom the wish
// is worth waiting, as for a late answer.
func (w Wish) met(answers []*peerpb.NodeState) bool {
	if w.Epoch == 0 {
		return true
	}
	for _, a := range answers {
		if w.granted(a.NodeId) {
			return true
		}
	}
	return false
}

// granted says whether the wish was met by the choice of node id.
func (w Wish) granted(id string) bool {
	return id == w.Successor || w.Successor == "" && id != w.Resigned
}
