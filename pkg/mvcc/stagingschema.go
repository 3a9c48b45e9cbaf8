package mvcc

import (
	"context"
	"net/url"
	"strings"
)

// stagingPragmas: checkpoints come where the load wants them; what is staged is sorted by key, to
// check it, in this much memory (KiB) before it goes to a file.
const stagingPragmas = "PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -65536"

// stagingDSN opens path for a load. See staging.
func stagingDSN(path string) string {
	q := url.Values{"_busy_timeout": {busyMillis}, "_synchronous": {"NORMAL"}, "_txlock": {"immediate"}}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: q.Encode()}).String()
}

// copySchema makes table to with the columns of from, whatever migrations made them.
func copySchema(c execer, from, to string) error {
	var made string
	err := c.QueryRowContext(context.Background(), "SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = ?", from).Scan(&made)
	if err != nil {
		return err
	}
	_, err = c.ExecContext(context.Background(), "CREATE TABLE "+to+" "+made[strings.IndexByte(made, '('):])
	return err
}
