package elector

import (
	"slices"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/registry"
)

// One node and one voter of its id, in every situation, beside a Primary n0 that is
// always there.
func TestDeregistrationExhaustively(t *testing.T) {
	const timeout = 10 * time.Second
	base := time.Unix(1000, 0)
	bools := []bool{false, true}
	n1, wiped := ref(1), registry.NodeRef{NodeID: "n1", Incarnation: "another"}
	for _, reg := range []registry.NodeRef{{}, n1, wiped} { // registered as
		for _, voter := range []registry.NodeRef{{}, n1} {
			for _, listedBefore := range bools {
				for _, connected := range bools {
					for _, leaving := range bools {
						for _, silent := range []time.Duration{0, timeout - 1, timeout, time.Hour} {
							for _, primary := range []registry.NodeRef{{}, ref(0), n1} {
								before, c := clusterOf(ref(0)), clusterOf(primary)
								if !voter.IsZero() {
									c.Durability.Voters = append(c.Durability.Voters, voter)
									if listedBefore {
										before.Durability.Voters = append(before.Durability.Voters, voter)
									}
								}
								ss := []Standing{{Node: registry.Node{NodeID: "n0", Incarnation: "i"}, Heard: base, Connected: true}}
								if !reg.IsZero() {
									ss = append(ss, Standing{Node: registry.Node{NodeID: "n1", Incarnation: reg.Incarnation}, Heard: base.Add(-silent), Connected: connected, Leaving: leaving})
								}
								voters, nodes := Deregistration(before, c, ss, base, timeout)

								gone := !reg.IsZero() && !connected && (leaving || silent >= timeout) && primary != n1
								missing := reg != voter && listedBefore
								wantVoter := !primary.IsZero() && primary != n1 && !voter.IsZero() && (gone || missing)
								wantNode := !primary.IsZero() && gone && voter.IsZero()
								if (len(voters) == 1) != wantVoter || len(voters) > 1 || wantVoter && voters[0] != voter {
									t.Fatalf("%+v, cluster %+v, listed before %v: removes voters %v", ss, c, listedBefore, voters)
								}
								if (len(nodes) == 1) != wantNode || len(nodes) > 1 || wantNode && nodes[0].Ref() != reg {
									t.Fatalf("%+v, cluster %+v, listed before %v: deletes %v", ss, c, listedBefore, nodes)
								}
							}
						}
					}
				}
			}
		}
	}
}

func clusterOf(primary registry.NodeRef) *registry.Cluster {
	return &registry.Cluster{Epoch: 4, Primary: primary, Durability: registry.Durability{Mode: registry.ModeQuorum, Voters: []registry.NodeRef{ref(0)}}}
}

// Every set of up to five nodes, each gone or not, each a voter or not, and every
// Primary, one that has lost its registration among them.
func TestDeregistrationOfMany(t *testing.T) {
	const most = 5
	base := time.Unix(1000, 0)
	for n := 1; n <= most; n++ {
		for gone := range uint(1 << n) {
			for voters := range uint(1 << n) {
				for primary := range n + 1 {
					c := &registry.Cluster{Epoch: 4, Primary: ref(primary), Durability: registry.Durability{Mode: registry.ModeQuorum, Voters: refs(voters)}}
					var ss []Standing
					for i := range n {
						heard := base
						if gone>>i&1 != 0 {
							heard = base.Add(-time.Minute - time.Duration(i)*time.Second) // higher ids are gone longer
						}
						ss = append(ss, Standing{Node: registry.Node{NodeID: ref(i).NodeID, Incarnation: "i"}, Heard: heard})
					}
					gotVoters, gotNodes := Deregistration(c, c, ss, base, time.Minute)
					due := gone &^ (1 << primary)
					if want := refs(due & voters); !slices.Equal(gotVoters, want) {
						t.Fatalf("%d nodes, gone %b, voters %b, primary %d: removes %v, expected %v", n, gone, voters, primary, gotVoters, want)
					}
					want := refs(due &^ voters)
					slices.Reverse(want)
					want = want[:min(len(want), n-1)]
					if !slices.EqualFunc(gotNodes, want, func(a registry.Node, b registry.NodeRef) bool { return a.Ref() == b }) {
						t.Fatalf("%d nodes, gone %b, voters %b, primary %d: deletes %v, expected %v", n, gone, voters, primary, gotNodes, want)
					}
				}
			}
		}
	}
	if v, n := Deregistration(&registry.Cluster{}, clusterOf(ref(0)), nil, base, time.Minute); len(v)+len(n) > 0 {
		t.Errorf("without nodes: %v, %v", v, n)
	}
}
