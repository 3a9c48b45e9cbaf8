package migration

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// history is what an etcd answers about its past, before it is left.
type history struct {
	from, to int64 // revisions
	present  []string
	states   map[int64][]string
	events   []string
	file     string
}

// remember asks an etcd for all that it still knows above from.
func remember(t testing.TB, e *etcd, from int64) *history {
	t.Helper()
	h := &history{from: from, to: revision(t, e.Client), present: stateAt(t, e.Client, 0), states: map[int64][]string{}}
	h.file = e.save(t)
	for rev := from; rev <= h.to; rev += 7 {
		h.states[rev] = stateAt(t, e.Client, rev)
	}
	h.states[h.to] = stateAt(t, e.Client, h.to)
	_, err := e.Put(within(t), "last", "") // ends the watch
	check(t, err)
	h.events = eventsFrom(t, e.Client, from, h.to)
	return h
}

// check compares it with what another store answers.
func (h *history) check(t testing.TB, c *clientv3.Client) {
	t.Helper()
	for rev, want := range h.states {
		equal(t, "keys at revision", stateAt(t, c, rev), want)
	}
	equal(t, "events", eventsFrom(t, c, h.from, h.to), h.events)
}

// TestImport takes an etcd with a history, half of it compacted, to Netsy.
func TestImport(t *testing.T) {
	e := startEtcd(t, t.TempDir())
	w := newWorkload(t, e.Client, false)
	w.run(150)
	compacted := revision(t, e.Client)
	_, err := e.Compact(within(t), compacted, clientv3.WithCompactPhysical())
	check(t, err)
	w.run(150)
	h := remember(t, e, compacted+1)
	e.stop()

	p := newPlace(t)
	dry := p.mustCtl(t, "import", "etcd", "--snapshot", h.file, "--dry-run")
	done := p.mustCtl(t, "import", "etcd", "--snapshot", h.file)
	if done["result"] != "imported" || dry["records"] != done["records"] || done["start_revision"] != float64(h.to+1) || done["purged_revision"] != float64(compacted) {
		t.Errorf("%v after %v", done, dry)
	}
	if again := p.mustCtl(t, "import", "etcd", "--snapshot", h.file); again["result"] != "already imported" {
		t.Errorf("a second import: %v", again)
	}
	p.verify(t)

	n := p.start(t)
	equal(t, "keys", stateAt(t, n.Client, 0), h.present)
	put, err := n.Put(within(t), "/registry/new", "")
	check(t, err)
	if put.Header.Revision <= h.to+1 {
		t.Errorf("the first write has revision %d, etcd's last was %d", put.Header.Revision, h.to)
	}
	h.check(t, n.Client)
	if _, err := n.Get(within(t), "k", clientv3.WithRev(compacted)); !errors.Is(err, rpctypes.ErrCompacted) {
		t.Errorf("a read at the compaction: %v", err)
	}
	watch := <-n.Watch(within(t), "k", clientv3.WithRev(compacted))
	if watch.CompactRevision != compacted+1 {
		t.Errorf("a watch from the compaction: %+v", watch)
	}
	if _, err := p.ctl(t, "import", "etcd", "--snapshot", h.file); err == nil || !strings.Contains(err.Error(), "cluster.json") {
		t.Errorf("an import into a cluster that has begun: %v", err)
	}
	n.stop(t)
	p.verify(t)
	n = p.start(t) // from what the node has
	h.check(t, n.Client)
	n.stop(t)
	p.mustCtl(t, "snapshot", "create")
	check(t, os.RemoveAll(filepath.Join(p.dir, "node-1")))
	n = p.start(t) // from the next snapshot
	h.check(t, n.Client)
}

// TestImportOfAnEtcdThatNeverCompacted keeps all of the history.
func TestImportOfAnEtcdThatNeverCompacted(t *testing.T) {
	e := startEtcd(t, t.TempDir())
	newWorkload(t, e.Client, false).run(100)
	h := remember(t, e, 2)
	e.stop()
	p := newPlace(t)
	if done := p.mustCtl(t, "import", "etcd", "--snapshot", h.file); done["purged_revision"] != float64(1) {
		t.Errorf("%v", done)
	}
	n := p.start(t)
	_, err := n.Put(within(t), "/registry/new", "")
	check(t, err)
	h.check(t, n.Client)
}

// TestImportOfAnEmptyEtcd begins at revision 2.
func TestImportOfAnEmptyEtcd(t *testing.T) {
	e := startEtcd(t, t.TempDir())
	file := e.save(t)
	e.stop()
	p := newPlace(t)
	p.mustCtl(t, "import", "etcd", "--snapshot", file)
	n := p.start(t)
	equal(t, "keys", stateAt(t, n.Client, 0), []string{"0 keys"})
	if rev := revision(t, n.Client); rev < 2 {
		t.Errorf("revision %d", rev)
	}
}

// TestLeasesGoOn: a lease lasts at least as long from the start of the cluster as it had
// left, and ends.
func TestLeasesGoOn(t *testing.T) {
	e := startEtcd(t, t.TempDir())
	short, err := e.Grant(within(t), 4)
	check(t, err)
	long, err := e.Grant(within(t), 3600)
	check(t, err)
	for key, l := range map[string]clientv3.LeaseID{"short-1": short.ID, "short-2": short.ID, "long": long.ID} {
		_, err := e.Put(within(t), key, "", clientv3.WithLease(l))
		check(t, err)
	}
	h := remember(t, e, 2)
	e.stop()
	p := newPlace(t)
	if done := p.mustCtl(t, "import", "etcd", "--snapshot", h.file); done["leases"] != float64(2) {
		t.Errorf("%v", done)
	}
	started := time.Now()
	n := p.start(t)
	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	gone := map[string]bool{}
	for resp := range n.Watch(ctx, "\x00", append(everything, clientv3.WithRev(h.to+1))...) {
		check(t, resp.Err())
		for _, ev := range resp.Events {
			if ev.Type == clientv3.EventTypeDelete {
				gone[string(ev.Kv.Key)] = true
			}
		}
		if len(gone) == 2 {
			break
		}
	}
	if lasted := time.Since(started); lasted < 4*time.Second || gone["long"] {
		t.Errorf("%v ended after %v", gone, lasted)
	}
	if resp, err := n.Get(within(t), "long"); err != nil || resp.Count != 1 {
		t.Errorf("the long lease's key: %v, %v", resp, err)
	}
}
