package mvcc

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/mattn/go-sqlite3"

	"github.com/netsy-io/netsy/pkg/record"
)

// Reads and transactions.
var (
	// ErrCompacted: the revision is below the compaction revision.
	ErrCompacted = errors.New("mvcc: required revision has been compacted")
	// ErrFutureRev: the revision has not been reached yet.
	ErrFutureRev = errors.New("mvcc: required revision is a future revision")
	// ErrOvertaken: a snapshot of the cluster has been loaded, and what was published before it
	// can't be read whole any more. A later state will be published soon.
	ErrOvertaken = errors.New("mvcc: the present state is being replaced by a later one")
	// ErrKeyNotFound: ignore_value or ignore_lease on a key that does not exist.
	ErrKeyNotFound = errors.New("mvcc: key not found")
	// ErrUnsupported: a request that validation above should have refused: nested
	// transactions, more than one mutation in a branch, range deletes, reserved
	// keys, unknown operations. Nothing was changed.
	ErrUnsupported = errors.New("mvcc: request not supported")
)

// Opening.
var (
	// ErrLocked: another process holds the data directory.
	ErrLocked = errors.New("mvcc: data directory is in use by another process")
	// ErrCorrupt: the SQLite file is damaged or is not Netsy's. SetAside moves it out
	// of the way; the node that comes up without it is a new incarnation.
	ErrCorrupt = errors.New("mvcc: database file is corrupt")
	// ErrNewerSchema: a later version of Netsy wrote the file.
	ErrNewerSchema = errors.New("mvcc: database file was written by a newer version")
)

// Writing.
var (
	// ErrDisk: the disk refused (full, read-only, I/O error). Nothing was stored.
	ErrDisk = errors.New("mvcc: disk failure")
	// ErrPoisoned: a commit failed in a way that leaves open what is on disk. Every
	// later write is refused; only a restart, which reads the truth back, helps.
	ErrPoisoned = errors.New("mvcc: outcome of a commit is unknown, the store takes no more writes until it is opened again")
	// ErrClosed: the store has been closed.
	ErrClosed = errors.New("mvcc: store is closed")
	// ErrStaleLoad: the history that a load was to replace is another one by now.
	ErrStaleLoad = errors.New("mvcc: the stored history has changed since the load began")
	// ErrLoading: a load is under way already.
	ErrLoading = errors.New("mvcc: another load is under way")
	// ErrNotStored: a snapshot beyond the stored history can't be published.
	ErrNotStored = errors.New("mvcc: revision is not stored yet")
	// ErrRevisionBack: the published revision never goes back.
	ErrRevisionBack = errors.New("mvcc: published revision would go back")
)

// IdentityError: the data directory belongs to another cluster or node.
type IdentityError struct{ Field, Stored, Given string }

func (e *IdentityError) Error() string {
	return fmt.Sprintf("mvcc: data directory belongs to %s %q, this process is configured as %q; use its own data directory",
		e.Field, e.Stored, e.Given)
}

// PromisedError: the node has promised a higher epoch.
type PromisedError struct{ Promised, Epoch record.Epoch }

func (e *PromisedError) Error() string {
	return fmt.Sprintf("mvcc: epoch %d refused: epoch %d is promised", e.Epoch, e.Promised)
}

// ServedError: the node has already been Primary of this or a later epoch; a
// Primary that restarts has lost its reign.
type ServedError struct{ Served, Epoch record.Epoch }

func (e *ServedError) Error() string {
	return fmt.Sprintf("mvcc: epoch %d can't be served: epoch %d has been; a new epoch is needed", e.Epoch, e.Served)
}

// OrderError: records that don't continue the stored history.
type OrderError struct {
	After record.Pos // the record before
	Got   record.Pos
	Sub   int32
	Why   string
}

func (e *OrderError) Error() string {
	return fmt.Sprintf("mvcc: record %v.%d can't follow %v: %s", e.Got, e.Sub, e.After, e.Why)
}

// LoadError: the records of a load are not what a snapshot holds.
type LoadError struct {
	Revision record.Revision // where it shows
	Why      string
}

func (e *LoadError) Error() string {
	return fmt.Sprintf("mvcc: loaded records are refused: revision %d: %s; take another snapshot", e.Revision, e.Why)
}

// DivergedError: what was taken for common to two copies is not in this one.
type DivergedError struct {
	Agreed record.Pos
	Held   record.Pos // zero: nothing
}

func (e *DivergedError) Error() string {
	return fmt.Sprintf("mvcc: %v is not in this copy, which holds %v there", e.Agreed, e.Held)
}

// TruncateError: removing would take away revisions that are published or compacted.
type TruncateError struct {
	Revision record.Revision
	Floor    record.Revision
	What     string // published, compaction
}

func (e *TruncateError) Error() string {
	return fmt.Sprintf("mvcc: can't truncate after revision %d: the %s revision is %d", e.Revision, e.What, e.Floor)
}

// sqlError names the operation and gives an error of the driver its class. SQL that
// is not understood, columns of another type, and rows missing that must be there mean
// that the file is not what this package wrote: the statements are constants.
func sqlError(op string, err error) error {
	var se sqlite3.Error
	if !errors.As(err, &se) {
		if misread(err) {
			return fmt.Errorf("%w: %s: %w", ErrCorrupt, op, err)
		}
		return fmt.Errorf("mvcc: %s: %w", op, err)
	}
	switch se.Code {
	case sqlite3.ErrFull, sqlite3.ErrIoErr, sqlite3.ErrReadonly, sqlite3.ErrCantOpen, sqlite3.ErrPerm, sqlite3.ErrNomem:
		return fmt.Errorf("%w: %s: %w", ErrDisk, op, err)
	case sqlite3.ErrCorrupt, sqlite3.ErrNotADB, sqlite3.ErrError, sqlite3.ErrSchema, sqlite3.ErrMismatch:
		return fmt.Errorf("%w: %s: %w", ErrCorrupt, op, err)
	}
	return fmt.Errorf("mvcc: %s: %w", op, err)
}

// misread: a row is missing or of another shape. (database/sql has no type for the latter.)
func misread(err error) bool {
	return errors.Is(err, sql.ErrNoRows) || strings.HasPrefix(err.Error(), "sql: Scan error")
}

// isSQL tells errors of reading and writing the file from Netsy's own, which name themselves.
func isSQL(err error) bool {
	return errors.As(err, new(sqlite3.Error)) || misread(err)
}
