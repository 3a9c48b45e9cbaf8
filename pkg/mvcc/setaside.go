package mvcc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// What the name of a file that was set aside has behind the file's own: this, and when (UTC).
const (
	aside     = ".aside-"
	asideTime = "20060102T150405"
)

// SetAside moves the SQLite file of a data directory that no process has open out
// of the way, for the operator to look at, and returns its new path. The next Open
// makes a new file: a new incarnation. The database goes first: what it leaves behind,
// should this be interrupted, Open throws away.
func SetAside(dir string) (path string, err error) {
	lock, err := lockDir(dir)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	from := filepath.Join(dir, dbName)
	to, err := freeName(from + aside + time.Now().UTC().Format(asideTime))
	if err != nil {
		return "", err
	}
	if err := os.Rename(from, to); err != nil {
		return "", fmt.Errorf("mvcc: set aside: %w", err)
	}
	if err := syncDir(dir); err != nil {
		return "", fmt.Errorf("mvcc: set aside: %w", err)
	}
	for _, suffix := range beside {
		if err := os.Rename(from+suffix, to+suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("mvcc: set aside: %w", err)
		}
	}
	return to, nil
}

// beside are the suffixes of what may lie beside the database and belongs to it.
var beside = []string{"-wal", "-shm", distrusted}

func freeName(name string) (string, error) {
	for i := 0; i < 1000; i++ { // a file for each second is taken at most a few times
		try := name
		if i > 0 {
			try = fmt.Sprintf("%s.%d", name, i)
		}
		if _, err := os.Lstat(try); errors.Is(err, os.ErrNotExist) {
			return try, nil
		}
	}
	return "", fmt.Errorf("mvcc: set aside: no free name like %s", name)
}
