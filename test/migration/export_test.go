package migration

import (
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// TestExport takes a cluster that was restarted and compacted to etcd, with an internal
// record as its last: no client may see a revision twice.
func TestExport(t *testing.T) {
	p := newPlace(t)
	n := p.start(t)
	w := newWorkload(t, n.Client, true)
	w.run(60)
	compacted := revision(t, n.Client)
	_, err := n.Compact(within(t), compacted)
	check(t, err)
	w.run(30)
	n.stop(t)
	n = p.start(t)
	w.c = n.Client
	w.run(30)
	last := revision(t, n.Client)
	states := map[int64][]string{}
	for rev := compacted; rev <= last; rev += 5 {
		states[rev] = stateAt(t, n.Client, rev)
	}
	states[last] = stateAt(t, n.Client, last)
	n.stop(t)
	n = p.start(t) // a reign that writes nothing
	present, seen := stateAt(t, n.Client, 0), revision(t, n.Client)
	if seen <= last {
		t.Fatalf("revision %d after %d", seen, last)
	}
	n.stop(t)

	file, done := p.export(t)
	if done["revision"] != float64(seen) {
		t.Errorf("%v, but clients saw %d", done, seen)
	}
	e := restore(t, file)
	if got := revision(t, e.Client); got != seen {
		t.Errorf("etcd is at revision %d, clients saw %d", got, seen)
	}
	equal(t, "keys", stateAt(t, e.Client, 0), present)
	for rev, want := range states {
		equal(t, "keys at revision", stateAt(t, e.Client, rev), want)
	}
	put, err := e.Put(within(t), "/registry/new", "")
	check(t, err)
	if put.Header.Revision != seen+1 {
		t.Errorf("etcd's first write has revision %d, clients saw %d", put.Header.Revision, seen)
	}
	_, err = e.Compact(within(t), seen, clientv3.WithCompactPhysical())
	check(t, err)
	ttl := leasesOf(t, e)
	if len(ttl) == 0 {
		t.Error("no lease came over")
	}
	for id, left := range ttl {
		if left < 3500 || left > 3600 {
			t.Errorf("lease %x has %d s left", id, left)
		}
	}
	t.Run("and back", func(t *testing.T) { back(t, e, seen+1) })
}

// back imports what the restored etcd holds, which is as before once more.
func back(t *testing.T, e *etcd, from int64) {
	newWorkload(t, e.Client, false).run(20)
	h := remember(t, e, from)
	e.stop()
	p := newPlace(t)
	p.mustCtl(t, "import", "etcd", "--snapshot", h.file)
	n := p.start(t)
	_, err := n.Put(within(t), "/registry/newer", "")
	check(t, err)
	h.check(t, n.Client)
	n.stop(t)
	p.mustCtl(t, "snapshot", "create")
	p.verify(t)
}

func leasesOf(t testing.TB, e *etcd) map[clientv3.LeaseID]int64 {
	t.Helper()
	all, err := e.Leases(within(t))
	check(t, err)
	left := map[clientv3.LeaseID]int64{}
	for _, l := range all.Leases {
		resp, err := e.TimeToLive(within(t), l.ID)
		check(t, err)
		left[l.ID] = resp.TTL
	}
	return left
}

// TestRollback: etcd, Netsy, and etcd again, with all history since the compaction.
func TestRollback(t *testing.T) {
	e := startEtcd(t, t.TempDir())
	newWorkload(t, e.Client, false).run(80)
	h := remember(t, e, 2)
	e.stop()
	p := newPlace(t)
	p.mustCtl(t, "import", "etcd", "--snapshot", h.file)
	n := p.start(t)
	newWorkload(t, n.Client, true).run(20)
	want, seen := stateAt(t, n.Client, 0), revision(t, n.Client)
	n.stop(t)
	file, _ := p.export(t)
	back := restore(t, file)
	equal(t, "keys", stateAt(t, back.Client, 0), want)
	if got := revision(t, back.Client); got != seen {
		t.Errorf("etcd is at revision %d, clients saw %d", got, seen)
	}
	h.check(t, back.Client)

	old, _ := p.export(t, "--to-revision", "30")
	back = restore(t, old)
	if got := revision(t, back.Client); got != 30 {
		t.Errorf("etcd is at revision %d, not 30", got)
	}
	equal(t, "keys at revision 30", stateAt(t, back.Client, 30), h.states[30])
}
