// Package lease gives keys a time to live. A lease's id says everything about it,
// so leases need no store of their own; the Primary deletes the keys of a lease
// that has run out. See DESIGN.md.
package lease

import (
	"errors"
	"fmt"
	"time"
)

var (
	// ErrLeaseNotFound means that the id is none that this package makes, or that
	// its lease has run out. Both are final.
	ErrLeaseNotFound = errors.New("lease: not found")

	// ErrLeaseTTLTooLarge means that the TTL asked for is above MaxTTL.
	ErrLeaseTTLTooLarge = errors.New("lease: TTL is too large")
)

// Limits of a TTL, in seconds. A shorter one is raised to MinTTL, etcd's minimum
// with its default election timeout.
const (
	MinTTL int64 = 2
	MaxTTL int64 = 1<<ttlBits - 1 // 194 days
)

// An id is a positive int64: 31 bits of seconds since the start of 2024 (UTC), 24
// bits of TTL in seconds, 8 bits that tell apart what was granted in one second.
// The time is there to make ids unique and for people to read: nothing is ever
// decided by it, since it comes from some other machine's clock.
const (
	sequenceBits = 8
	ttlBits      = 24
	secondBits   = 31

	maxSecond = 1<<secondBits - 1
)

var idEpoch = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

// ID identifies a lease and carries its terms.
type ID int64

// makeID makes the id of a lease granted at second (since idEpoch, above 0).
func makeID(second, ttl int64, sequence uint8) ID {
	return ID(second<<(ttlBits+sequenceBits) | ttl<<sequenceBits | int64(sequence))
}

// Parse checks that id may come from this package. The error is ErrLeaseNotFound:
// no other lease exists.
func Parse(id int64) (ID, error) {
	l := ID(id)
	switch {
	case id <= 0:
		return 0, fmt.Errorf("%w: id %d is not positive", ErrLeaseNotFound, id)
	case l.second() == 0:
		return 0, fmt.Errorf("%w: id %d has no grant time", ErrLeaseNotFound, id)
	case l.seconds() < MinTTL:
		return 0, fmt.Errorf("%w: id %d has a TTL of %d s, below %d s", ErrLeaseNotFound, id, l.seconds(), MinTTL)
	}
	return l, nil
}

// TTL returns the lease's time to live.
func (l ID) TTL() time.Duration { return time.Duration(l.seconds()) * time.Second }

// GrantedAt returns when the lease was granted, by the clock of the Primary that
// granted it, to the second. It is for people; see the top of this file.
func (l ID) GrantedAt() time.Time { return idEpoch.Add(time.Duration(l.second()) * time.Second) }

func (l ID) String() string { return fmt.Sprintf("%016x", int64(l)) }

func (l ID) second() int64  { return int64(l) >> (ttlBits + sequenceBits) }
func (l ID) seconds() int64 { return int64(l) >> sequenceBits & MaxTTL }

// secondAt returns now as an id writes it, within what an id can hold: a clock
// that is off costs readability, not correctness.
func secondAt(now time.Time) int64 {
	return min(max(now.Unix()-idEpoch.Unix(), 1), maxSecond)
}
