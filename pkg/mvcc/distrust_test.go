package mvcc

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestDistrust: a file that was found damaged in use is refused from then on, and goes aside with
// the reason. The one after it isn't distrusted so soon.
func TestDistrust(t *testing.T) {
	dir := t.TempDir()
	s := openDir(t, dir)
	if err := s.Distrust(errors.New("a hole at revision 7")); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // as often as it is tried
		if _, err := Open(t.Context(), options(dir)); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "a hole at revision 7") {
			t.Fatal(err)
		}
	}
	path, err := SetAside(dir)
	if err != nil {
		t.Fatal(err)
	}
	if why, err := os.ReadFile(path + distrusted); string(why) != "a hole at revision 7" {
		t.Error(string(why), err)
	}
	s = openDir(t, dir)
	if err := s.Distrust(errors.New("again")); !errors.Is(err, ErrSetAsideLately) {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	openDir(t, dir)
}

// TestDistrustOfAFileThatIsGone: what was said of a file says nothing of the next.
func TestDistrustOfAFileThatIsGone(t *testing.T) {
	dir := t.TempDir()
	s := openDir(t, dir)
	if err := errors.Join(s.Distrust(errors.New("damaged")), s.Close(), os.Remove(filepath.Join(dir, dbName))); err != nil {
		t.Fatal(err)
	}
	openDir(t, dir)
}

// TestDistrustOnADiskThatFails: the note can't be written.
func TestDistrustOnADiskThatFails(t *testing.T) {
	dir := t.TempDir()
	s := openDir(t, dir)
	if err := os.Mkdir(filepath.Join(dir, dbName+distrusted), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.Distrust(errors.New("damaged")); !errors.Is(err, ErrDisk) {
		t.Error(err)
	}
}

func TestNotLately(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	for name, lately := range map[string]bool{
		"":                                   false,
		"netsy.db.aside-20260501T115900":     true,
		"netsy.db.aside-20260501T115900.12":  true,
		"netsy.db.aside-20260501T110000":     false,
		"netsy.db.aside-20260501T110001":     true,
		"netsy.db.aside-20260501T120001":     false, // the clock was set back
		"netsy.db.aside-19990501T120000":     false,
		"netsy.db.aside-":                    false,
		"netsy.db.aside-before-the-upgrade":  false,
		"netsy.db.aside-20260501T115900-wal": true,
		"other.db.aside-20260501T115900":     false,
	} {
		dir := t.TempDir()
		if name != "" {
			write(t, filepath.Join(dir, name), nil)
		}
		if err := notLately(dir, now); errors.Is(err, ErrSetAsideLately) != lately || err != nil && !lately {
			t.Errorf("%s: %v", name, err)
		}
	}
}
