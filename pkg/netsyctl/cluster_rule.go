package netsyctl

import (
	"fmt"
	"slices"

	"github.com/netsy-io/netsy/pkg/elector"
	"github.com/netsy-io/netsy/pkg/registry"
)

// shownRule is the durability rule, with what follows from it.
type shownRule struct {
	Mode     registry.Mode `json:"mode"`
	Quorum   int           `json:"quorum"`
	Voters   []shownRef    `json:"voters"`
	Promises int           `json:"election_needs"` // nodes that must answer for an election: voters, in quorum mode
}

func showRule(d registry.Durability) shownRule {
	r := shownRule{Mode: d.Mode, Quorum: d.Quorum, Voters: []shownRef{}, Promises: elector.NeededPromises(d)}
	for _, v := range d.Voters {
		r.Voters = append(r.Voters, shownRef{v.NodeID, v.Incarnation})
	}
	return r
}

func (r shownRule) String() string {
	if r.Mode != registry.ModeQuorum {
		return fmt.Sprintf("%s: what is acknowledged is in the object log; any healthy node can be elected; voters: %d", r.Mode, len(r.Voters))
	}
	return fmt.Sprintf("%s: what is acknowledged may be on nodes only; an election needs %d of the %d voters", r.Mode, r.Promises, len(r.Voters))
}

func isVoter(d registry.Durability, n registry.NodeRef) bool { return slices.Contains(d.Voters, n) }
