package file

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/netsy-io/netsy/pkg/objectstore"
)

// List returns one page. A directory has no order of its own and a cached one
// could be stale, so every page reads the names of all entries of the directories
// it covers (about 20 ms for 100,000), keeps the lowest that it needs, and looks
// at those files alone. Memory is bounded by the page, not by the directory.
func (s *Store) List(ctx context.Context, prefix, startAfter string, limit int) (objectstore.Page, error) {
	limit, err := objectstore.CheckList(ctx, prefix, startAfter, limit)
	if err != nil {
		return objectstore.Page{}, err
	}
	// One key beyond the page makes More exact.
	l := &lister{ctx: ctx, root: s.path(""), prefix: prefix, after: startAfter, max: limit + 1}
	start := prefix[:strings.LastIndexByte(prefix, '/')+1]
	if start == "" || objectstore.ValidateKey(strings.TrimSuffix(start, "/")) == nil {
		if err := l.directory(start); err != nil {
			return objectstore.Page{}, noEffect("list", prefix, err)
		}
	}
	if err := s.settled(ctx, "list", prefix); err != nil {
		return objectstore.Page{}, err
	}
	if len(l.found) > limit {
		return objectstore.Page{Objects: l.found[:limit], More: true}, nil
	}
	return objectstore.Page{Objects: l.found}, nil
}

type lister struct {
	ctx           context.Context
	root          string
	prefix, after string
	max           int
	found         []objectstore.Info
}

// directory adds, in order, the objects below dir ("" or ending in a slash).
func (l *lister) directory(dir string) error {
	floor := ""
	for {
		names, more, err := l.lowest(dir, floor, l.max-len(l.found))
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := l.entry(dir + name); err != nil || len(l.found) == l.max {
				return err
			}
			floor = name
		}
		if !more {
			return nil
		}
	}
}

// entry adds an object, or what is below a directory. One that has just gone is
// passed over: the listing is of the time after.
func (l *lister) entry(name string) error {
	if strings.HasSuffix(name, "/") {
		return l.directory(name)
	}
	fi, err := os.Lstat(filepath.Join(l.root, filepath.FromSlash(name)))
	if isAbsent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if fi.Mode().IsRegular() {
		l.found = append(l.found, infoOf(name, fi))
	}
	return nil
}

// lowest returns the n lowest wanted names in dir above floor, in order, and
// whether there are more. A directory's name ends in a slash, as it does in keys:
// that is what makes the order of names the order of keys.
func (l *lister) lowest(dir, floor string, n int) (names []string, more bool, err error) {
	d, err := os.Open(filepath.Join(l.root, filepath.FromSlash(dir)))
	if isAbsent(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	defer d.Close()
	cut := func() {
		slices.Sort(names)
		if len(names) > n {
			names, more = names[:n], true
		}
	}
	for {
		if l.ctx.Err() != nil {
			return nil, false, context.Cause(l.ctx)
		}
		entries, err := d.ReadDir(1024)
		for _, e := range entries {
			if name := nameOf(e); name > floor && l.wanted(dir+name) {
				names = append(names, name)
			}
		}
		if len(names) > 2*n+4096 { // seldom enough that sorting costs little
			cut()
		}
		if errors.Is(err, io.EOF) {
			cut()
			return names, more, nil
		}
		if isAbsent(err) { // an object, not a directory
			return nil, false, nil
		}
		if err != nil {
			return nil, false, err
		}
	}
}

// nameOf is an entry's name as part of a key, or "" if it can't be one: the
// store's own names, what others put there.
func nameOf(e fs.DirEntry) string {
	if objectstore.ValidateKey(e.Name()) != nil {
		return ""
	}
	if e.IsDir() {
		return e.Name() + "/"
	}
	return e.Name()
}

// wanted says whether name, an object or a directory, is or may hold a wanted key.
func (l *lister) wanted(name string) bool {
	if !strings.HasSuffix(name, "/") {
		return strings.HasPrefix(name, l.prefix) && name > l.after
	}
	return (strings.HasPrefix(name, l.prefix) || strings.HasPrefix(l.prefix, name)) &&
		(name > l.after || strings.HasPrefix(l.after, name))
}
