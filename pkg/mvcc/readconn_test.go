package mvcc

import (
	"database/sql"
	"errors"
	"testing"

	"github.com/mattn/go-sqlite3"
)

// TestReadConnections: what ends a read transaction adds nothing to what was read, or to why it
// couldn't be. A connection whose transaction can't be ended is not used again.
func TestReadConnections(t *testing.T) {
	s := openDir(t, t.TempDir())
	s.cancel()
	s.purger.done.Wait() // it reads, too
	for name, c := range map[string]struct {
		fn      func(*sql.Conn) error
		err     error
		dropped int
	}{
		"read": {func(*sql.Conn) error { return nil }, nil, 0},
		"ended by SQLite, as when it can't read": {func(c *sql.Conn) error {
			_, err := c.ExecContext(t.Context(), "ROLLBACK")
			return errors.Join(err, ErrDisk)
		}, ErrDisk, 0},
		"not to be ended": {func(c *sql.Conn) error {
			return c.Raw(func(conn any) error {
				conn.(*sqlite3.SQLiteConn).RegisterAuthorizer(func(op int, _, _, _ string) int {
					if op == sqlite3.SQLITE_TRANSACTION {
						return sqlite3.SQLITE_DENY
					}
					return sqlite3.SQLITE_OK
				})
				return nil
			})
		}, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			read := func(fn func(*sql.Conn) error) error { return s.readConn(t.Context(), "test", fn) }
			if err := read(func(*sql.Conn) error { return nil }); err != nil {
				t.Fatal(err)
			}
			before := s.readDB.Stats().OpenConnections
			if err := read(c.fn); !errors.Is(err, c.err) || errors.Is(err, ErrCorrupt) {
				t.Error(err)
			}
			if got := before - s.readDB.Stats().OpenConnections; got != c.dropped {
				t.Errorf("%d connections dropped", got)
			}
			if err := read(func(*sql.Conn) error { return nil }); err != nil {
				t.Error(err)
			}
		})
	}
}
