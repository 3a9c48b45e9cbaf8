package mvcc

import (
	"database/sql"
	"testing"
)

// TestReadConnectionIsDropped: one whose transaction couldn't be ended is not used again.
func TestReadConnectionIsDropped(t *testing.T) {
	s := openDir(t, t.TempDir())
	s.cancel()
	s.purger.done.Wait() // it reads, too
	read := func(fn func(*sql.Conn) error) error { return s.readConn(t.Context(), "test", fn) }
	if err := read(func(*sql.Conn) error { return nil }); err != nil {
		t.Fatal(err)
	}
	kept := s.readDB.Stats().OpenConnections
	err := read(func(c *sql.Conn) error {
		_, err := c.ExecContext(t.Context(), "ROLLBACK") // so the one at the end fails
		return err
	})
	if err == nil {
		t.Fatal("ended twice")
	}
	if got := s.readDB.Stats().OpenConnections; got != kept-1 {
		t.Errorf("%d connections are open, %d were before", got, kept)
	}
	if err := read(func(*sql.Conn) error { return nil }); err != nil {
		t.Error(err)
	}
}
