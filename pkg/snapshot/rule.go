package snapshot

import (
	"github.com/netsy-io/netsy/pkg/record"
)

// The rule of what a snapshot holds. It is pure.
//
// A snapshot that is reduced up to P holds the state at P, which is each living key's
// newest record at or below P, and above P every record. A merge goes through the records
// in order and can tell what stays of those at or below P only when it meets the first one
// above it. Which revision P is may also show only then: it is below the last revision.

// purgedBy is the revision up to which a snapshot that ends at last is reduced: everything
// before the compaction revision, which stays readable itself, and never less than the base
// was. The last revision's records are always there, so that their epoch is.
func purgedBy(base, compaction, last record.Revision) record.Revision {
	return max(base, min(compaction-1, last-1), 0)
}

// place is where in the history a record is.
type place struct {
	rev record.Revision
	sub int32
}

func placeOf(r *record.Record) place { return place{r.Revision, r.Sub} }

// isState says whether a record at or below P belongs to the state at P, given where the
// newest record of its key at or below P is.
func isState(r *record.Record, newest place) bool { return !r.Deleted && placeOf(r) == newest }

// reducer applies the rule to a history given in order.
type reducer struct {
	purged record.Revision            // P, once settled
	bound  record.Revision            // P if the history goes on above it
	base   record.Revision            // what the base was reduced to: P is at least that
	keys   *keys                      // of the records spooled or emitted so far
	spool  spool                      // those at or below P, until they can be judged
	emit   func(*record.Record) error // takes what stays, in order
	held   []record.Record            // of one revision: at or below P only if another follows
	done   bool                       // P is settled: everything else stays
}

// spool keeps records for a second look.
type spool interface {
	add(*record.Record) error
	each(func(*record.Record) error) error // in order; the records last for the call only
}

// newReducer begins with a base reduced to base (0: none, or whole) and a limit: records
// above it are certainly not wanted, 0: there is no limit.
func newReducer(base, compaction, limit record.Revision, s spool, emit func(*record.Record) error) *reducer {
	r := &reducer{base: base, keys: newKeys(base), spool: s, emit: emit}
	r.bound = max(compaction-1, 0)
	if limit > 0 {
		r.bound = purgedBy(base, compaction, limit)
	}
	if r.bound <= base { // nothing more is reduced: what the base holds stays
		r.purged, r.done = base, true
	}
	return r
}

// add takes the next record, which it may keep.
func (r *reducer) add(rec *record.Record) error {
	switch {
	case r.done:
		return r.pass(rec)
	case rec.Revision > r.bound:
		if err := r.release(); err != nil {
			return err
		}
		if err := r.settle(r.bound); err != nil {
			return err
		}
		return r.pass(rec)
	case len(r.held) > 0 && r.held[0].Revision != rec.Revision:
		if err := r.release(); err != nil {
			return err
		}
	}
	r.held = append(r.held, *rec)
	return nil
}

// end is called after the last record. It returns P.
func (r *reducer) end() (record.Revision, error) {
	if r.done {
		return r.purged, nil
	}
	var last record.Revision
	if len(r.held) > 0 {
		last = r.held[0].Revision
	}
	if err := r.settle(purgedBy(r.base, r.bound+1, last)); err != nil {
		return 0, err
	}
	for i := range r.held {
		if err := r.pass(&r.held[i]); err != nil {
			return 0, err
		}
	}
	return r.purged, nil
}

// release spools what was held: something follows it.
func (r *reducer) release() error {
	for i := range r.held {
		if err := r.keys.follow(&r.held[i]); err != nil {
			return err
		}
		if err := r.spool.add(&r.held[i]); err != nil {
			return err
		}
	}
	r.held = r.held[:0]
	return nil
}

// settle emits the state at purged: all that was spooled is at or below it.
func (r *reducer) settle(purged record.Revision) error {
	r.purged, r.done = purged, true
	return r.spool.each(func(rec *record.Record) error {
		if !isState(rec, r.keys.newest(rec.Key)) {
			return nil
		}
		return r.emit(rec)
	})
}

func (r *reducer) pass(rec *record.Record) error {
	if err := r.keys.follow(rec); err != nil {
		return err
	}
	return r.emit(rec)
}
