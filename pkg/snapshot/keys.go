package snapshot

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/record"
)

// keys knows of each key its newest record so far, and checks that the next fits. It is
// what a merge's memory goes to: about 60 bytes for each key that occurs, however long the
// key is. Keys are told apart by 128 bits of their SHA-256, by which no two have ever
// been found equal; without pointers in it, the map costs the garbage collector nothing.
type keys struct {
	purged record.Revision // at or below it each key occurs once
	vague  record.Revision // at or below it a key's record before may have been left out
	known  map[keyID]keyState
}

type keyID [16]byte

type keyState struct {
	place
	deleted bool
	create  record.Revision
	version int64
}

func newKeys(purged record.Revision) *keys {
	return &keys{purged: purged, known: make(map[keyID]keyState)}
}

func idOf(key []byte) keyID {
	sum := sha256.Sum256(key)
	return keyID(sum[:len(keyID{})])
}

// newest returns where the newest record of key is.
func (k *keys) newest(key []byte) place { return k.known[idOf(key)].place }

// follow takes the next record, or says why it can't be (ErrInconsistent).
func (k *keys) follow(r *record.Record) error {
	id := idOf(r.Key)
	before, known := k.known[id]
	if err := k.check(r, before, known); err != nil {
		return fmt.Errorf("snapshot: %w: %w: key %q at revision %d/%d: %w", datafile.ErrCorrupt, ErrInconsistent, r.Key, r.Revision, r.Sub, err)
	}
	k.known[id] = keyState{placeOf(r), r.Deleted, r.CreateRevision, r.Version}
	return nil
}

// check compares a record with its key's record before it. Records without an epoch are
// other writers', who may count otherwise; only that a state has each key once holds for
// them as well.
func (k *keys) check(r *record.Record, before keyState, known bool) error {
	switch {
	case r.Revision <= k.purged:
		if known {
			return fmt.Errorf("it is in the state at %d already, with revision %d/%d", k.purged, before.rev, before.sub)
		}
	case r.Epoch == 0: // another writer's
	case !known && r.Revision <= k.vague:
	case !known || before.deleted:
		return checkFirst(r)
	default:
		return checkNext(r, &before)
	}
	return nil
}

var (
	errDeletedTwice = errors.New("it is deleted, but was not there")
	errNotCreated   = errors.New("it was not there, but is not created")
)

// checkFirst checks the first record of a key's life.
func checkFirst(r *record.Record) error {
	switch {
	case r.Deleted:
		return errDeletedTwice
	case !r.Created, r.Version != 1, r.CreateRevision != r.Revision, r.PrevRevision != 0:
		return fmt.Errorf("%w: version %d, create_revision %d, prev_revision %d", errNotCreated, r.Version, r.CreateRevision, r.PrevRevision)
	}
	return nil
}

// checkNext checks a record of a key that lived before it.
func checkNext(r *record.Record, before *keyState) error {
	version := before.version + 1
	if r.Deleted {
		version = 0
	}
	if r.Created || r.PrevRevision != before.rev || r.CreateRevision != before.create || r.Version != version {
		return fmt.Errorf("created %t, prev_revision %d, create_revision %d, version %d follow revision %d, create_revision %d, version %d",
			r.Created, r.PrevRevision, r.CreateRevision, r.Version, before.rev, before.create, before.version)
	}
	return nil
}
