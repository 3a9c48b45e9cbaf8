package simulation

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/netsy-io/netsy/pkg/registry"
)

// clusterDoc is what the judge looks at in cluster.json.
type clusterDoc struct {
	Seq        int64               `json:"seq"`
	WriteID    string              `json:"write_id"`
	Office     int64               `json:"office"`
	Epoch      int64               `json:"epoch"`
	Primary    registry.NodeRef    `json:"primary"`
	Compaction int64               `json:"compaction_revision"`
	Durability registry.Durability `json:"durability"`
}

// reigns: cluster.json has one history, moves forward only, and names one Primary an
// epoch. Receipts may acknowledge (mode quorum) only where there are voters.
func reigns(cs []clusterDoc) (faults []string) {
	cs = slices.SortedFunc(slices.Values(cs), func(a, b clusterDoc) int { return cmp.Compare(a.Seq, b.Seq) })
	named := map[int64]registry.NodeRef{}
	for i, c := range cs {
		if i == 0 && c.Seq != 1 {
			faults = append(faults, fmt.Sprintf("cluster.json began with %+v", c))
		}
		if i > 0 {
			p := &cs[i-1]
			if c.Seq != p.Seq+1 || c.WriteID == p.WriteID || c.Office < p.Office || c.Epoch < p.Epoch || c.Epoch > p.Epoch+1 || c.Compaction < p.Compaction {
				faults = append(faults, fmt.Sprintf("cluster.json went from %+v to %+v", *p, c))
			}
		}
		if was, ok := named[c.Epoch]; ok && was != c.Primary {
			faults = append(faults, fmt.Sprintf("epoch %d had the Primaries %v and %v", c.Epoch, was, c.Primary))
		}
		if !c.Primary.IsZero() {
			named[c.Epoch] = c.Primary
		}
	}
	return faults
}

func TestReigns(t *testing.T) {
	n1, n2 := registry.NodeRef{NodeID: "n1", Incarnation: "i"}, registry.NodeRef{NodeID: "n2", Incarnation: "i"}
	sound := func() []clusterDoc {
		return []clusterDoc{
			{Seq: 1, WriteID: "a", Office: 1}, {Seq: 2, WriteID: "b", Office: 1, Epoch: 1}, {Seq: 3, WriteID: "c", Office: 1, Epoch: 1, Primary: n1},
			{Seq: 4, WriteID: "d", Office: 2, Epoch: 1, Primary: n1, Compaction: 4}, {Seq: 5, WriteID: "e", Office: 2, Epoch: 2, Compaction: 4},
			{Seq: 6, WriteID: "f", Office: 2, Epoch: 2, Primary: n2, Compaction: 4},
		}
	}
	shuffled := sound() // answers come in any order
	slices.Reverse(shuffled)
	if faults := reigns(shuffled); len(faults) > 0 {
		t.Fatalf("a sound history: %q", faults)
	}
	for name, c := range map[string]struct {
		spoil func(cs []clusterDoc)
		say   string
	}{
		"one more version of one seq":  {func(cs []clusterDoc) { cs[3].Seq = 3 }, "went from"},
		"an epoch goes back":           {func(cs []clusterDoc) { cs[5].Epoch = 1 }, "went from"},
		"an epoch is left out":         {func(cs []clusterDoc) { cs[4].Epoch, cs[5].Epoch = 3, 3 }, "went from"},
		"an office goes back":          {func(cs []clusterDoc) { cs[5].Office = 1 }, "went from"},
		"compaction goes back":         {func(cs []clusterDoc) { cs[5].Compaction = 3 }, "went from"},
		"written twice":                {func(cs []clusterDoc) { cs[5].WriteID = "e" }, "went from"},
		"another Primary in the epoch": {func(cs []clusterDoc) { cs[3].Primary = n2 }, "had the Primaries"},
		"a Primary is taken back":      {func(cs []clusterDoc) { cs[3].Primary = registry.NodeRef{} }, "had the Primaries"},
		"the beginning is missing":     {func(cs []clusterDoc) { cs[0].Seq = 0 }, "began with"},
	} {
		cs := sound()
		c.spoil(cs)
		if faults := reigns(cs); !slices.ContainsFunc(faults, func(s string) bool { return strings.Contains(s, c.say) }) {
			t.Errorf("%s: no fault says %q: %q", name, c.say, faults)
		}
	}
}
