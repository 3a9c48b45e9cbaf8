package primary

import (
	"testing"

	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// Receipts acknowledge only between a swap to quorum that is known to have succeeded
// and the sending of one to object-storage; what is committed never goes back; and
// quorum mode is not left while something acknowledged is missing in the log.
func TestLedgerExhaustively(t *testing.T) {
	rule := registry.Durability{Mode: registry.ModeQuorum, Quorum: -1, Voters: refs(3)}
	type step struct {
		name string
		do   func(*ledger)
	}
	steps := []step{
		{"store", func(l *ledger) { l.stored = min(l.stored+1, l.assigned) }},
		{"log", func(l *ledger) { l.logged = min(l.logged+1, l.assigned) }},
		{"receipt", func(l *ledger) { l.receipts[ref(1)] = min(l.receipts[ref(1)]+1, l.assigned) }},
		{"count", func(l *ledger) { l.countReceipts(rule) }},
		{"leave", func(l *ledger) {
			if l.mayLeaveQuorum() {
				l.ignoreReceipts()
			}
		}},
	}
	var walk func(l ledger, depth int, path string)
	walk = func(l ledger, depth int, path string) {
		before := l.acknowledged
		got := l.commit()
		byLog := min(l.logged, l.stored)
		byReceipts := min(l.receipts[ref(1)], l.stored)
		want := max(before, byLog)
		if l.rule != nil {
			want = max(want, byReceipts)
		}
		if got != want {
			t.Fatalf("after%s: committed %d, want %d (%+v)", path, got, want, l)
		}
		if l.rule == nil && got > l.logged {
			t.Fatalf("after%s: receipts don't count, yet %d is acknowledged and %d logged", path, got, l.logged)
		}
		if depth == 0 {
			return
		}
		for _, s := range steps {
			next := l
			next.receipts = map[registry.NodeRef]record.Revision{ref(1): l.receipts[ref(1)]}
			s.do(&next)
			walk(next, depth-1, path+" "+s.name)
		}
	}
	walk(ledger{self: ref(0), assigned: 2, receipts: map[registry.NodeRef]record.Revision{}}, 7, "")
}
