package elector

import (
	"fmt"
	"math/bits"
	"testing"

	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

func ref(i int) registry.NodeRef {
	return registry.NodeRef{NodeID: fmt.Sprintf("n%d", i), Incarnation: "i"}
}

func refs(mask uint) (rs []registry.NodeRef) {
	for i := range bits.Len(mask) {
		if mask>>i&1 != 0 {
			rs = append(rs, ref(i))
		}
	}
	return rs
}

// Every set of voters up to 6, every quorum, every set that may have promised: the
// rule accepts exactly those sets that meet every possible commit and, together with
// the voters that did not promise, leave no possible commit to an older Primary.
func TestEnoughPromisesExhaustively(t *testing.T) {
	const most = 6
	for v := 1; v <= most; v++ {
		for q := -1; q <= most+1; q++ {
			receipts := q
			if q == -1 {
				receipts = v / 2
			}
			d := registry.Durability{Mode: registry.ModeQuorum, Quorum: q, Voters: refs(1<<v - 1)}
			for mask := uint(0); mask < 1<<v; mask++ {
				have := bits.OnesCount(mask)
				meetsAll := true
				for commit := uint(0); commit < 1<<v; commit++ { // sets of R+1 voters that hold a commit
					if bits.OnesCount(commit) == receipts+1 && commit&mask == 0 {
						meetsAll = false
					}
				}
				want := meetsAll && have > 0
				if got := EnoughPromises(d, refs(mask)); got != want {
					t.Errorf("%d voters, quorum %d, promises %b: %v, expected %v", v, q, mask, got, want)
				}
				if len(missingVoters(d, refs(mask))) != v-have {
					t.Errorf("%d voters, answers %b: wrong number missing", v, mask)
				}
			}
		}
	}
}

func TestPromisesThatDontCount(t *testing.T) {
	d := registry.Durability{Mode: registry.ModeQuorum, Quorum: -1, Voters: refs(0b111)}
	wiped := registry.NodeRef{NodeID: "n1", Incarnation: "another"}
	for name, promised := range map[string][]registry.NodeRef{
		"a wiped voter":           {ref(0), wiped},
		"a node that is no voter": {ref(0), ref(5)},
		"the same voter twice":    {ref(0), ref(0)},
		"nobody":                  nil,
	} {
		if EnoughPromises(d, promised) {
			t.Errorf("%s counts", name)
		}
	}
	if d.Mode = registry.ModeObjectStorage; EnoughPromises(d, nil) || !EnoughPromises(d, []registry.NodeRef{ref(7)}) {
		t.Error("object-storage mode needs the candidate's own promise, and no more")
	}
}

// Every pair and triple of candidates over a small domain, with every wish: the choice is
// the greatest, whatever the order of the answers, and the wish never outweighs a history.
func TestChooseExhaustively(t *testing.T) {
	var all []Candidate
	for e := range 3 {
		for r := range 2 {
			for s := range 2 {
				for n := range 3 {
					all = append(all, Candidate{Node: ref(n), Tail: record.Pos{Epoch: record.Epoch(e), Revision: record.Revision(r)}, StartTime: int64(s)})
				}
			}
		}
	}
	wishes := []Wish{{}}
	for e := range 3 {
		for _, to := range []string{"", "n0", "n1", "n9"} {
			wishes = append(wishes, Wish{Epoch: record.Epoch(e), Resigned: "n2", Successor: to})
		}
	}
	for _, w := range wishes {
		rank := func(c Candidate) int {
			wished := 0
			if w.Epoch > 0 && c.Tail.Epoch == w.Epoch {
				switch c.Node.NodeID {
				case w.Resigned:
					wished = -1
				case w.Successor:
					wished = 1
				}
			}
			return int(c.Tail.Epoch)*100000 + int(c.Tail.Revision)*10000 + wished*1000 + int(c.StartTime)*10 + int(c.Node.NodeID[1]-'0')
		}
		for _, a := range all {
			for _, b := range all {
				for _, c := range all {
					got, ok := Choose([]Candidate{a, b, c}, w)
					if want := max(rank(a), rank(b), rank(c)); !ok || rank(got) != want {
						t.Fatalf("of %v, %v, %v chose %v by %+v", a, b, c, got, w)
					}
					if got.Tail.Less(a.Tail) || got.Tail.Less(b.Tail) || got.Tail.Less(c.Tail) {
						t.Fatalf("of %v, %v, %v chose %v, which isn't the longest history, by %+v", a, b, c, got, w)
					}
				}
			}
		}
		if _, ok := Choose(nil, w); ok {
			t.Error("chose from nobody")
		}
		for _, a := range all { // who is alone is chosen, whatever was wished
			if got, ok := Choose([]Candidate{a}, w); !ok || got != a {
				t.Errorf("%v alone: chose %v by %+v", a, got, w)
			}
		}
	}
}

// allAnswers gives every answer a node can give, in a small domain, and no answer.
func allAnswers() []*peerpb.NodeState {
	out := []*peerpb.NodeState{nil}
	for _, inc := range []string{"i", "another"} {
		for h := range peerpb.Health_name {
			for p := range peerpb.PrimaryState_name {
				for served := int64(3); served <= 5; served++ {
					for promised := served; promised <= 5; promised++ {
						out = append(out, &peerpb.NodeState{
							NodeId: "n0", Incarnation: inc, Health: peerpb.Health(h), PrimaryState: peerpb.PrimaryState(p),
							ServedEpoch: served, PromisedEpoch: promised,
						})
					}
				}
			}
		}
	}
	return out
}

// The first step, over every situation: what must hold of each verdict.
func TestJudgeExhaustively(t *testing.T) {
	bools := []bool{false, true}
	for _, a := range allAnswers() {
		for _, over := range bools {
			for _, told := range bools {
				for _, patience := range bools {
					for _, primary := range []registry.NodeRef{{}, ref(0)} {
						p := Prior{Epoch: 4, Primary: primary, Answer: a, Told: told, Patience: patience, LeasesOver: over}
						checkVerdict(t, p, Judge(p))
					}
				}
			}
		}
	}
	if Judge(Prior{}) != Go {
		t.Error("the first reign waits for something")
	}
}

func checkVerdict(t *testing.T, p Prior, got Step) {
	t.Helper()
	a := p.Answer
	genuine := a != nil && refOf(a) == p.Primary && a.PrimaryState != peerpb.PrimaryState_PRIMARY_STATE_UNSPECIFIED
	inOffice := genuine && a.ServedEpoch == 4 && a.PrimaryState != peerpb.PrimaryState_PRIMARY_STATE_REPLICA
	steppedDown := genuine && a.ServedEpoch == 4 && !inOffice
	notBegun := genuine && a.ServedEpoch < 4 && a.PromisedEpoch <= 4
	degraded := genuine && a.Health == peerpb.Health_HEALTH_DEGRADED && a.PrimaryState != peerpb.PrimaryState_PRIMARY_STATE_DRAINING
	want := Wait
	switch {
	case steppedDown:
		want = Go
	case inOffice && !degraded:
		want = Defer
	case notBegun && !p.Told:
		want = Tell
	case notBegun && p.Patience:
		want = Defer
	case p.LeasesOver:
		want = Go
	}
	if got != want {
		t.Errorf("%+v: %v, expected %v", p, got, want)
	}
	if got == Go && !p.LeasesOver && !steppedDown {
		t.Errorf("%+v: a new reign while a lease may be valid", p)
	}
}

// A lease is granted in exactly one situation.
func TestMayGrantExhaustively(t *testing.T) {
	granted := 0
	for _, held := range []bool{false, true} {
		for _, closed := range []bool{false, true} {
			for epoch := record.Epoch(0); epoch <= 5; epoch++ {
				for _, primary := range []registry.NodeRef{{}, ref(0), ref(1)} {
					for _, a := range allAnswers()[1:] {
						b := leaseBook{closed: closed}
						c := registry.Cluster{Epoch: epoch, Primary: primary}
						got := b.mayGrant(held, &c, a)
						want := held && !closed && refOf(a) == primary && a.ServedEpoch == int64(epoch) && a.PromisedEpoch == int64(epoch) &&
							a.PrimaryState == peerpb.PrimaryState_PRIMARY_STATE_ACTIVE && a.Health == peerpb.Health_HEALTH_HEALTHY
						if got != want {
							t.Fatalf("held %v, closed %v, %+v, %v: %v", held, closed, c, a, got)
						}
						if got {
							granted++
						}
					}
				}
			}
		}
	}
	if granted != 3 { // epochs 3, 4 and 5
		t.Errorf("%d situations grant, expected 3", granted)
	}
}
