package mvcc

import (
	"errors"

	"github.com/mattn/go-sqlite3"
)

// commitRefused says whether a COMMIT that failed with err is known to have stored
// nothing: SQLite found no room, no permission or a constraint before it wrote the
// commit mark. After an I/O error one can't tell: the frames may be in the WAL and
// come back with the next start, and a later fsync that succeeds proves nothing
// about the one that failed. Errors from elsewhere are not understood, so no.
func commitRefused(err error) bool {
	var se sqlite3.Error
	if !errors.As(err, &se) {
		return false
	}
	switch se.Code {
	case sqlite3.ErrFull, sqlite3.ErrReadonly, sqlite3.ErrConstraint, sqlite3.ErrBusy:
		return true
	}
	return false
}
