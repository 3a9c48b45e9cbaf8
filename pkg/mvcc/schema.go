package mvcc

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
)

const (
	dbName = "netsy.db"
	// applicationID marks the file as Netsy's ("NTSY"), for file(1) and for us.
	applicationID = 0x4e545359
)

// migrations[i] brings a file from user_version i to i+1, in one transaction.
// They are never edited once released.
var migrations = []string{schemaV1}

// schemaV1. records: pos is revision<<20 | sub. The value comes last, so that a scan
// which filters by key doesn't read a large value's overflow pages. Timestamps are Unix
// nanoseconds, NULL when unset. meta: one row, what must change together with the records.
// Indexes come apart, see indexes.go.
const schemaV1 = `
CREATE TABLE records (
	pos             INTEGER PRIMARY KEY,
	epoch           INTEGER NOT NULL,
	key             BLOB    NOT NULL,
	created         INTEGER NOT NULL,
	deleted         INTEGER NOT NULL,
	create_revision INTEGER NOT NULL,
	prev_revision   INTEGER NOT NULL,
	version         INTEGER NOT NULL,
	lease           INTEGER NOT NULL,
	dek             INTEGER NOT NULL,
	created_at      INTEGER,
	compacted_at    INTEGER,
	replicated_at   INTEGER,
	leader_id       TEXT    NOT NULL,
	value           BLOB    NOT NULL
);
CREATE TABLE meta (
	id              INTEGER PRIMARY KEY CHECK (id = 1),
	cluster_id      TEXT    NOT NULL,
	node_id         TEXT    NOT NULL,
	incarnation     TEXT    NOT NULL,
	start_count     INTEGER NOT NULL,
	promised        INTEGER NOT NULL DEFAULT 0,
	served          INTEGER NOT NULL DEFAULT 0,
	compact_revision INTEGER NOT NULL DEFAULT 0,
	purged_revision INTEGER NOT NULL DEFAULT 0,
	logged_first    INTEGER NOT NULL DEFAULT 0,
	logged_epoch    INTEGER NOT NULL DEFAULT 0,
	logged_revision INTEGER NOT NULL DEFAULT 0
);
`

const busyMillis = "5000"

// dsn opens path with the settings that durability rests on: a commit returns after
// the WAL is synced. busyMillis covers a reader that recovers the WAL; writers of
// this process never meet (one connection), other processes are locked out.
func dsn(path string, writer bool) string {
	q := url.Values{
		"_busy_timeout": {busyMillis}, "_synchronous": {"FULL"}, "_journal_mode": {"WAL"}, "_txlock": {"immediate"},
		"_auto_vacuum": {"incremental"},
	}
	if !writer {
		q = url.Values{"_busy_timeout": {busyMillis}, "_txlock": {"deferred"}, "_query_only": {"true"}}
	}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}).String()
}

// migrate checks that the file is ours and whole, and brings it to the present schema.
func migrate(ctx context.Context, c *sql.Conn, path string) error {
	var version, appID, tables int
	for query, to := range map[string]*int{
		"PRAGMA user_version": &version, "PRAGMA application_id": &appID, "SELECT count(*) FROM sqlite_schema": &tables,
	} {
		if err := c.QueryRowContext(ctx, query).Scan(to); err != nil {
			return sqlError("read the file's header", err)
		}
	}
	switch {
	case version > len(migrations):
		return fmt.Errorf("%w: schema %d, this one knows up to %d; run that version or start with an empty data directory",
			ErrNewerSchema, version, len(migrations))
	case tables == 0 && version == 0: // new
	case version < 1 || tables == 0 || appID != applicationID:
		return fmt.Errorf("%w: schema %d with %d tables and application id %#x is not Netsy's", ErrCorrupt, version, tables, appID)
	default:
		if err := checkFile(ctx, c, path); err != nil {
			return err
		}
	}
	for v := version; v < len(migrations); v++ {
		if err := migrateStep(ctx, c, v); err != nil {
			return err
		}
	}
	return nil
}

// checkFile tells damage from a disk that can't be read, which SQLite's check doesn't: to that,
// both are findings. What it finds it must find twice, in a file that can be read. If it doesn't, the
// next start looks again, with a file that nobody has closed beside SQLite (that drops its locks).
func checkFile(ctx context.Context, c *sql.Conn, path string) error {
	err := quickCheck(ctx, c)
	if !errors.Is(err, ErrCorrupt) {
		return err
	}
	for _, name := range []string{path, path + "-wal"} {
		if readErr := readWhole(name); readErr != nil && !errors.Is(readErr, os.ErrNotExist) {
			return fmt.Errorf("%w: check the file: %w", ErrDisk, readErr)
		}
	}
	if again := quickCheck(ctx, c); again != nil {
		return again
	}
	return fmt.Errorf("%w: check the file: %v, but not a second time", ErrDisk, err)
}

func readWhole(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(io.Discard, f)
	return err
}

// quickCheck reads the whole file once. Loading the state reads most of it anyway.
func quickCheck(ctx context.Context, c *sql.Conn) error {
	var result string
	if err := c.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&result); err != nil {
		return sqlError("check the file", err)
	}
	if result != "ok" {
		return fmt.Errorf("%w: %s", ErrCorrupt, result)
	}
	return nil
}

func migrateStep(ctx context.Context, c *sql.Conn, from int) error {
	tx, err := c.BeginTx(ctx, nil)
	if err != nil {
		return sqlError("begin migration", err)
	}
	defer tx.Rollback() // no effect after Commit
	stmts := fmt.Sprintf("%s; PRAGMA user_version = %d; PRAGMA application_id = %d", migrations[from], from+1, applicationID)
	if _, err := tx.ExecContext(ctx, stmts); err != nil {
		return sqlError(fmt.Sprintf("migrate to schema %d", from+1), err)
	}
	if err := tx.Commit(); err != nil {
		return sqlError(fmt.Sprintf("commit schema %d", from+1), err)
	}
	return nil
}
