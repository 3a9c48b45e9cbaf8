package origin

import (
	"errors"
	"fmt"
)

// Error says why a cluster can't begin, and what to do about it. Nothing starts while
// it lasts, and nothing was changed. It goes away when somebody changes the bucket.
type Error struct {
	Kind error  // one of the sentinels below
	Key  string // of the object in the way
	Err  error  // the particulars and the next step, never nil
}

func (e *Error) Error() string { return fmt.Sprintf("origin: %v: %s: %v", e.Kind, e.Key, e.Err) }

// Unwrap lets errors.Is and errors.As reach kind and cause.
func (e *Error) Unwrap() []error { return []error{e.Kind, e.Err} }

func refuse(kind error, key, format string, args ...any) error {
	return &Error{Kind: kind, Key: key, Err: fmt.Errorf(format, args...)}
}

// Of the bucket as a whole.
var (
	// ErrClusterLost: there is no cluster.json, but what only a cluster leaves behind.
	ErrClusterLost = errors.New("cluster.json is missing, but there was a cluster")
	// ErrClusterOld: cluster.json says that no elector was ever in office, but there is what
	// only a cluster leaves behind.
	ErrClusterOld = errors.New("cluster.json is older than the rest of the bucket")
	// ErrChunks: there is a bootstrap.netsy beside chunks.
	ErrChunks = errors.New("a history to begin with, but there are chunks")
	// ErrSnapshots: there is a history to begin with, beside other snapshots.
	ErrSnapshots = errors.New("a history to begin with, but there are other snapshots")
	// ErrSnapshotLate: a snapshot came after cluster.json had said that the cluster begins empty.
	ErrSnapshotLate = errors.New("the snapshot came too late: cluster.json says that the cluster begins empty")
	// ErrBootstrapLate: bootstrap.netsy came after cluster.json. It is reported, and the
	// cluster goes on without it.
	ErrBootstrapLate = errors.New("bootstrap.netsy came too late: the cluster has begun empty")
)

// Of the history.
var (
	// ErrDamaged: it can't be read; the cause is one of pkg/datafile.
	ErrDamaged = errors.New("the history to begin with is damaged")
	// ErrKind: it isn't a snapshot.
	ErrKind = errors.New("bootstrap.netsy is not a snapshot")
	// ErrGap: it doesn't hold every revision from 1 on.
	ErrGap = errors.New("bootstrap.netsy doesn't hold every revision from 1 on")
	// ErrFirst: its revision 1 isn't an internal record.
	ErrFirst = errors.New("revision 1 of bootstrap.netsy is not an internal record")
	// ErrAbsurd: it ends at an epoch or a revision that no history reaches.
	ErrAbsurd = errors.New("the history to begin with ends at an absurd epoch or revision")
	// ErrGone: cluster.json says where the history ends, and it isn't there.
	ErrGone = errors.New("the history that the cluster begins with is gone")
	// ErrChanged: it isn't the one that cluster.json was created for.
	ErrChanged = errors.New("the history is not the one that cluster.json was created for")
)
