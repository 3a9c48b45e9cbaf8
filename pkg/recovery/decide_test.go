package recovery

import (
	"fmt"
	"math/bits"
	"slices"
	"testing"

	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// what a voter may do in the exhaustive test.
const (
	silent = iota
	answers
	answersIll  // not healthy
	answersNew  // in another incarnation
	answersBusy // as a Primary
	kinds
)

// Every rule of up to five voters, with every way in which each of them may answer,
// against the meaning of the rule: a commit is on R+1 voters, and recovery is needed
// when some set of R+1 voters has no member left that answers.
func TestDecideExhaustively(t *testing.T) {
	cases := 0
	for v := 0; v <= 5; v++ {
		for q := registry.QuorumMajority; q <= v+1; q++ {
			d := registry.Durability{Mode: registry.ModeQuorum, Quorum: q}
			for i := range v {
				d.Voters = append(d.Voters, ref(i, "1"))
			}
			all := 1
			for range v {
				all *= kinds
			}
			for code := range all {
				checkDecision(t, d, code)
				cases++
			}
		}
	}
	t.Logf("%d cases", cases)
}

func ref(i int, incarnation string) registry.NodeRef {
	return registry.NodeRef{NodeID: fmt.Sprintf("n%d", i), Incarnation: incarnation}
}

func checkDecision(t *testing.T, d registry.Durability, code int) {
	t.Helper()
	// A node that was never a voter always answers: it must never count.
	as := []Answer{{Node: ref(9, "1"), Health: peerpb.Health_HEALTH_HEALTHY, PrimaryState: peerpb.PrimaryState_PRIMARY_STATE_REPLICA}}
	var left uint
	busy := registry.NodeRef{}
	for i, c := 0, code; i < len(d.Voters); i, c = i+1, c/kinds {
		a := Answer{Node: d.Voters[i], Health: peerpb.Health_HEALTH_HEALTHY, PrimaryState: peerpb.PrimaryState_PRIMARY_STATE_REPLICA}
		switch c % kinds {
		case silent:
			continue
		case answersIll:
			a.Health = peerpb.Health_HEALTH_LOADING
		case answersNew:
			a.Node.Incarnation = "2"
		case answersBusy:
			a.PrimaryState = peerpb.PrimaryState_PRIMARY_STATE_DRAINING
			if busy.IsZero() {
				busy = a.Node
			}
		}
		if c%kinds != answersNew {
			left |= 1 << i
		}
		as = append(as, a)
	}
	got := Decide(d, as)
	want := Needed
	switch {
	case !busy.IsZero():
		want = PrimaryAnswers
	case left != 0 && !someCommitLost(d, left):
		want = EnoughAnswer
	}
	if got.Verdict != want || got.Primary != busy {
		t.Fatalf("%+v, left %b: %+v, expected verdict %d", d, left, got, want)
	}
	if len(got.Answering) != bits.OnesCount(left) || len(got.Answering)+len(got.Missing) != len(d.Voters) {
		t.Fatalf("%+v, left %b: %+v", d, left, got)
	}
	for _, a := range got.Answering {
		if left&(1<<(a.NodeID[1]-'0')) == 0 || a.Incarnation != "1" {
			t.Fatalf("%s kept, left %b", a, left)
		}
	}
	// Without the mode, none of it matters.
	d.Mode = registry.ModeObjectStorage
	if got := Decide(d, as); got.Verdict != Unneeded || got.Promises != 0 {
		t.Fatalf("object-storage: %+v", got)
	}
}

// someCommitLost reports whether a set of voters that suffices for a commit has
// none left.
func someCommitLost(d registry.Durability, left uint) bool {
	n := len(d.Voters)
	r := d.Quorum
	if r == registry.QuorumMajority {
		r = n / 2
	}
	for set := uint(0); set < 1<<n; set++ {
		if bits.OnesCount(set) == r+1 && set&left == 0 {
			return true
		}
	}
	return false
}

// The best tail is that of an election: the epoch first.
func TestBestTail(t *testing.T) {
	at := func(i int, epoch record.Epoch, rev record.Revision) Answer {
		return Answer{Node: ref(i, "1"), Tail: record.Pos{Epoch: epoch, Revision: rev}, PrimaryState: peerpb.PrimaryState_PRIMARY_STATE_REPLICA}
	}
	d := registry.Durability{Mode: registry.ModeQuorum, Quorum: -1, Voters: []registry.NodeRef{ref(1, "1"), ref(2, "1"), ref(3, "1")}}
	if got := Decide(d, []Answer{at(5, 2, 90), at(1, 3, 10), at(6, 3, 12), at(7, 1, 99)}); got.Best != ref(6, "1") || got.BestTail.Revision != 12 {
		t.Errorf("%+v", got)
	}
	if got := Decide(d, []Answer{at(1, 0, 0)}); got.Best != ref(1, "1") || got.Promises != 2 || len(got.Missing) != 2 {
		t.Errorf("%+v", got)
	}
	if got := Decide(d, nil); !got.Best.IsZero() || got.Verdict != Needed {
		t.Errorf("%+v", got)
	}
	f := Findings{End: LogEnd{Last: record.Pos{Epoch: 3, Revision: 20}}}
	for _, tail := range []record.Pos{{Epoch: 3, Revision: 19}, {Epoch: 2, Revision: 50}, {}} {
		if f.Decision.BestTail = tail; f.Held() != f.End.Last {
			t.Errorf("%s is beyond the log's %s", tail, f.End.Last)
		}
	}
	if f.Decision.BestTail = (record.Pos{Epoch: 3, Revision: 21}); f.Held().Revision != 21 {
		t.Error("the survivor's tail doesn't count")
	}
}

// Heirs are who is healthy and a voter, or holds the most.
func TestHeirs(t *testing.T) {
	d := registry.Durability{Mode: registry.ModeQuorum, Quorum: -1, Voters: []registry.NodeRef{ref(1, "1"), ref(2, "1"), ref(3, "1"), ref(4, "1"), ref(5, "1")}}
	answer := func(n int, incarnation string, rev record.Revision, h peerpb.Health) Answer {
		return Answer{Node: ref(n, incarnation), Health: h, PrimaryState: peerpb.PrimaryState_PRIMARY_STATE_REPLICA, Tail: record.Pos{Epoch: 1, Revision: rev}}
	}
	const healthy, ill = peerpb.Health_HEALTH_HEALTHY, peerpb.Health_HEALTH_DEGRADED
	for _, c := range []struct {
		name    string
		answers []Answer
		want    []registry.NodeRef
	}{
		{"nobody", nil, nil},
		{"voters", []Answer{answer(1, "1", 5, healthy), answer(2, "1", 7, healthy)}, []registry.NodeRef{ref(1, "1"), ref(2, "1")}},
		{"an ill voter", []Answer{answer(1, "1", 5, healthy), answer(2, "1", 7, ill)}, []registry.NodeRef{ref(1, "1")}},
		{"no voter, but most", []Answer{answer(1, "1", 5, healthy), answer(9, "1", 7, healthy)}, []registry.NodeRef{ref(1, "1"), ref(9, "1")}},
		{"no voter, and less", []Answer{answer(1, "1", 5, healthy), answer(2, "new", 3, healthy)}, []registry.NodeRef{ref(1, "1")}},
	} {
		if got := Decide(d, c.answers).Heirs; !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
