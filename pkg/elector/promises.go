package elector

import "github.com/netsy-io/netsy/pkg/registry"

// NeededPromises is how many promises an election needs before it may choose, V - R
// of the V voters and at least one, where R is the number of receipts a commit
// needs beside the Primary's own copy. A commit is on R+1 voters, so V-R promises
// always include one of them, and leave too few for an older Primary to commit
// again. In object-storage mode every acknowledged write is in the object log, so
// the promise of the one that is chosen is enough.
func NeededPromises(d registry.Durability) int {
	if d.Mode != registry.ModeQuorum {
		return 1
	}
	v, r := len(d.Voters), d.Quorum
	if r == registry.QuorumMajority {
		r = v / 2
	}
	return max(v-r, 1)
}

// EnoughPromises says whether those who promised suffice under the rule in
// cluster.json. In quorum mode only voters count, and only in the incarnation that
// is a voter: one that lost its disk has lost its receipts.
func EnoughPromises(d registry.Durability, promised []registry.NodeRef) bool {
	if d.Mode != registry.ModeQuorum {
		return len(promised) >= NeededPromises(d)
	}
	return len(d.Voters)-len(missingVoters(d, promised)) >= NeededPromises(d)
}

// missingVoters lists the voters that are not among those who answered.
func missingVoters(d registry.Durability, answered []registry.NodeRef) []registry.NodeRef {
	have := make(map[registry.NodeRef]bool, len(answered))
	for _, a := range answered {
		have[a] = true
	}
	var missing []registry.NodeRef
	for _, v := range d.Voters {
		if !have[v] {
			missing = append(missing, v)
		}
	}
	return missing
}
