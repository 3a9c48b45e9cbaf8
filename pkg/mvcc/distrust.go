package mvcc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// ErrSetAsideLately: a file was set aside not long ago. Damage that comes back so soon is not
// the file's: of the disk, or a fault of ours, for which no file would be good enough.
var ErrSetAsideLately = errors.New("mvcc: a file was set aside lately")

// distrustPause is how long after a file was set aside the next may be distrusted. It bounds what
// files that were set aside can take of the disk.
const distrustPause = time.Hour

// distrusted is what the note that a file is damaged has behind the file's name.
const distrusted = "-distrusted"

// Distrust notes durably that the file was found damaged while it was in use: the next Open
// says ErrCorrupt, though what it checks by itself may all be well. Errors: ErrSetAsideLately,
// ErrDisk.
func (s *Store) Distrust(why error) error {
	if err := notLately(s.dir, time.Now()); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(s.dir, dbName+distrusted), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("%w: distrust: %w", ErrDisk, err)
	}
	_, err = f.WriteString(why.Error())
	if err = errors.Join(err, f.Sync(), f.Close(), syncDir(s.dir)); err != nil {
		return fmt.Errorf("%w: distrust: %w", ErrDisk, err)
	}
	return nil
}

// checkTrusted says ErrCorrupt of a file that was distrusted.
func checkTrusted(path string) error {
	why, err := os.ReadFile(path + distrusted)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("mvcc: %w", err)
	}
	return fmt.Errorf("%w: it was found damaged while it was in use: %s", ErrCorrupt, why)
}

// notLately says ErrSetAsideLately of a directory in which a file was. A name from the future,
// as a clock that was set back leaves it, says nothing.
func notLately(dir string, now time.Time) error {
	names, err := filepath.Glob(filepath.Join(dir, dbName+aside+"*"))
	if err != nil {
		return fmt.Errorf("mvcc: %w", err)
	}
	for _, name := range names {
		_, stamp, _ := strings.Cut(filepath.Base(name), aside)
		at, err := time.Parse(asideTime, stamp[:min(len(stamp), len(asideTime))])
		if err == nil && !at.After(now) && now.Sub(at) < distrustPause {
			return fmt.Errorf("%w: %s", ErrSetAsideLately, name)
		}
	}
	return nil
}
