package registry

import (
	"errors"
	"fmt"

	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
)

var (
	// ErrConflict: another version is there now. The write did not happen on top
	// of it; it may have happened before it and been replaced. Read again.
	ErrConflict = errors.New("registry: the document changed meanwhile")

	// ErrUnknownOutcome: the write may have happened or may still. Read again and
	// start over: a later write on the same version settles it either way.
	ErrUnknownOutcome = errors.New("registry: outcome of the write unknown")

	// ErrNotFound: the document does not exist.
	ErrNotFound = errors.New("registry: no such document")

	// ErrBusy: too many conflicts in a row.
	ErrBusy = errors.New("registry: the document keeps changing")

	// ErrDeposed: cluster.json names another epoch or Primary than the writer's.
	ErrDeposed = errors.New("registry: this node is not Primary in this epoch any more")

	// ErrAddressTaken: the node id is registered with other addresses.
	ErrAddressTaken = errors.New("registry: node id is registered with other addresses")

	// ErrRolledBack: the registration is ahead of the data directory: a disk image
	// was rolled back or copied. The data must become a new incarnation.
	ErrRolledBack = errors.New("registry: the data directory is older than the node's registration")
)

// DamagedError: a document can't be understood. No write is made on top of it.
type DamagedError struct {
	Key   string
	Field string // dotted path; empty for the document as a whole
	Err   error
}

func (e *DamagedError) Error() string {
	at := e.Key
	if e.Field != "" {
		at += ": " + e.Field
	}
	return fmt.Sprintf("registry: %s: %v; restore the object from a good version", at, e.Err)
}

func (e *DamagedError) Unwrap() error { return e.Err }

// ClusterMismatchError: the bucket and prefix belong to another cluster.
type ClusterMismatchError struct {
	Key, Want, Found string
}

func (e *ClusterMismatchError) Error() string {
	return fmt.Sprintf("registry: %s belongs to cluster %q, this process is configured for %q: check storage.bucket_name, storage.key_prefix and cluster_id",
		e.Key, e.Found, e.Want)
}

// DeposedError says who reigns instead of the writer; it is an ErrDeposed.
type DeposedError struct {
	Epoch, NowEpoch record.Epoch
	Self, Primary   NodeRef
}

func (e *DeposedError) Error() string {
	return fmt.Sprintf("%v: %s had epoch %d, %s says epoch %d, primary %s", ErrDeposed, e.Self, e.Epoch, ClusterKey, e.NowEpoch, e.Primary)
}

func (e *DeposedError) Unwrap() error { return ErrDeposed }

// Permanent reports whether trying again can't help until somebody changes
// configuration, permissions or the damaged object.
func Permanent(err error) bool {
	return isDocumentProblem(err) || errors.Is(err, objectstore.ErrPermanent)
}
