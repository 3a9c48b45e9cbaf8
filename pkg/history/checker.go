package history

import (
	"fmt"
	"hash/maphash"
	"time"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/record"
)

// State is what is known of a key that exists.
type State struct {
	Revision, Create record.Revision
	Sub              int32
	Version          int64
	Hash             uint64 // of the whole record, see Sum
}

// seed is the process's own: sums are compared, never stored.
var seed = maphash.MakeSeed()

// Sum is a sum over a record as history has it: without what is noted later about its
// copies. buf is scratch space, returned for the next call.
func Sum(r *record.Record, buf []byte) (sum uint64, scratch []byte) {
	c := *r
	c.CompactedAt, c.ReplicatedAt = time.Time{}, time.Time{}
	buf = datafile.AppendRecord(buf[:0], &c)
	return maphash.Bytes(seed, buf), buf
}

// Checker follows a history record by record and holds the state that it leads to:
// memory for each key that exists. It is not safe for concurrent use. A record that
// doesn't fit is reported once and then taken as it is.
type Checker struct {
	purged record.Revision
	loose  bool // nothing is known of what was left out: records are taken as they are
	keys   map[string]State
	last   record.Pos
	sub    int32
	buf    []byte
}

// NewChecker makes a Checker of a history that is reduced to its state at or below purged.
func NewChecker(purged record.Revision) *Checker {
	return &Checker{purged: purged, keys: map[string]State{}}
}

// newLooseChecker makes one for the snapshots of other writers, which don't say up to where
// they are reduced.
func newLooseChecker() *Checker { return &Checker{loose: true, keys: map[string]State{}} }

// NewSource makes a Checker for a snapshot's records and what comes after them. first is
// its first record, purged its header's.
func NewSource(purged record.Revision, first *record.Record) *Checker {
	if silent(purged, first) {
		return newLooseChecker()
	}
	return NewChecker(purged)
}

// silent says whether a snapshot is one of those that are reduced and don't say so: Netsy's
// own know epochs.
func silent(purged record.Revision, first *record.Record) bool {
	return purged == 0 && first != nil && first.Revision > 1 && first.Epoch == 0
}

// Loose says whether what was left out isn't known.
func (c *Checker) Loose() bool { return c.loose }

// Strict says that what follows comes from chunks: nothing is left out from now on.
func (c *Checker) Strict() {
	if c.loose {
		c.loose, c.purged = false, c.last.Revision
	}
}

// Last is the position of the last record; zero before the first.
func (c *Checker) Last() record.Pos { return c.last }

// Keys is the number of keys that exist.
func (c *Checker) Keys() int { return len(c.keys) }

// Of is the state of a key; false if it doesn't exist.
func (c *Checker) Of(key []byte) (State, bool) {
	s, ok := c.keys[string(key)]
	return s, ok
}

// RecordError says that a record doesn't fit the history before it.
type RecordError struct {
	Key []byte
	At  record.Pos
	Sub int32
	Err error // never nil
}

func (e *RecordError) Error() string {
	return fmt.Sprintf("revision %d (epoch %d) of key %q: %v", e.At.Revision, e.At.Epoch, clip(e.Key), e.Err)
}

func (e *RecordError) Unwrap() error { return e.Err }

// clip keeps messages short: keys may be long.
func clip(key []byte) []byte { return key[:min(len(key), 128)] }

// Add takes the next record. The error, if any, is a *RecordError.
func (c *Checker) Add(r *record.Record) error {
	was, existed := c.keys[string(r.Key)]
	var err error
	switch {
	case c.loose:
	case r.Revision <= c.purged:
		err = c.reduced(r, existed)
	default:
		err = c.follows(r, was, existed)
	}
	c.take(r)
	if err != nil {
		return &RecordError{Key: r.Key, At: r.Pos(), Sub: r.Sub, Err: err}
	}
	return nil
}

// take makes the record its key's newest.
func (c *Checker) take(r *record.Record) {
	c.last, c.sub = r.Pos(), r.Sub
	if r.Deleted {
		delete(c.keys, string(r.Key))
		return
	}
	s := State{Revision: r.Revision, Create: r.CreateRevision, Sub: r.Sub, Version: r.Version}
	s.Hash, c.buf = Sum(r, c.buf)
	c.keys[string(r.Key)] = s
}

// reduced checks a record at or below the purged revision: alone of its key, and alive.
// What was before it is gone, so that only its own numbers can be held against each other.
func (c *Checker) reduced(r *record.Record, existed bool) error {
	switch {
	case r.Deleted:
		return fmt.Errorf("a tombstone, though history up to revision %d is reduced to the state", c.purged)
	case existed:
		return fmt.Errorf("a second record of the key, though history up to revision %d is reduced to the state", c.purged)
	}
	return own(r)
}

// own holds a put's numbers against each other.
func own(r *record.Record) error {
	switch {
	case r.Version < 1:
		return fmt.Errorf("its version is %d", r.Version)
	case r.CreateRevision < 1 || r.CreateRevision > r.Revision:
		return fmt.Errorf("its create_revision is %d", r.CreateRevision)
	case (r.Version == 1) != (r.CreateRevision == r.Revision):
		return fmt.Errorf("its version is %d and its create_revision %d", r.Version, r.CreateRevision)
	case r.PrevRevision > r.Revision:
		return fmt.Errorf("its prev_revision is %d", r.PrevRevision)
	}
	return nil
}

// follows checks a record whose key's whole past is known.
func (c *Checker) follows(r *record.Record, was State, existed bool) error {
	switch {
	case r.Deleted && !existed:
		return fmt.Errorf("it deletes a key that doesn't exist")
	case r.Deleted && (r.Created || r.Version != 0):
		return fmt.Errorf("a tombstone with version %d, created %v", r.Version, r.Created)
	case r.Created != !existed && !r.Deleted:
		return fmt.Errorf("it says created %v, but the key's last record is %s", r.Created, was.orNone(existed))
	case existed && r.PrevRevision != was.Revision:
		return fmt.Errorf("its prev_revision is %d, but the key's last record is %s", r.PrevRevision, was.orNone(existed))
	case existed && r.CreateRevision != was.Create:
		return fmt.Errorf("its create_revision is %d, but the key was created at %d", r.CreateRevision, was.Create)
	case !existed && (r.CreateRevision != r.Revision || r.PrevRevision != 0):
		return fmt.Errorf("it creates the key, but its create_revision is %d, prev_revision %d", r.CreateRevision, r.PrevRevision)
	case !r.Deleted && r.Version != was.Version+1:
		return fmt.Errorf("its version is %d, but follows %d", r.Version, was.Version)
	}
	return nil
}

func (s State) orNone(existed bool) string {
	if !existed {
		return "none"
	}
	return fmt.Sprintf("at revision %d", s.Revision)
}
