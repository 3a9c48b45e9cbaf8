package etcdsnap

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/netsy-io/netsy/pkg/lease"
	"github.com/netsy-io/netsy/pkg/record"
)

// model is an etcd that forgets nothing.
type model struct {
	rng     *rand.Rand
	rev     record.Revision
	history []entry
	living  map[string]entry
	leases  []etcdLease
}

const modelKeys = 6

func newModel(seed uint64, writes int) *model {
	m := &model{rng: rand.New(rand.NewPCG(seed, 1)), rev: 1, living: map[string]entry{}}
	for i := range 3 {
		m.leases = append(m.leases, etcdLease{id: int64(i)<<60 + 7, ttl: int64(10 * i), remaining: int64(i % 2 * 3)})
	}
	for range writes {
		m.write()
	}
	return m
}

// write is a transaction of some keys, each put or deleted.
func (m *model) write() {
	sub := int64(0)
	for _, k := range m.rng.Perm(modelKeys)[:1+m.rng.IntN(3)] {
		key := fmt.Sprint("k", k)
		prev, lives := m.living[key]
		switch {
		case lives && m.rng.IntN(3) == 0:
			m.history = append(m.history, deleteAt(int64(m.rev+1), sub, key))
			delete(m.living, key)
		case m.rng.IntN(4) > 0:
			e := putAt(int64(m.rev+1), sub, key, fmt.Sprint("v", m.rev), int64(m.rev+1), 1, m.lease())
			if lives {
				e.kv.CreateRevision, e.kv.Version = prev.kv.CreateRevision, prev.kv.Version+1
			}
			m.history = append(m.history, e)
			m.living[key] = e
		default:
			continue
		}
		sub++
	}
	if sub > 0 {
		m.rev++
	}
}

func (m *model) lease() int64 {
	switch n := m.rng.IntN(6); {
	case n < len(m.leases):
		return m.leases[n].id
	case n == 3:
		return 99 // not known
	}
	return 0
}

// compact returns the entries as etcd may have them after a compaction at rev. Not
// finished, any part of what goes may still be there; newer etcds keep a tombstone at rev.
func (m *model) compact(rev record.Revision, finished bool) (kept []entry) {
	newest := map[string]place{}
	for _, e := range m.history {
		if e.revision <= rev {
			newest[string(e.kv.Key)] = e.place
		}
	}
	keepTombstone := m.rng.IntN(2) == 0
	upTo := record.Revision(m.rng.Int64N(int64(rev) + 1))
	for _, e := range m.history {
		stays := newest[string(e.kv.Key)] == e.place && (!e.tombstone || keepTombstone && e.revision == rev)
		if e.revision > rev || stays || !finished && e.revision > upTo {
			kept = append(kept, e)
		}
	}
	return kept
}

// want is the history that an import must make.
func (m *model) want(purged record.Revision) (recs []record.Record) {
	newest, living := map[string]place{}, map[string]entry{}
	for _, e := range m.history {
		if e.revision <= purged {
			newest[string(e.kv.Key)] = e.place
		}
	}
	for _, e := range m.history {
		prev, lives := living[string(e.kv.Key)]
		r := record.Record{Revision: e.revision, Key: e.kv.Key, Epoch: 1, LeaderID: "import", Deleted: e.tombstone}
		if lives && e.revision > purged {
			r.PrevRevision = prev.revision
		}
		if e.tombstone {
			r.CreateRevision = record.Revision(prev.kv.CreateRevision)
			delete(living, string(e.kv.Key))
		} else {
			r.Value, r.Created, r.Version, r.CreateRevision = e.kv.Value, e.kv.Version == 1, e.kv.Version, record.Revision(e.kv.CreateRevision)
			r.Lease = e.kv.Lease // still etcd's
			living[string(e.kv.Key)] = e
		}
		if e.revision <= purged && (e.tombstone || newest[string(e.kv.Key)] != e.place) {
			continue
		}
		if n := len(recs); n > 0 && recs[n-1].Revision == r.Revision {
			r.Sub = recs[n-1].Sub + 1
		}
		recs = append(recs, r)
	}
	return append(recs, record.EpochStart(m.rev+1, 1, "import", record.KeyState{}, importedAt))
}

// TestImportOfRandomHistories compares imports of whatever compactions leave with the
// history that was.
func TestImportOfRandomHistories(t *testing.T) {
	for seed := range uint64(400) {
		m := newModel(seed, 1+int(seed%40))
		d := &database{entries: m.history, leases: m.leases}
		purged := record.Revision(1)
		if seed%4 > 0 {
			at := record.Revision(1 + m.rng.Int64N(int64(m.rev)))
			finished := seed%4 > 1
			d.entries, d.scheduled = m.compact(at, finished), at
			if finished {
				d.finished = at
			} else if at > 2 {
				d.finished = at / 2
			}
			purged = at
		}
		s, got := mustConvert(t, d)
		if s.Purged != purged || s.Revision != m.rev || s.Start != m.rev+1 || s.Gaps != 0 || int(s.Keys) != len(m.living) || int(s.Records) != len(got) {
			t.Fatalf("seed %d: %+v; want purged %d, revision %d, %d keys", seed, s, purged, m.rev, len(m.living))
		}
		want := m.want(purged)
		checkLeases(t, m, &s, got, want)
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("seed %d, purged %d:\ngot  %+v\nwant %+v", seed, purged, got, want)
		}
	}
}

// checkLeases checks the new ids, then puts them into want.
func checkLeases(t *testing.T, m *model, s *Summary, got, want []record.Record) {
	t.Helper()
	ids := map[int64]int64{99: 0, 0: 0}
	used := map[int64]bool{}
	orphans := map[string]bool{}
	for i := range want {
		w := &want[i]
		orphans[string(w.Key)] = w.Lease == 99
		if i >= len(got) || w.Lease == 0 {
			continue
		}
		id, known := ids[w.Lease]
		if !known {
			id = got[i].Lease
			l, err := lease.Parse(id)
			check(t, err)
			old := m.leases[slices.IndexFunc(m.leases, func(l etcdLease) bool { return l.id == w.Lease })]
			if int64(l.TTL().Seconds()) != max(old.seconds(), 2) || used[id] {
				t.Fatalf("lease %+v became %v of %v, used %v", old, l, l.TTL(), used[id])
			}
			ids[w.Lease], used[id] = id, true
		}
		w.Lease = id
	}
	n := 0
	for _, yes := range orphans {
		if yes {
			n++
		}
	}
	if int(s.Leases) != len(used) || int(s.KeysWithoutLease) != n {
		t.Fatalf("%d leases, %d keys without one; want %d, %d", s.Leases, s.KeysWithoutLease, len(used), n)
	}
}
