package etcdsnap

import (
	"errors"
	"strings"
	"testing"

	"github.com/netsy-io/netsy/pkg/lease"
	"github.com/netsy-io/netsy/pkg/record"
)

func TestEmptyEtcd(t *testing.T) {
	s, recs := mustConvert(t, &database{})
	if s.Revision != 1 || s.Purged != 1 || s.Start != 2 || len(recs) != 1 || string(recs[0].Key) != record.EpochStartKey || recs[0].Revision != 2 {
		t.Errorf("%+v, %+v", s, recs)
	}
}

// A compaction of everything, the newest of which was deleted, leaves no record at its
// revision.
func TestNothingAboveTheCompaction(t *testing.T) {
	for _, finished := range []record.Revision{0, 9} {
		s, recs := mustConvert(t, &database{entries: []entry{putAt(2, 0, "a", "1", 2, 1, 0)}, scheduled: 9, finished: finished})
		if s.Purged != 9 || s.Start != 10 || len(recs) != 2 || recs[1].Revision != 10 {
			t.Errorf("%+v, %+v", s, recs)
		}
	}
}

// TestBumpedRevision is what etcdutl snapshot restore --bump-revision --mark-compacted makes,
// before and after etcd ran on it.
func TestBumpedRevision(t *testing.T) {
	for _, after := range [][]entry{nil, {putAt(1_000_004, 0, "a", "3", 2, 3, 0)}} {
		d := &database{
			entries:   []entry{putAt(2, 0, "a", "1", 2, 1, 0), putAt(3, 0, "a", "2", 2, 2, 0), {place: place{revision: 1_000_003}, filler: true}},
			scheduled: 1_000_003,
		}
		d.entries = append(d.entries, after...)
		s, recs := mustConvert(t, d)
		if s.Purged != 1_000_003 || s.Start != record.Revision(1_000_004+len(after)) || len(recs) != 2+len(after) || string(recs[0].Value) != "2" || s.Keys != 1 {
			t.Errorf("%+v, %+v", s, recs)
		}
		d.scheduled = 0 // not marked
		if s2, _ := mustConvert(t, d); s2.Purged != s.Purged || s2.Gaps == 0 {
			t.Errorf("%+v", s2)
		}
	}
}

func TestRefused(t *testing.T) {
	long := func(ttl, remaining int64) *database {
		return &database{entries: []entry{putAt(2, 0, "a", "", 2, 1, 5)}, leases: []etcdLease{{5, ttl, remaining}}}
	}
	for name, c := range map[string]struct {
		d     *database
		class error
		says  string
	}{
		"reserved":             {&database{entries: []entry{putAt(2, 0, "_netsy", "", 2, 1, 0)}}, ErrUnsupported, `"_netsy"`},
		"reserved prefix":      {&database{entries: []entry{putAt(2, 0, "_netsy/epoch/1", "", 2, 1, 0)}}, ErrUnsupported, `"_netsy/epoch/1"`},
		"reserved, compacted":  {&database{entries: []entry{putAt(2, 0, "_netsy/x", "", 2, 1, 0)}, scheduled: 4}, ErrUnsupported, `"_netsy/x"`},
		"reserved tombstone":   {&database{entries: []entry{deleteAt(2, 0, "_netsy/x")}}, ErrUnsupported, `"_netsy/x"`},
		"long lease":           {long(lease.MaxTTL+1, 0), ErrUnsupported, "lease 0000000000000005"},
		"long remaining lease": {long(5, lease.MaxTTL+1), ErrUnsupported, "lease 0000000000000005"},
		"negative lease":       {long(-5, 0), ErrCorrupt, "lease 0000000000000005"},
		"far revision":         {&database{entries: []entry{putAt(1<<42, 0, "a", "", 1<<42, 1, 0)}}, ErrUnsupported, "revision 4398046511104/0"},
		"another revision":     {&database{entries: []entry{{place{3, 0, false}, false, putAt(2, 0, "a", "", 2, 1, 0).kv}}}, ErrCorrupt, "revision 3/0"},
		"no key":               {&database{entries: []entry{putAt(2, 0, "", "x", 2, 1, 0)}}, ErrCorrupt, "revision 2/0"},
		"twice at once":        {&database{entries: []entry{putAt(2, 0, "a", "", 2, 1, 0), putAt(2, 1, "a", "", 2, 2, 0)}}, ErrCorrupt, "revision 2/1"},
		"deleted from nowhere": {&database{entries: []entry{deleteAt(2, 0, "a")}}, ErrCorrupt, "revision 2/0"},
		"version from nowhere": {&database{entries: []entry{putAt(2, 0, "x", "", 2, 1, 0), putAt(3, 0, "a", "", 2, 2, 0)}}, ErrCorrupt, "revision 3/0"},
		"version skipped":      {&database{entries: []entry{putAt(2, 0, "a", "", 2, 1, 0), putAt(3, 0, "a", "", 2, 3, 0)}}, ErrCorrupt, "revision 3/0"},
		"created anew":         {&database{entries: []entry{putAt(2, 0, "a", "", 2, 1, 0), putAt(3, 0, "a", "", 3, 1, 0)}}, ErrCorrupt, "revision 3/0"},
		"version of old":       {&database{entries: []entry{putAt(3, 0, "a", "", 2, 1, 0)}}, ErrCorrupt, "revision 3/0"},
	} {
		_, _, err := convert(t, c.d.write(t))
		wantError(t, err, c.class)
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v doesn't say %s", name, err, c.says)
		}
	}
	// What the state doesn't need is no obstacle.
	mustConvert(t, &database{entries: []entry{putAt(2, 0, "_netsy/x", "", 2, 1, 0), deleteAt(3, 0, "_netsy/x")}, scheduled: 4})
	mustConvert(t, &database{leases: []etcdLease{{5, lease.MaxTTL + 1, 0}}})
	mustConvert(t, long(lease.MaxTTL, 0))
}

func TestAuthIsNoticed(t *testing.T) {
	for _, auth := range []bool{false, true} {
		if s, _ := mustConvert(t, &database{auth: auth}); s.Auth != auth {
			t.Errorf("%+v", s)
		}
	}
}

// A compaction that wasn't finished may have left any part of a revision: what is written
// of it counts from 0.
func TestPlacesAreRenumbered(t *testing.T) {
	_, recs := mustConvert(t, &database{
		entries:   []entry{putAt(2, 1, "a", "", 2, 1, 0), putAt(2, 3, "b", "", 2, 1, 0), putAt(2, 4, "c", "", 2, 1, 0)},
		scheduled: 3,
	})
	for i, r := range recs[:3] {
		if int(r.Sub) != i || string(r.Key) != string("abc"[i]) {
			t.Errorf("%+v", r)
		}
	}
}

func TestSame(t *testing.T) {
	d := sample()
	d.leases = append(d.leases, etcdLease{id: 8, ttl: 60})
	d.entries = append(d.entries, putAt(6, 0, "d", "", 6, 1, 8), putAt(7, 0, "e", "", 7, 1, 7))
	f, err := Open(t.Context(), d.write(t), OpenOptions{})
	check(t, err)
	defer f.Close()
	plan, err := f.Plan(t.Context())
	check(t, err)
	earlier := func() *slice {
		s := &slice{}
		s.header.Purged = plan.Purged
		_, err := f.Convert(t.Context(), plan, Options{Now: importedAt.AddDate(0, 0, -1)}, func(r *record.Record) error { s.recs = append(s.recs, *r); return nil })
		check(t, err)
		return s
	}
	same := func(s *slice) error { return f.Same(t.Context(), plan, Options{Now: importedAt}, s) }
	check(t, same(earlier()))
	n := len(earlier().recs)
	for name, change := range map[string]func(s *slice){
		"purged":        func(s *slice) { s.header.Purged-- },
		"shorter":       func(s *slice) { s.recs = s.recs[:n-1] },
		"longer":        func(s *slice) { s.recs = append(s.recs, s.recs[n-1]) },
		"value":         func(s *slice) { s.recs[1].Value = []byte("other") },
		"version":       func(s *slice) { s.recs[0].Version++ },
		"sub":           func(s *slice) { s.recs[1].Sub++ },
		"no lease":      func(s *slice) { s.recs[0].Lease = 0 },
		"one lease":     func(s *slice) { s.recs[n-3].Lease = s.recs[0].Lease },
		"another lease": func(s *slice) { s.recs[n-2].Lease = s.recs[n-3].Lease },
	} {
		s := earlier()
		change(s)
		if err := same(s); !errors.Is(err, ErrDiffers) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
