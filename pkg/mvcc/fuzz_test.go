package mvcc

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/netsy-io/netsy/pkg/record"
)

// FuzzDamagedFile overwrites a part of a whole file: opening and loading it either
// works or names the damage; it never panics, and never ends in an unnamed error.
func FuzzDamagedFile(f *testing.F) {
	whole := wholeFile(f)
	f.Add(uint32(0), []byte{0})
	f.Add(uint32(18), []byte{9, 9})
	f.Add(uint32(100), []byte("xxxxxxxx"))
	for at := 0; at < len(whole); at += 1024 {
		f.Add(uint32(at), []byte{0xff, 0, 0xff, 7})
		f.Add(uint32(at+4000), []byte("damage"))
	}
	f.Fuzz(func(t *testing.T, at uint32, with []byte) {
		damaged := append([]byte(nil), whole...)
		copy(damaged[int(at)%len(damaged):], with)
		dir := t.TempDir()
		write(t, filepath.Join(dir, dbName), damaged)
		err := load(dir)
		for _, named := range []error{ErrCorrupt, ErrNewerSchema, ErrDisk} { // ErrDisk: a byte of the header says "read-only"
			if errors.Is(err, named) {
				return
			}
		}
		if err != nil && !errors.As(err, new(*IdentityError)) {
			t.Fatal(err)
		}
	})
}

func wholeFile(f *testing.F) []byte {
	dir := f.TempDir()
	s, err := Open(context.Background(), options(dir))
	if err != nil {
		f.Fatal(err)
	}
	for range 40 {
		if err := s.Append(context.Background(), next(s, 200)); err != nil {
			f.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		f.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, dbName))
	if err != nil {
		f.Fatal(err)
	}
	return b
}

// load opens a directory and reads all that there is.
func load(dir string) (err error) {
	ctx := context.Background()
	s, err := Open(ctx, options(dir))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	w, err := s.NewWorking(ctx)
	if err != nil {
		return err
	}
	if err := s.Publish(w.Snapshot()); err != nil {
		return err
	}
	all := &etcdserverpb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}, Revision: max(1, int64(s.CompactRevision()))}
	if _, err := s.Range(ctx, s.Snapshot(), all); err != nil && !errors.Is(err, ErrFutureRev) && !errors.Is(err, ErrCompacted) {
		return err
	}
	return s.Records(ctx, 1, w.Revision(), func(*record.Record) error { return nil })
}
