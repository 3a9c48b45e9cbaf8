package objectlog

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
	"github.com/netsy-io/netsy/pkg/objectstore/memstore"
	"github.com/netsy-io/netsy/pkg/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// spyStore records every request, and lets a test answer one itself.
type spyStore struct {
	objectstore.Store                 // through the hooks
	inner             *memstore.Store // past them
	trace             fault.Trace

	// onPut, onGet and onList take a request over; handled=false passes it on.
	onPut  func(ctx context.Context, key string, body []byte, cond objectstore.Condition) (handled bool, err error)
	onGet  func(ctx context.Context, key string) (handled bool, err error)
	onList func(ctx context.Context, prefix string) (handled bool, err error)
}

func newSpy() *spyStore {
	s := &spyStore{inner: memstore.New(nil)}
	s.Store = fault.New(s.inner, s.trace.Fault(), s.hook)
	return s
}

func (s *spyStore) hook(ctx context.Context, r *fault.Request, next fault.Next) (fault.Response, error) {
	var handled bool
	var err error
	switch {
	case r.Op == "put" && s.onPut != nil:
		handled, err = s.onPut(ctx, r.Key, r.Body, r.Cond)
	case r.Op == "get" && s.onGet != nil:
		handled, err = s.onGet(ctx, r.Key)
	case r.Op == "list" && s.onList != nil:
		handled, err = s.onList(ctx, r.Key)
	}
	if handled {
		return fault.Response{}, err
	}
	return next(ctx, r)
}

// run makes n records of one revision each, from first on.
func run(epoch record.Epoch, first record.Revision, n int) []record.Record {
	recs := make([]record.Record, n)
	for i := range recs {
		rev := first + record.Revision(i)
		recs[i] = record.Record{Revision: rev, Epoch: epoch, Key: fmt.Appendf(nil, "k%d", rev), Created: true, CreateRevision: rev, Version: 1, LeaderID: "node-a"}
	}
	return recs
}

// plant puts a chunk into its slot, whatever is there.
func plant(t testing.TB, s objectstore.Store, header record.Epoch, recs []record.Record) {
	t.Helper()
	b, err := datafile.EncodeChunk(datafile.Header{LeaderID: "node-x", Epoch: header, ChunkID: "planted"}, recs)
	if err != nil {
		t.Fatal(err)
	}
	plantBytes(t, s, ChunkKey(recs[0].Revision), b)
}

func plantTombstone(t testing.TB, s objectstore.Store, first record.Revision, epoch record.Epoch) {
	t.Helper()
	b, err := datafile.EncodeTombstone(datafile.Header{LeaderID: "node-x", Epoch: epoch})
	if err != nil {
		t.Fatal(err)
	}
	plantBytes(t, s, ChunkKey(first), b)
}

// plantSnapshot puts a snapshot of one record.
func plantSnapshot(t testing.TB, s objectstore.Store, last record.Pos) {
	t.Helper()
	var buf strings.Builder
	w := datafile.NewWriter(&buf, datafile.Header{Kind: datafile.Snapshot, RecordsCount: 1, Epoch: last.Epoch})
	if err := w.Write(&record.Record{Revision: last.Revision, Epoch: last.Epoch, Key: []byte("k")}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	plantBytes(t, s, SnapshotKey(last.Revision), []byte(buf.String()))
}

func plantBytes(t testing.TB, s objectstore.Store, key string, b []byte) {
	t.Helper()
	if _, err := s.Put(t.Context(), key, b, objectstore.Always()); err != nil {
		t.Fatal(err)
	}
}

func remove(t testing.TB, s objectstore.Store, key string) {
	t.Helper()
	if err := s.Delete(t.Context(), key, objectstore.Always()); err != nil {
		t.Fatal(err)
	}
}

// readLog reads everything above after.
func readLog(ctx context.Context, s objectstore.Store, after record.Revision) (chunks []Chunk, end End, err error) {
	end, err = New(s, Options{}).Read(ctx, after, func(c Chunk) error {
		chunks = append(chunks, c)
		return nil
	})
	return chunks, end, err
}

func revisions(chunks []Chunk) (revs []record.Revision) {
	for _, c := range chunks {
		for i := range c.Records {
			revs = append(revs, c.Records[i].Revision)
		}
	}
	return revs
}
