package etcdsnap

import (
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/record"
)

var importedAt = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)

// database is what a test puts into an etcd database. Compactions of 0 are absent.
type database struct {
	entries             []entry
	leases              []etcdLease
	scheduled, finished record.Revision
	noMeta, auth        bool
}

// write makes the database, with its hash.
func (d *database) write(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "snapshot.db")
	db, err := createDB(path)
	check(t, err)
	for _, e := range d.entries {
		var v []byte
		if !e.filler {
			v, err = e.kv.Marshal()
			check(t, err)
		}
		check(t, db.put(bucketKey, e.bytes(), v))
	}
	for _, l := range d.leases {
		check(t, db.put(bucketLease, l.key(), l.bytes()))
	}
	for name, rev := range map[string]record.Revision{string(metaScheduledCompact): d.scheduled, string(metaFinishedCompact): d.finished} {
		if rev > 0 {
			check(t, db.put(bucketMeta, []byte(name), place{revision: rev}.bytes()))
		}
	}
	if d.auth {
		check(t, db.put([]byte("auth"), metaAuthEnabled, []byte{1}))
	}
	if d.noMeta {
		check(t, db.tx.DeleteBucket(bucketMeta))
	}
	check(t, db.close())
	appendSum(t, path)
	return path
}

func appendSum(t testing.TB, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	check(t, err)
	sum := sha256.Sum256(b)
	check(t, os.WriteFile(path, append(b, sum[:]...), 0o600))
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func putAt(rev, sub int64, key, value string, create, version, lease int64) entry {
	return entry{place: place{revision: record.Revision(rev), sub: sub}, kv: mvccpb.KeyValue{
		Key: []byte(key), Value: []byte(value), CreateRevision: create, ModRevision: rev, Version: version, Lease: lease,
	}}
}

func deleteAt(rev, sub int64, key string) entry {
	return entry{place: place{revision: record.Revision(rev), sub: sub, tombstone: true}, kv: mvccpb.KeyValue{Key: []byte(key)}}
}

// convert opens a file and converts all of it.
func convert(t testing.TB, path string) (Summary, []record.Record, error) {
	t.Helper()
	f, err := Open(t.Context(), path, OpenOptions{})
	if err != nil {
		return Summary{}, nil, err
	}
	defer f.Close()
	return convertFile(t, f)
}

func convertFile(t testing.TB, f *File) (s Summary, recs []record.Record, err error) {
	plan, err := f.Plan(t.Context())
	if err != nil {
		return s, nil, err
	}
	s, err = f.Convert(t.Context(), plan, Options{Now: importedAt}, func(r *record.Record) error {
		recs = append(recs, *r)
		return nil
	})
	return s, recs, err
}

func mustConvert(t testing.TB, d *database) (Summary, []record.Record) {
	t.Helper()
	s, recs, err := convert(t, d.write(t))
	check(t, err)
	return s, recs
}

// wantError expects an error of a class that names something.
func wantError(t testing.TB, err, class error) {
	t.Helper()
	var e *Error
	if !errors.Is(err, class) || !errors.As(err, &e) {
		t.Errorf("got %v, want one of %v", err, class)
	}
}

// slice is a Source of records that a test holds.
type slice struct {
	header datafile.Header
	recs   []record.Record
}

func (s *slice) Header() datafile.Header { return s.header }

func (s *slice) Next() (record.Record, error) {
	if len(s.recs) == 0 {
		return record.Record{}, io.EOF
	}
	r := s.recs[0]
	s.recs = s.recs[1:]
	return r, nil
}
