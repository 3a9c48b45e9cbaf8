package objectlog

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/netsy-io/netsy/pkg/record"
)

// TestCutter: nothing is lost or moved, no revision is split, no run is empty, and a run
// passes the threshold only by its last revision.
func TestCutter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var recs []record.Record
		rev := record.Revision(1)
		for range rapid.IntRange(0, 30).Draw(t, "revisions") {
			for sub := range rapid.Int32Range(1, 3).Draw(t, "records") {
				recs = append(recs, record.Record{Revision: rev, Sub: sub, Key: make([]byte, rapid.IntRange(0, 12).Draw(t, "size"))})
			}
			rev++
		}
		threshold := rapid.IntRange(1, 40).Draw(t, "threshold")
		i := 0
		c := NewCutter(threshold, func(part []record.Record) error {
			size, before := 0, 0
			for j := range part {
				if part[j].Revision != recs[i].Revision || part[j].Sub != recs[i].Sub {
					t.Fatalf("record %d is %d/%d", i, part[j].Revision, part[j].Sub)
				}
				if part[j].Revision != part[len(part)-1].Revision {
					before += part[j].Size()
				}
				size += part[j].Size()
				i++
			}
			switch {
			case len(part) == 0:
				t.Fatal("an empty run")
			case i < len(recs) && recs[i].Revision == recs[i-1].Revision:
				t.Fatalf("revision %d is split", recs[i].Revision)
			case i < len(recs) && size < threshold:
				t.Fatalf("cut at %d bytes", size)
			case before >= threshold:
				t.Fatalf("%d bytes before the last revision", before)
			}
			return nil
		})
		for _, r := range recs {
			if err := c.Add(r); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if i != len(recs) {
			t.Fatalf("%d records of %d", i, len(recs))
		}
	})
}
