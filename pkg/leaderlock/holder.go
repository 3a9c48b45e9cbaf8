package leaderlock

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

// maxSize bounds what is read into memory; a lock object has about 300 bytes.
const maxSize = 16 << 10

// Holder says who leads, for people and for those who want to ask the leader.
type Holder struct {
	LeaderID string
	Address  string
}

// body is the lock object. Nothing in it is compared with a clock: updated_at is
// for people. write_id is random, so that no two versions have equal bytes and a
// writer recognises its own write.
type body struct {
	ClusterID string    `json:"cluster_id"`
	LeaderID  string    `json:"leader_id"` // empty: released
	Address   string    `json:"address"`
	UpdatedAt time.Time `json:"updated_at"`
	Session   string    `json:"session"` // random, one per competing Lock
	Seq       int64     `json:"seq"`
	WriteID   string    `json:"write_id"`
}

// seen is one version of the lock object.
type seen struct {
	body
	version objectstore.Version // empty: there is no object
}

// DamagedError: the lock object can't be understood. It is never overwritten.
type DamagedError struct {
	Key string
	Err error
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("leaderlock: %s: %v; delete the object if it is not Netsy's lock of this cluster", e.Key, e.Err)
}

func (e *DamagedError) Unwrap() error { return e.Err }

func parse(b []byte, v objectstore.Version, key, clusterID string) (seen, error) {
	s := seen{version: v}
	if err := json.Unmarshal(b, &s.body); err != nil {
		return seen{}, &DamagedError{Key: key, Err: err}
	}
	switch {
	case s.ClusterID != clusterID:
		return seen{}, &DamagedError{Key: key, Err: fmt.Errorf("belongs to cluster %q, this process is configured for %q", s.ClusterID, clusterID)}
	case s.WriteID == "" || s.Seq < 1:
		return seen{}, &DamagedError{Key: key, Err: fmt.Errorf("write_id %q, seq %d: both are set in every version", s.WriteID, s.Seq)}
	}
	return s, nil
}

func (b body) encode() []byte {
	out, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("leaderlock: marshalling the lock: %v", err)) // strings, a number and a valid time
	}
	return append(out, '\n')
}

func newWriteID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
