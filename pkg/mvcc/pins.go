package mvcc

import (
	"sync/atomic"

	"github.com/netsy-io/netsy/pkg/record"
)

// maxPins bounds the snapshots kept for paged lists: as many lists can be under way
// without their later pages costing more than the first. What a pin holds beyond
// the present state is what has changed since, and compaction drops it.
const maxPins = 16

// pins keeps the snapshots from which a list was cut short: the next page will be
// asked for at the same revision, and needn't come from SQLite. The oldest goes first.
// It takes no lock; a pin lost to a race costs time only.
type pins struct {
	slots [maxPins]atomic.Pointer[Snapshot]
	added atomic.Uint64
}

func (p *pins) add(sn *Snapshot) {
	if p.at(sn.rev) == nil {
		p.slots[p.added.Add(1)%maxPins].Store(sn)
	}
}

func (p *pins) at(rev record.Revision) *Snapshot {
	for i := range p.slots {
		if sn := p.slots[i].Load(); sn != nil && sn.rev == rev {
			return sn
		}
	}
	return nil
}

// dropBelow forgets what can't be read any more.
func (p *pins) dropBelow(rev record.Revision) {
	for i := range p.slots {
		if sn := p.slots[i].Load(); sn != nil && sn.rev < rev {
			p.slots[i].CompareAndSwap(sn, nil)
		}
	}
}
