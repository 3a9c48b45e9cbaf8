package history

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/netsy-io/netsy/pkg/record"
)

// Stream is the records of a snapshot: io.EOF comes only when the whole is sound.
type Stream interface {
	Next() (record.Record, error)
}

// most bounds how many differences between one snapshot and the history are told: more
// would say the same thing again.
const most = 10

// Comparer holds a snapshot, the target, against a history: the snapshot before it and
// the chunks between them. It reads the target as the history comes, so that memory
// holds each key's state twice and nothing else.
//
// Up to revision Q, to which at least one of both is reduced, their states must be equal,
// key by key; above it their records, one by one. If the history ends before the target
// does, since the chunks between are gone, what can be said without them is checked: of
// what the target has from before, nothing may be unknown.
type Comparer struct {
	source *Checker // holds the history so far; its owner adds to it
	target Stream
	own    *Checker // of the target
	ahead  *record.Record
	eof    bool
	end    record.Revision // of the target
	q      record.Revision
	states bool // the states at q have been compared
	over   bool // the records above q are known to differ: what follows is shifted

	faults []error
	more   int
}

// Target is a snapshot to be compared.
type Target struct {
	Records Stream
	Purged  record.Revision // the header's
	Last    record.Revision
}

// NewComparer begins. source holds nothing yet; it begins with a snapshot that goes up to
// base (0: none).
func NewComparer(source *Checker, base record.Revision, t Target) (*Comparer, error) {
	c := &Comparer{source: source, target: t.Records, end: t.Last}
	if err := c.look(); err != nil {
		return nil, err
	}
	purged := t.Purged
	c.own = NewChecker(purged)
	if silent(purged, c.ahead) {
		// Other writers don't say up to where they reduce: only the outcome counts.
		purged = t.Last
		c.own = newLooseChecker()
	}
	c.q = max(source.purged, purged)
	if source.loose {
		c.q = max(c.q, base)
	}
	return c, nil
}

// look reads the target's next record into ahead.
func (c *Comparer) look() error {
	rec, err := c.target.Next()
	switch {
	case err == io.EOF:
		c.ahead, c.eof = nil, true
		return nil
	case err != nil:
		return err
	}
	c.ahead = &rec
	return nil
}

// take passes the target's next record to fn and to the target's own Checker.
func (c *Comparer) take(fn func(*record.Record)) error {
	rec := c.ahead
	if err := c.own.Add(rec); err != nil {
		c.fault(err)
	}
	if fn != nil {
		fn(rec)
	}
	return c.look()
}

// Feed takes the history's next record, before its Checker does. An error is the target's,
// as its Next returned it.
func (c *Comparer) Feed(r *record.Record) error {
	if r.Revision <= c.q {
		return nil
	}
	if !c.states {
		if err := c.compareStates(); err != nil {
			return err
		}
	}
	switch t := c.ahead; {
	case c.over || r.Revision > c.end:
		return nil
	case t == nil || before(r, t):
		c.over = true
		c.fault(&DifferenceError{Kind: ErrLacks, Key: r.Key, Revision: r.Revision, Err: fmt.Errorf("the snapshot lacks %s", describe(r))})
		return nil
	case before(t, r):
		c.over = true
		c.fault(&DifferenceError{Kind: ErrExtra, Key: t.Key, Revision: t.Revision, Err: fmt.Errorf("the snapshot has %s, which the history lacks", describe(t))})
		return nil
	default:
		return c.take(func(t *record.Record) {
			if !same(r, t) {
				c.fault(&DifferenceError{Kind: ErrDiffers, Key: r.Key, Revision: r.Revision, Err: fmt.Errorf("the history has %s, the snapshot %s", describe(r), describe(t))})
			}
		})
	}
}

// compareStates reads the target up to q and compares what both say then.
func (c *Comparer) compareStates() error {
	c.states = true
	for c.ahead != nil && c.ahead.Revision <= c.q {
		if err := c.take(nil); err != nil {
			return err
		}
	}
	var found []*DifferenceError
	for k, s := range c.source.keys {
		if t, ok := c.own.keys[k]; !ok {
			found = append(found, &DifferenceError{Kind: ErrLacks, Key: []byte(k), Revision: s.Revision, Err: fmt.Errorf("the snapshot lacks the key, whose newest record is at revision %d", s.Revision)})
		} else if t != s {
			found = append(found, &DifferenceError{Kind: ErrDiffers, Key: []byte(k), Revision: t.Revision, Err: fmt.Errorf("the history has its record %s, the snapshot %s, or their contents differ", s, t)})
		}
	}
	for k, t := range c.own.keys {
		if _, ok := c.source.keys[k]; !ok {
			found = append(found, &DifferenceError{Kind: ErrExtra, Key: []byte(k), Revision: t.Revision, Err: fmt.Errorf("the snapshot has the key, %s, which doesn't exist in the history", t)})
		}
	}
	slices.SortFunc(found, func(a, b *DifferenceError) int { return slices.Compare(a.Key, b.Key) })
	for _, d := range found {
		c.fault(d)
	}
	return nil
}

// Finish ends the comparison where the history ends, and reads the target to its end. It
// returns what is wrong; complete says whether everything was compared.
func (c *Comparer) Finish() (faults []error, complete bool, err error) {
	at := c.source.last.Revision
	complete = at >= c.end
	switch {
	case !c.states && (complete || at >= c.q):
		err = c.compareStates()
	case !c.states:
		err = c.withoutChunks(at)
	}
	for err == nil && c.ahead != nil {
		if complete && !c.over && c.ahead.Revision > c.q {
			c.over = true
			c.fault(&DifferenceError{Kind: ErrExtra, Key: c.ahead.Key, Revision: c.ahead.Revision, Err: fmt.Errorf("the snapshot has %s, which the history lacks", describe(c.ahead))})
		}
		err = c.take(nil)
	}
	if c.more > 0 {
		c.faults = append(c.faults, fmt.Errorf("and %d more differences", c.more))
	}
	return c.faults, complete, err
}

// withoutChunks reads the target up to q, which is beyond at, where the history is known
// no further.
func (c *Comparer) withoutChunks(at record.Revision) error {
	c.states = true
	for c.ahead != nil && c.ahead.Revision <= c.q {
		if err := c.take(func(t *record.Record) { c.descends(t, at) }); err != nil {
			return err
		}
	}
	return nil
}

// descends checks that what a record says of the time up to at is what was so.
func (c *Comparer) descends(t *record.Record, at record.Revision) {
	s, existed := c.source.Of(t.Key)
	fault := func(kind error, format string, args ...any) {
		c.fault(&DifferenceError{Kind: kind, Key: t.Key, Revision: t.Revision, Err: fmt.Errorf(format, args...)})
	}
	switch {
	case t.CreateRevision > at:
	case !existed:
		fault(ErrExtra, "the snapshot has %s, but at revision %d the key didn't exist", describe(t), at)
	case t.CreateRevision != s.Create, t.Revision > at && t.Version <= s.Version:
		fault(ErrDiffers, "the snapshot has %s, but at revision %d the key was %s", describe(t), at, s)
	case t.Revision <= at:
		sum, _ := Sum(t, nil)
		if t.Revision != s.Revision || t.Sub != s.Sub || sum != s.Hash {
			fault(ErrDiffers, "the snapshot has %s, but at revision %d the key was %s, or their contents differ", describe(t), at, s)
		}
	}
}

func (c *Comparer) fault(err error) {
	if len(c.faults) < most {
		c.faults = append(c.faults, err)
	} else {
		c.more++
	}
}

// How a snapshot differs from the history.
var (
	ErrLacks   = errors.New("lacking")
	ErrExtra   = errors.New("too much")
	ErrDiffers = errors.New("different")
)

// DifferenceError says how a snapshot isn't what the history leads to.
type DifferenceError struct {
	Kind     error // one of the sentinels above
	Key      []byte
	Revision record.Revision
	Err      error // the particulars, never nil
}

func (e *DifferenceError) Error() string { return fmt.Sprintf("key %q: %v", clip(e.Key), e.Err) }

// Unwrap lets errors.Is and errors.As reach kind and cause.
func (e *DifferenceError) Unwrap() []error { return []error{e.Kind, e.Err} }

func (s State) String() string {
	return fmt.Sprintf("revision %d, created at %d, version %d", s.Revision, s.Create, s.Version)
}

func describe(r *record.Record) string {
	what := "a put"
	if r.Deleted {
		what = "a tombstone"
	}
	return fmt.Sprintf("%s at revision %d/%d of epoch %d (created at %d, version %d, %d bytes)", what, r.Revision, r.Sub, r.Epoch, r.CreateRevision, r.Version, len(r.Value))
}

func before(a, b *record.Record) bool {
	return a.Revision < b.Revision || a.Revision == b.Revision && a.Sub < b.Sub
}

func same(a, b *record.Record) bool {
	x, _ := Sum(a, nil)
	y, _ := Sum(b, nil)
	return x == y
}
