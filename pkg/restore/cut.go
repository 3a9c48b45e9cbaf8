package restore

import (
	"errors"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/snapshot"
)

// cut takes the records of one way, in order, and writes those up to the target: whole
// revisions.
type cut struct {
	target Target
	way    *way
	draft  *snapshot.Draft

	held []record.Record // of the revision that may go on
	last *Point          // the last one written
	next *Point          // the first one beyond the target
}

func (c *cut) take(r *record.Record) error {
	if c.next != nil {
		return nil
	}
	if len(c.held) > 0 && c.held[0].Revision != r.Revision {
		if err := c.flush(); err != nil {
			return err
		}
	}
	if c.target.beyond(r) {
		c.next, c.held = pointOf(r), nil // all of its revision goes
		switch purged := c.way.base.purged; {
		case purged == 0 && c.last == nil:
			return noWay("it begins beyond %v (%v)", c.target, c.next)
		case r.Revision <= purged+1:
			return noWay("its history is reduced up to revision %d, and what is left of that is already beyond %v (%v)", purged, c.target, c.next)
		}
		return nil
	}
	c.held = append(c.held, *r)
	return nil
}

func (c *cut) flush() error {
	for i := range c.held {
		if err := c.draft.Write(&c.held[i]); errors.Is(err, datafile.ErrUsage) {
			return noWay("its records can't be made one snapshot: %w", err)
		} else if err != nil {
			return err
		}
		c.last = pointOf(&c.held[i])
	}
	c.held = nil
	return nil
}

// done says whether what was read suffices, if it is proven up to the revision proven.
func (c *cut) done(proven record.Revision) bool {
	return c.next != nil && proven >= c.needed()
}

// needed is the revision that must be proven: a time depends on the first record beyond
// it as well.
func (c *cut) needed() record.Revision {
	if c.target.Revision > 0 {
		return c.target.Revision
	}
	return c.next.Revision
}

// judge says whether the draft is the target, when all was read that there is.
func (c *cut) judge(w *way) error {
	if err := c.flush(); err != nil {
		return err
	}
	ended := w.broken != nil || w.run.Err() != nil // not by the end of the log
	last, proven := w.run.Last().Revision, w.run.Proven()
	switch {
	case c.last == nil:
		return noWay("nothing is at or before %v", c.target)
	case c.next != nil && proven < c.needed(),
		c.next == nil && c.target.Revision > 0 && last >= c.target.Revision && proven < c.target.Revision,
		c.next == nil && c.target.Revision > 0 && last < c.target.Revision && ended,
		c.next == nil && c.target.Revision == 0 && (ended || proven < last):
		return noWay("what it leads to is proven only up to revision %d: %w", proven, w.why())
	case last < c.target.Revision:
		return noWay("the log ends at revision %d", last)
	}
	return nil
}
