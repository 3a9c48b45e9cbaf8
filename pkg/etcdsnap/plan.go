package etcdsnap

import "github.com/netsy-io/netsy/pkg/record"

// span finds out up to where the history has to be reduced to the state at it. It is pure:
// it is told the places of all entries, in order.
//
// Above the floor every revision has all its records: each revision is the one before plus
// one, and within it places count from 0. At and below it there is only the state. The
// floor is where etcd was compacted, unless something is missing above that: a revision
// that was skipped (as --bump-revision does) or a place within one. Then it is raised, for
// what is missing can't be told from what never was. Revision 1 of an etcd has no record.
type span struct {
	floor record.Revision
	last  record.Revision // the current revision of etcd
	sub   int64           // of the last place seen at last
	gaps  int64           // how often the floor was raised
}

func newSpan(compacted record.Revision) span {
	floor := max(compacted, 1)
	return span{floor: floor, last: floor, sub: -1}
}

func (s *span) add(p place, filler bool) {
	if p.revision <= s.floor {
		return
	}
	follows := p.revision == s.last && p.sub == s.sub+1 || p.revision == s.last+1 && p.sub == 0
	switch {
	case filler || !follows && p.sub != 0:
		s.raise(p.revision)
	case !follows:
		s.raise(p.revision - 1)
	}
	s.last, s.sub = p.revision, p.sub
}

func (s *span) raise(to record.Revision) {
	s.floor = to
	s.gaps++
}
