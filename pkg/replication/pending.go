package replication

import "github.com/netsy-io/netsy/pkg/record"

// pending is a contiguous run of records that are stored and not published yet, in
// memory up to a limit.
type pending struct {
	recs  []record.Record
	bytes int
	limit int
}

// add appends records; those that don't follow, or don't fit, begin a new run.
func (p *pending) add(recs []record.Record) {
	if n := len(p.recs); n > 0 && recs[0].Revision != p.recs[n-1].Revision+1 {
		p.forget()
	}
	for i := range recs {
		p.bytes += recs[i].Size() + recordOverhead
	}
	if p.bytes > p.limit {
		p.forget() // they are in the store
		return
	}
	p.recs = append(p.recs, recs...)
}

func (p *pending) forget() { p.recs, p.bytes = nil, 0 }

// take removes what is up to a revision, and returns the part of it after another one;
// false if that isn't all here.
func (p *pending) take(after, upTo record.Revision) ([]record.Record, bool) {
	p.drop(after)
	if len(p.recs) == 0 || p.recs[0].Revision != after+1 || p.recs[len(p.recs)-1].Revision < upTo {
		p.drop(upTo)
		return nil, false
	}
	recs := p.recs[:p.count(upTo)]
	p.drop(upTo)
	return recs, true
}

func (p *pending) drop(upTo record.Revision) {
	n := p.count(upTo)
	for i := range p.recs[:n] {
		p.bytes -= p.recs[i].Size() + recordOverhead
	}
	if p.recs = p.recs[n:]; len(p.recs) == 0 {
		p.forget()
	}
}

// count is the number of records up to a revision.
func (p *pending) count(upTo record.Revision) int {
	n := 0
	for n < len(p.recs) && p.recs[n].Revision <= upTo {
		n++
	}
	return n
}
