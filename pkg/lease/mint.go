package lease

import (
	"errors"
	"time"
)

// ErrNoIDs means that a Minter has made all ids that there are before its start: 22
// million a day since 2024.
var ErrNoIDs = errors.New("lease: no ids are left")

// Minter makes ids for leases that were granted elsewhere and are taken over, all before
// the first Primary. It counts down from now, so that none meets an id granted later. It
// isn't safe for concurrent use.
type Minter struct{ next int64 }

// NewMinter makes a Minter whose first id says that it was granted at now.
func NewMinter(now time.Time) *Minter {
	return &Minter{next: secondAt(now)<<sequenceBits | (1<<sequenceBits - 1)}
}

// Mint makes an id with a TTL of at least ttl seconds, and at least MinTTL; above MaxTTL
// it is ErrLeaseTTLTooLarge.
func (m *Minter) Mint(ttl int64) (int64, error) {
	if ttl > MaxTTL {
		return 0, ErrLeaseTTLTooLarge
	}
	if m.next>>sequenceBits == 0 {
		return 0, ErrNoIDs
	}
	id := makeID(m.next>>sequenceBits, max(ttl, MinTTL), uint8(m.next))
	m.next--
	return int64(id), nil
}
