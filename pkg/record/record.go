// Package record defines the unit of Netsy's history, the Record, and the typed
// numbers that place it: Revision, Epoch and Pos. It is the lowest package: it
// imports nothing of Netsy and does no I/O.
package record

import (
	"fmt"
	"strconv"
	"time"
)

// Revision numbers a change of the store, as etcd's revisions do. Revision 1 is
// the first epoch start of a new cluster; each client write adds exactly one.
type Revision int64

// Key returns the fixed-width form used in object keys, so that the order of the
// bucket's listing is the order of the numbers.
func (r Revision) Key() string { return fmt.Sprintf("%019d", int64(r)) }

// ParseRevisionKey is the inverse of Revision.Key.
func ParseRevisionKey(s string) (Revision, error) {
	if len(s) != 19 {
		return 0, fmt.Errorf("record: revision key %q is not 19 digits", s)
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || s[0] == '+' || s[0] == '-' {
		return 0, fmt.Errorf("record: revision key %q is not a number", s)
	}
	return Revision(n), nil
}

// Epoch numbers the reigns of Primaries. Each reign has its own; it only grows.
type Epoch int64

// Pos identifies a record, and with it everything before it: two copies of the
// history that hold the same Pos are equal up to there.
type Pos struct {
	Epoch    Epoch
	Revision Revision
}

// Less orders positions as elections do: by epoch, then by revision.
func (p Pos) Less(q Pos) bool {
	if p.Epoch != q.Epoch {
		return p.Epoch < q.Epoch
	}
	return p.Revision < q.Revision
}

func (p Pos) String() string { return fmt.Sprintf("%d@%d", p.Revision, p.Epoch) }

// Record is one change of one key. Records are immutable once made: they are
// shared by the store, the object log and the watches without copying.
type Record struct {
	Revision Revision
	Sub      int32 // order within one revision, from 0
	Epoch    Epoch // the reign in which the revision was assigned

	Key   []byte
	Value []byte

	Created bool // the key did not exist before
	Deleted bool // a tombstone: Value, Version and Lease are empty

	CreateRevision Revision // of the key's present (or, for a tombstone, ended) life
	PrevRevision   Revision // of the key's record before this one; 0 if Created
	Version        int64    // 1 when created, +1 with each put; 0 for a tombstone
	Lease          int64    // 0 = none

	DEK int64 // id of the key that encrypted Value; 0 = not encrypted

	CreatedAt    time.Time // by the Primary's clock, for people and retention only
	CompactedAt  time.Time // zero = not compacted
	ReplicatedAt time.Time // zero = not replicated yet
	LeaderID     string    // node id of the Primary that assigned the revision
}

// Pos returns the record's position.
func (r *Record) Pos() Pos { return Pos{Epoch: r.Epoch, Revision: r.Revision} }

// Size is what the record counts for in thresholds: the bytes of key and value.
func (r *Record) Size() int { return len(r.Key) + len(r.Value) }
