package primary

import (
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// ledger knows how far each copy of the history has come and what that commits. It
// is the whole of the decision to acknowledge: plain values, no clock, no I/O. The
// committer's goroutine owns it.
type ledger struct {
	self     registry.NodeRef
	assigned record.Revision // given out by the sequencer
	stored   record.Revision // durable here
	logged   record.Revision // in the object log
	receipts map[registry.NodeRef]record.Revision

	// rule is the one that cluster.json is known to have, with mode quorum, and under
	// which receipts acknowledge; nil while they acknowledge nothing and prove
	// nothing. See countReceipts and ignoreReceipts.
	rule *registry.Durability

	acknowledged record.Revision // the newest revision that was committed
}

// countReceipts: a compare-and-swap to mode quorum with this rule is known to have succeeded.
func (l *ledger) countReceipts(d registry.Durability) { l.rule = &d }

// ignoreReceipts: a compare-and-swap to mode object-storage is about to be sent. What
// becomes of it is not known from then on, whatever is read back.
func (l *ledger) ignoreReceipts() { l.rule = nil }

// mayLeaveQuorum says whether mode object-storage may be recorded: everything that
// receipts acknowledged is in the object log.
func (l *ledger) mayLeaveQuorum() bool { return l.acknowledged <= l.logged }

// commit returns the newest revision that is committed, and remembers it. The
// Primary's own copy is always waited for: reads of history need it.
func (l *ledger) commit() record.Revision {
	c := l.logged
	if l.rule != nil {
		c = max(c, committedByReceipts(*l.rule, l.self, l.stored, l.receipts))
	}
	l.acknowledged = max(l.acknowledged, min(c, l.stored))
	return l.acknowledged
}
