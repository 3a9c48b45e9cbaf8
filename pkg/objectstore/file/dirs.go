package file

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// dirs creates directories and remembers which of them this process has made
// durable: finding one isn't enough, for its maker may have died before its sync.
// The store never removes directories. Bounded by the key layout, a handful.
type dirs struct {
	sys  sys
	root string

	mu    sync.Mutex
	known map[string]bool // slash-separated, relative to root
}

func newDirs(sys sys, root string) *dirs {
	return &dirs{sys: sys, root: root, known: map[string]bool{".": true}}
}

// ensure makes dir and its parents below root exist, durably.
func (d *dirs) ensure(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known[dir] {
		return nil
	}
	parent := d.root
	for segment := range strings.SplitSeq(dir, "/") {
		path := filepath.Join(parent, segment)
		if err := makeDir(path); err != nil {
			return err
		}
		if err := d.sys.syncDir(parent); err != nil {
			return err
		}
		parent = path
	}
	d.known[dir] = true
	return nil
}

// forget makes ensure look again, after a directory was found missing.
func (d *dirs) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.known = map[string]bool{".": true}
}

func makeDir(path string) error {
	err := os.Mkdir(path, 0o700)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	fi, err := os.Stat(path)
	if err == nil && !fi.IsDir() {
		err = fmt.Errorf("%w: %s is an object, no key can be below it", errUnsuitable, path)
	}
	return err
}

// createAll is os.MkdirAll that makes what it creates durable. The last parent is
// synced in any case: an earlier process may have died before it did that.
func createAll(sys sys, dir string) error {
	parent := filepath.Dir(dir)
	if parent == dir {
		return nil
	}
	if _, err := os.Stat(parent); errors.Is(err, fs.ErrNotExist) {
		if err := createAll(sys, parent); err != nil {
			return err
		}
	}
	if err := makeDir(dir); err != nil {
		return err
	}
	err := sys.syncDir(parent)
	if errors.Is(err, fs.ErrPermission) {
		return nil // a parent that we can't even open is not one in which we created anything
	}
	return err
}
