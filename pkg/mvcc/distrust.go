package mvcc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// ErrSetAsideBefore: a file was set aside not long ago, or several are still there. Damage that comes
// back is not the file's: it is the disk's, or a fault of ours, for which no file would be good enough.
var ErrSetAsideBefore = errors.New("mvcc: files were set aside before, and damage has come back")

// A file is distrusted at the earliest so long after the last was set aside, and only while fewer
// than so many are there, which takes somebody to look at them and remove them.
const (
	distrustPause = time.Hour
	mostAside     = 3
)

// distrusted is what the note that a file is damaged has behind the file's name.
const distrusted = "-distrusted"

// Distrust notes durably that the file was found damaged while it was in use: the next Open
// says ErrCorrupt, though what it checks by itself may all be well. Errors: ErrSetAsideBefore,
// ErrDisk.
func (s *Store) Distrust(why error) error {
	if err := mayDistrust(s.dir, time.Now()); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(s.dir, dbName+distrusted), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("%w: distrust: %w", ErrDisk, err)
	}
	_, err = fmt.Fprintf(f, "%s\n%v", s.Incarnation(), why)
	if err = errors.Join(err, f.Sync(), f.Close(), syncDir(s.dir)); err != nil {
		return fmt.Errorf("%w: distrust: %w", ErrDisk, err)
	}
	return nil
}

// checkTrusted says ErrCorrupt of a file that was distrusted. A note about another file, in whose
// place this one was put, is removed.
func checkTrusted(path, incarnation string) error {
	note, err := os.ReadFile(path + distrusted)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("mvcc: %w", err)
	}
	of, why, _ := strings.Cut(string(note), "\n")
	if of == incarnation {
		return fmt.Errorf("%w: it was found damaged while it was in use: %s", ErrCorrupt, why)
	}
	if err := os.Remove(path + distrusted); err != nil {
		return fmt.Errorf("mvcc: %w", err)
	}
	return nil
}

// mayDistrust says ErrSetAsideBefore of a directory in which files were. A name from the future, as a
// clock that was set back leaves it, is one of several, no more.
func mayDistrust(dir string, now time.Time) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("mvcc: %w", err)
	}
	there := 0
	for _, e := range entries {
		stamp, is := strings.CutPrefix(e.Name(), dbName+aside)
		if !is || belongs(stamp) {
			continue
		}
		there++
		at, err := time.Parse(asideTime, stamp[:min(len(stamp), len(asideTime))])
		if lately := err == nil && !at.After(now) && now.Sub(at) < distrustPause; lately || there >= mostAside {
			return fmt.Errorf("%w: %s", ErrSetAsideBefore, e.Name())
		}
	}
	return nil
}

// belongs says whether a file belongs to one that has the database's name.
func belongs(name string) bool {
	return slices.ContainsFunc(beside, func(suffix string) bool { return strings.HasSuffix(name, suffix) })
}
