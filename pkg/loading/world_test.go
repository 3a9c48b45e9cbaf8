package loading

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/mvcc"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
	"github.com/netsy-io/netsy/pkg/objectstore/memstore"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/snapshot"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is one bucket with a history, and one local copy.
type world struct {
	t      *testing.T
	bucket *memstore.Store
	store  objectstore.Store // the bucket, with faults
	local  *mvcc.Store
	puts   []record.Record // the log's records, from revision 1 on
	onGet  func(key string)
	deny   func(op, key string) bool // refuse this request
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, bucket: memstore.New(nil)}
	w.store = fault.New(w.bucket, func(ctx context.Context, r *fault.Request, next fault.Next) (fault.Response, error) {
		if w.deny != nil && w.deny(r.Op, r.Key) {
			return fault.Response{}, objectstore.Errorf(objectstore.ErrPermanent, r.Op, r.Key, "denied")
		}
		resp, err := next(ctx, r)
		if r.Op == "get" && w.onGet != nil {
			w.onGet(r.Key)
		}
		return resp, err
	})
	st, err := mvcc.Open(t.Context(), mvcc.Options{Dir: t.TempDir(), ClusterID: "c", NodeID: "n", Logger: hclog.NewNullLogger()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	w.local = st
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// run makes n records of epoch that follow recs: keys come round, so that revisions
// supersede each other.
func run(recs []record.Record, epoch record.Epoch, n int) []record.Record {
	recs = slices.Clone(recs)
	for range n {
		rev := record.Revision(len(recs) + 1)
		key := fmt.Appendf(nil, "k%d", rev%3)
		r := record.Record{Revision: rev, Epoch: epoch, Key: key, Value: fmt.Appendf(nil, "%d of %d", rev, epoch), LeaderID: "p", Created: true, CreateRevision: rev, Version: 1}
		for i := len(recs) - 1; i >= 0; i-- {
			if p := recs[i]; string(p.Key) == string(key) {
				r.Created, r.CreateRevision, r.PrevRevision, r.Version = false, p.CreateRevision, p.Revision, p.Version+1
				break
			}
		}
		recs = append(recs, r)
	}
	return recs
}

// chunk puts records into their slot, under a reign.
func (w *world) chunk(header record.Epoch, recs []record.Record) {
	w.t.Helper()
	b, err := datafile.EncodeChunk(datafile.Header{LeaderID: "p", Epoch: header, ChunkID: "id"}, recs)
	w.must(err)
	_, err = w.bucket.Put(context.Background(), objectlog.ChunkKey(recs[0].Revision), b, objectstore.Always())
	w.must(err)
}

// write adds chunks of the given lengths to the log, all of one epoch.
func (w *world) write(epoch record.Epoch, lengths ...int) {
	w.t.Helper()
	for _, n := range lengths {
		from := len(w.puts)
		w.puts = run(w.puts, epoch, n)
		w.chunk(epoch, w.puts[from:])
	}
}

// snapshot puts a snapshot of the log at rev, reduced up to purged.
func (w *world) snapshot(rev, purged record.Revision) {
	w.t.Helper()
	d, err := snapshot.NewDraft(w.t.TempDir())
	w.must(err)
	defer d.Close()
	newest := map[string]record.Revision{}
	for _, r := range w.puts[:purged] {
		newest[string(r.Key)] = r.Revision
	}
	for i := range w.puts[:rev] {
		if r := &w.puts[i]; r.Revision > purged || newest[string(r.Key)] == r.Revision {
			w.must(d.Write(r))
		}
	}
	_, err = d.Finish(datafile.Header{CreatedAt: time.Now(), Purged: purged})
	w.must(err)
	var b bytes.Buffer
	_, err = d.WriteTo(&b)
	w.must(err)
	_, err = w.bucket.Put(context.Background(), objectlog.SnapshotKey(rev), b.Bytes(), objectstore.IfAbsent())
	w.must(err)
}

// free deletes the chunks that end at or below rev.
func (w *world) free(firsts ...record.Revision) {
	w.t.Helper()
	for _, f := range firsts {
		w.must(w.bucket.Delete(context.Background(), objectlog.ChunkKey(f), objectstore.Always()))
	}
}

// has gives the local copy records, the first logged of them remembered as being in the
// chunk that begins at first.
func (w *world) has(recs []record.Record, first, logged record.Revision) {
	w.t.Helper()
	w.must(w.local.AppendLogged(w.t.Context(), recs))
	if logged > 0 {
		w.local.SetLogged(first, recs[logged-1].Pos())
	}
}

func (w *world) config() Config {
	return Config{
		Store: w.local, Log: objectlog.New(w.store, objectlog.Options{}), Snapshots: snapshot.New(w.store, snapshot.Options{Dir: w.t.TempDir()}),
		Limit: AnyEpoch, Metrics: NewMetrics(nil),
	}
}

// catchUp loads, and checks that the local copy is the log then, however it is reduced.
func (w *world) catchUp() Config {
	w.t.Helper()
	cfg := w.config()
	end, err := CatchUp(w.t.Context(), cfg)
	w.must(err)
	want := w.puts[len(w.puts)-1].Pos()
	if end.Last != want || w.local.Tail().Revision < want.Revision {
		w.t.Fatalf("log ends at %v, copy at %v, want %v", end.Last, w.local.Tail(), want)
	}
	w.agrees()
	if _, pos, ok := w.local.Logged(); !ok || pos != want {
		w.t.Fatalf("remembered as logged: %v", pos)
	}
	return cfg
}

// agrees compares every record that the copy has with the log, and its state with what
// replaying the log gives.
func (w *world) agrees() {
	w.t.Helper()
	purged := w.local.Purged()
	got := map[record.Revision]record.Record{}
	w.must(w.local.Records(w.t.Context(), 1, record.Revision(len(w.puts)), func(r *record.Record) error {
		got[r.Revision] = *r
		return nil
	}))
	newest := map[string]record.Revision{}
	for _, r := range w.puts[:purged] {
		newest[string(r.Key)] = r.Revision
	}
	for _, r := range w.puts {
		have, ok := got[r.Revision]
		if wanted := r.Revision > purged || newest[string(r.Key)] == r.Revision; ok != wanted {
			w.t.Fatalf("revision %d is there: %t, want %t (reduced up to %d)", r.Revision, ok, wanted, purged)
		}
		if ok && (have.Epoch != r.Epoch || string(have.Value) != string(r.Value)) {
			w.t.Fatalf("revision %d: %v %q, the log has %v %q", r.Revision, have.Pos(), have.Value, r.Pos(), r.Value)
		}
	}
}
