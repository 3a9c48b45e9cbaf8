package mvcc

import (
	"database/sql"
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
	if why, err := os.ReadFile(path + distrusted); !strings.HasSuffix(string(why), "\na hole at revision 7") {
		t.Error(string(why), err)
	}
	s = openDir(t, dir)
	if err := s.Distrust(errors.New("again")); !errors.Is(err, ErrSetAsideBefore) {
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

// TestDistrustOfAnotherFile: another was put in the place of the one that was found damaged, by somebody
// who knew nothing of the note.
func TestDistrustOfAnotherFile(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	s := openDir(t, dir)
	if err := errors.Join(s.Distrust(errors.New("damaged")), s.Close(), openDir(t, other).Close()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(other, dbName), filepath.Join(dir, dbName)); err != nil {
		t.Fatal(err)
	}
	openDir(t, dir)
	if _, err := os.Stat(filepath.Join(dir, dbName+distrusted)); !errors.Is(err, os.ErrNotExist) {
		t.Error("the note is still there: ", err)
	}
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

func TestMayDistrust(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	for names, may := range map[string]bool{
		"":                                   true,
		"netsy.db.aside-20260501T115900":     false,
		"netsy.db.aside-20260501T115900.12":  false,
		"netsy.db.aside-20260501T110000":     true,
		"netsy.db.aside-20260501T110001":     false,
		"netsy.db.aside-20260501T120001":     true, // the clock was set back
		"netsy.db.aside-19990501T120000":     true,
		"netsy.db.aside-":                    true,
		"netsy.db.aside-before-the-upgrade":  true,
		"netsy.db.aside-20260501T115900-wal": true, // without its database
		"other.db.aside-20260501T115900":     true,
		"netsy.db.aside-19990501T120000 netsy.db.aside-19990502T120000":                                      true,
		"netsy.db.aside-19990501T120000 netsy.db.aside-19990502T120000 netsy.db.aside-29990502T120000":       false,
		"netsy.db.aside-19990501T120000 netsy.db.aside-19990502T120000 netsy.db.aside-19990502T120000-shm":   true,
		"netsy.db.aside-19990501T120000 netsy.db.aside-19990501T120000-distrusted netsy.db-distrusted x y z": true,
	} {
		dir := filepath.Join(t.TempDir(), "no [pattern*")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, name := range strings.Fields(names) {
			write(t, filepath.Join(dir, name), nil)
		}
		if err := mayDistrust(dir, now); errors.Is(err, ErrSetAsideBefore) == may || err != nil && may {
			t.Errorf("%s: %v", names, err)
		}
	}
}

// TestDamageIsToldFromADiskThatFails: what can't be read isn't damaged.
func TestDamageIsToldFromADiskThatFails(t *testing.T) {
	b := begin(t)
	b.put(t, "k", strings.Repeat("v", 100_000))
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(b.dir, dbName)
	scribble(t, path)
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := checkFile(t.Context(), conn, path); !errors.Is(err, ErrCorrupt) {
		t.Error(err)
	}
	if err := checkFile(t.Context(), conn, t.TempDir()); !errors.Is(err, ErrDisk) || errors.Is(err, ErrCorrupt) { // a directory can't be read
		t.Error(err)
	}
}
