package mvcc

import "github.com/netsy-io/netsy/pkg/record"

// loadOrder is the rule for the records of a load: ascending by revision and sub, epochs
// never back, one epoch to a revision. Gaps are allowed, and remembered: whole is where
// the last run without one begins, because from the purged revision on there may be none.
// Epoch 0 is allowed: other writers' records have none.
type loadOrder struct {
	begun bool
	pos   record.Pos // of the last record
	sub   int32
	whole record.Revision
}

// add takes the next record, or leaves all as it was and returns an *OrderError.
func (o *loadOrder) add(r *record.Record) error {
	if why := o.refuses(r); why != "" {
		return &OrderError{After: o.pos, Got: r.Pos(), Sub: r.Sub, Why: why}
	}
	switch {
	case o.begun && r.Revision == o.pos.Revision:
		if r.Sub != o.sub+1 {
			o.whole = r.Revision + 1 // this one lacks some
		}
	case r.Sub != 0:
		o.whole = r.Revision + 1
	case !o.begun || r.Revision != o.pos.Revision+1:
		o.whole = r.Revision
	}
	o.begun, o.pos, o.sub = true, r.Pos(), r.Sub
	return nil
}

// refuses says why r can't be the next record, or nothing.
func (o *loadOrder) refuses(r *record.Record) string {
	switch {
	case r.Epoch < 0 || r.Epoch < o.pos.Epoch:
		return "its epoch is lower"
	case !o.begun:
		return ""
	case r.Revision < o.pos.Revision:
		return "revisions go up"
	case r.Revision > o.pos.Revision:
		return ""
	case r.Epoch != o.pos.Epoch:
		return "a revision has one epoch"
	case r.Sub <= o.sub:
		return "subs of a revision go up"
	}
	return ""
}

// end judges the whole: it ends with the record at last, and holds every revision
// above purged.
func (o *loadOrder) end(last record.Pos, purged record.Revision) error {
	switch {
	case !o.begun:
		return &LoadError{Revision: last.Revision, Why: "no record was added"}
	case last != o.pos:
		return &OrderError{After: o.pos, Got: last, Why: "it was not the last one added"}
	case purged < 0 || purged >= last.Revision:
		return &LoadError{Revision: purged, Why: "the purged revision must be below the last one"}
	case o.whole > purged+1:
		return &LoadError{Revision: o.whole - 1, Why: "records are missing above the purged revision"}
	}
	return nil
}

// mayReplace: a load never takes away what readers have seen or compaction has relied on.
func mayReplace(d *durable, published, last record.Revision) error {
	return mayTruncate(d, published, last)
}

// loaded is the state that a load leaves: promises are as they were, whatever was
// raised meanwhile, and nothing that is purged in it can be read.
func loaded(d durable, last record.Pos, purged record.Revision) durable {
	d.tail, d.purged = last, purged
	if purged > 0 {
		d.compact = max(d.compact, purged+1)
	}
	d.logged = loggedPos{first: last.Revision, pos: last}
	return d
}
