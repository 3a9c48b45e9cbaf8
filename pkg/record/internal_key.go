package record

import (
	"bytes"
	"time"
)

// Internal records carry Netsy's own marks in the history. They use the reserved
// key or its prefix, never show in ranges, counts or watches, and no client can
// write them. The only one is the epoch start.
const (
	reservedKey    = "_netsy"
	reservedPrefix = "_netsy/"

	// EpochStartKey is the key of the record that begins a reign (it seals the
	// object log against every older Primary).
	EpochStartKey = "_netsy/epoch"
)

// IsReserved says whether a key belongs to Netsy itself.
func IsReserved(key []byte) bool {
	return string(key) == reservedKey || bytes.HasPrefix(key, []byte(reservedPrefix))
}

// Internal says whether the record is one of Netsy's own marks.
func (r *Record) Internal() bool { return IsReserved(r.Key) }

// EpochStart makes the record that begins epoch at revision rev. prev is the
// epoch-start record's last occurrence (zero values if there was none).
func EpochStart(rev Revision, epoch Epoch, leaderID string, prev KeyState, now time.Time) Record {
	r := Record{
		Revision: rev, Epoch: epoch, Key: []byte(EpochStartKey),
		CreateRevision: prev.CreateRevision, PrevRevision: prev.ModRevision, Version: prev.Version + 1,
		CreatedAt: now, LeaderID: leaderID,
	}
	if prev.Version == 0 {
		r.Created, r.CreateRevision, r.PrevRevision = true, rev, 0
	}
	return r
}

// KeyState is what a key's next record needs to know of its present one.
type KeyState struct {
	CreateRevision, ModRevision Revision
	Version                     int64
}
