package primary

import (
	"testing"

	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/netsy-io/netsy/pkg/mvcc"
	"github.com/netsy-io/netsy/pkg/record"
)

// TestBatchIsFull by what its records have, by what they replaced, or by their number. Only the records are
// what the object log will have to take.
func TestBatchIsFull(t *testing.T) {
	large := make([]byte, maxBatchBytes/4)
	tombstone := func() *mvcc.Change {
		return &mvcc.Change{Event: &mvccpb.Event{Type: mvccpb.DELETE, PrevKv: &mvccpb.KeyValue{Value: large}}}
	}
	for name, tc := range map[string]struct {
		change func() *mvcc.Change
		most   int
	}{
		"large values":          {func() *mvcc.Change { return &mvcc.Change{Record: record.Record{Value: large}} }, 4},
		"large values deleted":  {tombstone, 4},
		"many without a change": {func() *mvcc.Change { return nil }, maxBatchProposals},
	} {
		b := &batch{}
		for !b.full() {
			b.add(&proposal{}, outcome{}, tc.change())
		}
		if got := len(b.proposals); got > tc.most || got < tc.most-1 {
			t.Errorf("%s: full after %d", name, got)
		}
		if name == "large values deleted" && b.bytes > 1000 {
			t.Errorf("%s: %d bytes to store", name, b.bytes)
		}
	}
}
