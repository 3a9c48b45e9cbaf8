package bucket_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"go.uber.org/goleak"

	"github.com/netsy-io/netsy/pkg/bucket"
	"github.com/netsy-io/netsy/pkg/bucket/buckettest"
	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/elector"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
	"github.com/netsy-io/netsy/pkg/origin"
	"github.com/netsy-io/netsy/pkg/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The keys that other packages make are known here.
func TestKeys(t *testing.T) {
	if bucket.ElectorLockKey != elector.LockKey || bucket.BootstrapKey != origin.BootstrapKey {
		t.Error("the keys differ")
	}
}

func TestList(t *testing.T) {
	b := buckettest.Long(t)
	foreign := []string{"x", "chunks/x.netsy", "chunks/0000000000000000000.netsy", "chunks/1.netsy", "snapshots/0000000000000000001", "leader/x", "cluster.json.bak"}
	for _, key := range append(foreign, "probe/abc", "bootstrap.netsy", "leader/compactor.json") {
		b.Put(key, []byte("x"))
	}
	c, err := bucket.List(t.Context(), b.Store)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Snapshots) != 2 || c.Snapshots[0].Revision != 7 || c.Snapshots[1].Revision != 12 {
		t.Errorf("snapshots: %v", c.Snapshots)
	}
	if len(c.Chunks) != 6 || c.Chunks[0].Revision != 1 || c.Chunks[5].Revision != 16 {
		t.Errorf("chunks: %v", c.Chunks)
	}
	if len(c.Foreign) != len(foreign) || len(c.Nodes) != 1 || len(c.Documents) != 6 || !c.Has("cluster.json") || c.Has("x") {
		t.Errorf("%v %v %v", c.Foreign, c.Nodes, c.Documents)
	}
	if c.Objects != 6+2+1+6+len(foreign) || c.Bytes == 0 {
		t.Errorf("%d objects, %d bytes", c.Objects, c.Bytes)
	}
}

// More chunks than are read ahead come in order; what is wrong with one is told with it.
func TestReadChunks(t *testing.T) {
	b := buckettest.New(t)
	b.Seal(1)
	for range 100 {
		b.Write("a")
		b.Flush()
	}
	b.Put(objectlog.ChunkKey(40), []byte("x"))
	b.Put(objectlog.ChunkKey(50), b.Get(objectlog.ChunkKey(51)))
	b.Tombstone(70)
	c, err := bucket.List(t.Context(), b.Store)
	if err != nil {
		t.Fatal(err)
	}
	b.Remove(objectlog.ChunkKey(60))
	next := record.Revision(1)
	err = bucket.ReadChunks(t.Context(), b.Store, c.Chunks, func(ch *bucket.Chunk) error {
		var want error
		switch next {
		case 40:
			want = datafile.ErrCorrupt
		case 50:
			want = objectlog.ErrMisplaced
		case 60:
			want = objectstore.ErrNotFound
		}
		if ch.Revision != next || !errors.Is(ch.Err, want) || objectlog.Damaged(ch.Err) != (next == 40 || next == 50) || bucket.Gone(ch.Err) != (next == 60) {
			return fmt.Errorf("slot %d, want %d: %v", ch.Revision, next, ch.Err)
		}
		if n := len(ch.Records); (n == 1) != (want == nil && next != 70) {
			return fmt.Errorf("slot %d has %d records", next, n)
		}
		next++
		return nil
	})
	if err != nil || next != 102 {
		t.Errorf("up to %d: %v", next, err)
	}
}

func TestReadChunksEnds(t *testing.T) {
	b := buckettest.New(t)
	b.Seal(1)
	for range 60 {
		b.Write("a")
		b.Flush()
	}
	c, err := bucket.List(t.Context(), b.Store)
	if err != nil {
		t.Fatal(err)
	}
	enough := errors.New("enough")
	if err := bucket.ReadChunks(t.Context(), b.Store, c.Chunks, func(ch *bucket.Chunk) error {
		if ch.Revision == 20 {
			return enough
		}
		return nil
	}); err != enough {
		t.Errorf("by its reader: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := bucket.ReadChunks(ctx, b.Store, c.Chunks, func(*bucket.Chunk) error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	st := fault.New(b.Store, func(ctx context.Context, r *fault.Request, next fault.Next) (fault.Response, error) {
		if r.Key == objectlog.ChunkKey(30) {
			return fault.Response{}, objectstore.Errorf(objectstore.ErrPermanent, r.Op, r.Key, "forbidden")
		}
		return next(ctx, r)
	})
	if err := bucket.ReadChunks(t.Context(), st, c.Chunks, func(*bucket.Chunk) error { return nil }); !errors.Is(err, objectstore.ErrPermanent) {
		t.Errorf("forbidden: %v", err)
	}
}
