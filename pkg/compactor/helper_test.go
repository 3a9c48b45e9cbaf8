package compactor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/memstore"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
	"github.com/netsy-io/netsy/pkg/snapshot"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	clusterID = "test"
	retention = time.Hour
)

// world is a bucket with a history, and what must be in it. Its store's clock stands
// still, years before the local one, unless a test moves it.
type world struct {
	t       testing.TB
	clock   time.Time
	mem     *memstore.Store
	store   objectstore.Store // what the log is written to: mem, or a test's own
	history []record.Record   // of the log, from revision 1 on
	keys    map[string]record.KeyState
	chunkAt map[record.Revision]bool // where chunks began
	epoch   record.Epoch
	writer  *objectlog.Writer
}

func newWorld(t testing.TB) *world {
	w := &world{t: t, clock: time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC), keys: map[string]record.KeyState{}, chunkAt: map[record.Revision]bool{}}
	w.mem = memstore.New(func() time.Time { return w.clock })
	w.store = w.mem
	w.compacted(0)
	return w
}

// compacted writes cluster.json.
func (w *world) compacted(rev record.Revision) {
	w.t.Helper()
	r := registry.New(w.store, clusterID)
	_, err := r.EnsureCluster(w.ctx(), registry.QuorumMajority)
	if err == nil {
		_, err = r.UpdateCluster(w.ctx(), func(c *registry.Cluster) error {
			c.CompactionRevision, c.Epoch = max(rev, c.CompactionRevision), w.epoch
			return nil
		})
	}
	w.must(err)
}

func (w *world) ctx() context.Context { return context.Background() }

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) pass(d time.Duration) { w.clock = w.clock.Add(d) }

func (w *world) end() record.Revision { return record.Revision(len(w.history)) }

// reign begins a reign with a chunk that is its seal.
func (w *world) reign() {
	w.t.Helper()
	w.epoch++
	w.compacted(0)
	w.writer = objectlog.New(w.store, objectlog.Options{}).NewWriter(w.epoch, "node", w.end()+1)
	w.append(record.EpochStart(w.end()+1, w.epoch, "node", w.keys[record.EpochStartKey], time.Time{}))
}

// write appends a chunk of n records, over three keys.
func (w *world) write(n int) {
	w.t.Helper()
	var recs []record.Record
	for i := range n {
		recs = append(recs, w.next(w.end()+record.Revision(i)+1))
	}
	w.append(recs...)
}

func (w *world) next(rev record.Revision) record.Record {
	key := fmt.Sprintf("k%d", rev%3)
	r := nextOf(key, w.keys[key], rev, w.epoch)
	w.keys[key] = record.KeyState{CreateRevision: r.CreateRevision, ModRevision: rev, Version: r.Version}
	return r
}

func nextOf(key string, prev record.KeyState, rev record.Revision, epoch record.Epoch) record.Record {
	r := record.Record{Revision: rev, Epoch: epoch, Key: []byte(key), Value: fmt.Append(nil, rev), LeaderID: "node",
		CreateRevision: prev.CreateRevision, PrevRevision: prev.ModRevision, Version: prev.Version + 1}
	if prev.Version == 0 {
		r.Created, r.CreateRevision, r.PrevRevision = true, rev, 0
	}
	return r
}

func (w *world) append(recs ...record.Record) {
	w.t.Helper()
	_, err := w.writer.Append(w.ctx(), recs)
	w.must(err)
	for _, r := range recs {
		w.keys[string(r.Key)] = record.KeyState{CreateRevision: r.CreateRevision, ModRevision: r.Revision, Version: r.Version}
	}
	w.chunkAt[w.end()+1] = true
	w.history = append(w.history, recs...)
}

// snapshot writes one at the log's end.
func (w *world) snapshot() record.Revision {
	w.t.Helper()
	s := snapshot.New(w.mem, snapshot.Options{Dir: w.t.TempDir()})
	list, err := s.List(w.ctx())
	w.must(err)
	o := snapshot.MergeOptions{}
	if n := len(list); n > 0 {
		o.Base = list[n-1].Revision
	}
	d, info, err := s.Merge(w.ctx(), objectlog.New(w.mem, objectlog.Options{}), o)
	w.must(err)
	defer d.Close()
	_, err = s.Publish(w.ctx(), d, nil)
	w.must(err)
	return info.Last.Revision
}

// corrupt flips a bit in the middle of an object.
func (w *world) corrupt(key string) {
	w.t.Helper()
	b, _, err := objectstore.ReadAll(w.ctx(), w.mem, key, 1<<20)
	w.must(err)
	b[len(b)*2/3] ^= 0x10
	_, err = w.mem.Put(w.ctx(), key, b, objectstore.Always())
	w.must(err)
}

func (w *world) compactor(change func(*Options)) *Compactor {
	o := Options{Store: w.store, ClusterID: clusterID, ID: "c", Thresholds: Thresholds{Records: 1}, Retention: retention, Keep: 2, Dir: w.t.TempDir()}
	if change != nil {
		change(&o)
	}
	return New(o)
}

func (w *world) once(c *Compactor) Report {
	w.t.Helper()
	r, err := c.Once(w.ctx())
	w.must(err)
	return r
}

// keysOf lists what is under a prefix: revisions, tombstones with a minus sign.
func keysOf(t testing.TB, s objectstore.Store, prefix string) (revs []int) {
	t.Helper()
	err := objectstore.ListAll(t.Context(), s, prefix, "", func(o objectstore.Info) error {
		var rev int
		if _, err := fmt.Sscanf(o.Key, prefix+"%d.netsy", &rev); err != nil {
			return err
		}
		if h, err := objectlog.ReadHeader(t.Context(), s, o.Key); err == nil && h.Tombstone() {
			rev = -rev
		}
		revs = append(revs, rev)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return revs
}

// loaded is a copy of the history made from a bucket.
type loaded struct {
	purged  record.Revision
	records []record.Record
}

// load makes a copy as a node with an empty disk does: the newest sound snapshot, and the
// chain from there.
func load(ctx context.Context, s objectstore.Store) (l loaded, err error) {
	snaps := snapshot.New(s, snapshot.Options{})
	list, err := snaps.List(ctx)
	if err != nil {
		return loaded{}, err
	}
	after := record.Revision(0)
	for i := len(list) - 1; i >= 0 && after == 0; i-- {
		if l, err = loadSnapshot(ctx, snaps, list[i].Revision); err == nil {
			after = list[i].Revision
		} else if !objectlog.Damaged(err) {
			return loaded{}, err
		}
	}
	_, err = objectlog.New(s, objectlog.Options{}).Read(ctx, after, l.take(after))
	return l, err
}

func (l *loaded) take(after record.Revision) func(objectlog.Chunk) error {
	return func(c objectlog.Chunk) error {
		for _, r := range c.Records {
			if r.Revision > after {
				l.records = append(l.records, r)
			}
		}
		return nil
	}
}

func loadSnapshot(ctx context.Context, s *snapshot.Store, rev record.Revision) (l loaded, err error) {
	r, err := s.Open(ctx, rev)
	if err != nil {
		return loaded{}, err
	}
	defer r.Close()
	l.purged = r.Header().Purged
	for {
		rec, err := r.Next()
		if err == io.EOF {
			return l, nil
		}
		if err != nil {
			return loaded{}, err
		}
		l.records = append(l.records, rec)
	}
}

// check holds what readers make of a bucket against the history: one with an empty disk,
// and one from each position that a local copy may have.
func (w *world) check(s objectstore.Store) {
	w.t.Helper()
	l, err := load(w.ctx(), s)
	if err != nil {
		w.t.Errorf("an empty copy can't be loaded: %v", err)
		return
	}
	w.compare(l, 0)
	list, err := snapshot.New(s, snapshot.Options{}).List(w.ctx())
	w.must(err)
	for after := record.Revision(1); after <= w.end(); after++ {
		var l loaded
		_, err := objectlog.New(s, objectlog.Options{}).Read(w.ctx(), after, l.take(after))
		switch n := len(list); {
		case err == nil:
			w.compare(l, after)
		case !errors.Is(err, objectlog.ErrSuperseded) && !errors.Is(err, objectlog.ErrGap):
			w.t.Errorf("reading from %d: %v", after, err)
		case n < 2 || after >= list[n-2].Revision:
			w.t.Errorf("reading from %d, the second-newest of snapshots %v or above: %v", after, list, err)
		}
	}
}

// compare holds a copy of what is above after against the history.
func (w *world) compare(l loaded, after record.Revision) {
	w.t.Helper()
	last := map[string]record.Revision{}
	for _, r := range w.history[:l.purged] {
		if last[string(r.Key)] = r.Revision; r.Deleted {
			delete(last, string(r.Key))
		}
	}
	var want []record.Record
	for _, r := range w.history[after:] {
		if r.Revision > l.purged || last[string(r.Key)] == r.Revision {
			want = append(want, r)
		}
	}
	if len(l.records) != len(want) {
		w.t.Errorf("from %d on there are %d records, expected %d (reduced up to %d)", after, len(l.records), len(want), l.purged)
		return
	}
	for i, r := range l.records {
		if x := want[i]; r.Pos() != x.Pos() || string(r.Key) != string(x.Key) || string(r.Value) != string(x.Value) {
			w.t.Errorf("record %d is %v %s, expected %v %s", i, r.Pos(), r.Key, x.Pos(), x.Key)
		}
	}
}
