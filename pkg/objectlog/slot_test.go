package objectlog

import (
	"testing"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/record"
)

// TestJudgeSlotExhaustively: ours is what agrees in all three, whatever else it is.
func TestJudgeSlotExhaustively(t *testing.T) {
	ids, leaders := []datafile.ChunkID{"", "x", "y"}, []string{"a", "b"}
	counts := map[verdict]int{}
	each := func(fn func(datafile.Header)) {
		for e := range record.Epoch(3) {
			for _, leader := range leaders {
				for _, id := range ids {
					for n := range int64(3) {
						fn(datafile.Header{Kind: datafile.Chunk, Epoch: e, LeaderID: leader, ChunkID: id, RecordsCount: n})
					}
				}
			}
		}
	}
	each(func(found datafile.Header) {
		each(func(sent datafile.Header) {
			want := lost
			if found.Epoch == sent.Epoch && found.LeaderID == sent.LeaderID && found.ChunkID == sent.ChunkID {
				if want = won; found.RecordsCount == 0 {
					want = freed
				}
			}
			got := judgeSlot(&found, &sent)
			counts[got]++
			if got != want {
				t.Fatalf("found %+v, sent %+v: %d, want %d", found, sent, got, want)
			}
		})
	})
	if counts[won] == 0 || counts[freed] == 0 || counts[lost] == 0 {
		t.Errorf("a verdict never came up: %v", counts)
	}
}
