package etcdsnap

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/lease"
	"github.com/netsy-io/netsy/pkg/record"
)

func exported(t testing.TB, purged record.Revision, recs []record.Record) (path string, s ExportSummary) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "out.db")
	s, err := Export(t.Context(), path, &slice{datafile.Header{Purged: purged, RecordsCount: int64(len(recs))}, recs}, ExportOptions{})
	check(t, err)
	return path, s
}

// TestThereAndBack: what was imported, exported, is imported alike; where Netsy's own
// records were is a record that can't be seen.
func TestThereAndBack(t *testing.T) {
	for seed := range uint64(100) {
		m := newModel(seed, 30)
		d := &database{entries: m.history, leases: m.leases}
		if seed%2 > 0 {
			d.scheduled = record.Revision(1 + m.rng.Int64N(int64(m.rev)))
			d.entries = m.compact(d.scheduled, true)
			d.finished = d.scheduled
		}
		s, recs := mustConvert(t, d)
		path, out := exported(t, s.Purged, recs)
		if out.Revision != s.Start || out.Compacted != s.Purged || out.Keys != s.Keys || out.Internal != 1 {
			t.Fatalf("seed %d: %+v of %+v", seed, out, s)
		}
		again, back, err := convert(t, path)
		check(t, err)
		if again.Purged != s.Purged || again.Revision != s.Start || again.Start != s.Start+1 || again.Gaps != 0 {
			t.Fatalf("seed %d: %+v after %+v", seed, again, s)
		}
		n := len(recs) - 1
		if mark := back[n]; string(mark.Key) != markKey || mark.Revision != s.Start || !mark.Created || mark.CreateRevision != mark.Revision || mark.Version != 1 {
			t.Fatalf("seed %d: %+v", seed, mark)
		}
		// Of a lease that isn't of a living key nobody knows any more.
		for i := range recs[:n] {
			if back[i].Lease == 0 {
				recs[i].Lease = 0
			}
			if a, b := lease.ID(recs[i].Lease), lease.ID(back[i].Lease); a.TTL() != b.TTL() {
				t.Fatalf("seed %d: a lease of %v became one of %v", seed, a.TTL(), b.TTL())
			}
			recs[i].Lease, back[i].Lease = 0, 0
		}
		if !reflect.DeepEqual(back[:n], recs[:n]) {
			t.Fatalf("seed %d:\ngot  %+v\nwant %+v", seed, back[:n], recs[:n])
		}
	}
}

// TestExportOfReigns: epoch starts are tombstones of nothing, so no revision is missing and
// the last is never given out again; leases are those of living keys.
func TestExportOfReigns(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	minter := lease.NewMinter(now)
	held, gone := mint(t, minter, 60), mint(t, minter, 70)
	start := func(rev record.Revision, epoch record.Epoch) record.Record {
		return record.EpochStart(rev, epoch, "n", record.KeyState{}, now)
	}
	put := func(rev, create, prev record.Revision, version int64, key string, lease int64) record.Record {
		return record.Record{Revision: rev, Epoch: 2, Key: []byte(key), Created: version == 1, CreateRevision: create, PrevRevision: prev, Version: version, Lease: lease}
	}
	path, s := exported(t, 0, []record.Record{
		start(1, 1), put(2, 2, 0, 1, "a", held), put(3, 3, 0, 1, "b", gone), start(4, 2),
		put(5, 3, 3, 2, "b", 0), put(6, 6, 0, 1, "c", 42), put(7, 2, 2, 2, "a", held), start(8, 3),
	})
	if s.Revision != 8 || s.Compacted != 0 || s.Keys != 3 || s.Leases != 1 || s.Internal != 2 || s.Unreadable != 1 || s.Entries != 7 {
		t.Errorf("%+v", s)
	}
	f, err := Open(t.Context(), path, OpenOptions{})
	check(t, err)
	defer f.Close()
	leases, err := f.readLeases()
	check(t, err)
	if want := map[int64]etcdLease{held: {id: held, ttl: 60}}; !reflect.DeepEqual(leases, want) {
		t.Errorf("%v", leases)
	}
	_, recs, err := convertFile(t, f)
	check(t, err)
	var revs []record.Revision
	for _, r := range recs {
		revs = append(revs, r.Revision)
	}
	if !reflect.DeepEqual(revs, []record.Revision{2, 3, 4, 5, 6, 7, 8, 9}) {
		t.Errorf("%v", revs)
	}
	if a, b := recs[2], recs[6]; a.Version != 1 || b.Version != 2 || b.CreateRevision != 4 || b.PrevRevision != 4 || b.Created {
		t.Errorf("%+v, %+v", a, b)
	}
	if recs[4].Lease != 0 || recs[0].Lease == 0 || recs[0].Lease != recs[5].Lease {
		t.Errorf("%+v", recs)
	}
}

func mint(t testing.TB, m *lease.Minter, ttl int64) int64 {
	t.Helper()
	id, err := m.Mint(ttl)
	check(t, err)
	return id
}

func TestExportLeavesFilesAlone(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out.db")
	src := func(err error) *failing { return &failing{slice{}, err} }
	if _, err := Export(t.Context(), path, src(datafile.ErrCorrupt), ExportOptions{}); !errors.Is(err, datafile.ErrCorrupt) {
		t.Errorf("got %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("%v is left, %v", left, err)
	}
	check(t, os.WriteFile(path, []byte("mine"), 0o600))
	check(t, os.WriteFile(path+".part", []byte("another's"), 0o600))
	if _, err := Export(t.Context(), path, &slice{}, ExportOptions{}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v", err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "mine" {
		t.Errorf("%q, %v", b, err)
	}
	check(t, os.Remove(path))
	if _, err := Export(t.Context(), path, &slice{}, ExportOptions{}); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(path + ".part"); err != nil || string(b) != "another's" {
		t.Errorf("%q, %v", b, err)
	}
}

// TestTwoExportsAtOnce: the first to end has its own file, whole; the other is refused.
func TestTwoExportsAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.db")
	second := &nested{fn: func() error {
		_, err := Export(t.Context(), path, &slice{}, ExportOptions{})
		return err
	}}
	if _, err := Export(t.Context(), path, second, ExportOptions{}); !errors.Is(err, fs.ErrExist) || second.err != nil {
		t.Fatalf("first %v, second %v", second.err, err)
	}
	if f, err := Open(t.Context(), path, OpenOptions{}); err != nil {
		t.Error(err)
	} else {
		f.Close()
	}
}

// nested is a Source during which something else is done.
type nested struct {
	slice
	fn  func() error
	err error
}

func (n *nested) Next() (record.Record, error) {
	if n.fn != nil {
		n.err, n.fn = n.fn(), nil
	}
	return n.slice.Next()
}

func TestExportRefusesEncryptedValues(t *testing.T) {
	_, err := Export(t.Context(), filepath.Join(t.TempDir(), "out.db"), &slice{recs: []record.Record{{Revision: 2, Key: []byte("a"), Version: 1, DEK: 3}}}, ExportOptions{})
	wantError(t, err, ErrUnsupported)
}

// failing is a Source that fails.
type failing struct {
	slice
	err error
}

func (f *failing) Next() (record.Record, error) { return record.Record{}, f.err }
