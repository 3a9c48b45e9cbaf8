package objectstoretest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/compactor"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
	"github.com/netsy-io/netsy/pkg/snapshot"
)

func TestCompactorOnS3(t *testing.T) {
	t.Parallel()
	g := startVersitygw(t)
	compactorOn(t, g.open(t, g.config()))
	g.reached(t, compactor.LockKey)
}

func TestCompactorOnGCS(t *testing.T) {
	t.Parallel()
	g := startFakeGCS(t)
	compactorOn(t, g.open(t, g.config()))
	g.reached(t, compactor.LockKey)
}

// compactorOn writes a log and lets a compactor work between its reigns, with next to no
// retention: conditions, versions and times are the server's.
func compactorOn(t *testing.T, s objectstore.Store) {
	ctx := t.Context()
	if _, err := registry.New(s, "test").EnsureCluster(ctx, registry.QuorumMajority); err != nil {
		t.Fatal(err)
	}
	c := compactor.New(compactor.Options{Store: s, ClusterID: "test", ID: "c", Thresholds: compactor.Thresholds{Records: 1}, Retention: 1, Keep: 2, Dir: t.TempDir()})
	var total compactor.Report
	next := record.Revision(1)
	for epoch := record.Epoch(1); epoch <= 4; epoch++ {
		next = aReign(ctx, t, s, epoch, next)
		r, err := c.Once(ctx)
		if err != nil || r.Outcome != compactor.Done || r.Written != next-1 {
			t.Fatalf("epoch %d: %+v, %v", epoch, r, err)
		}
		total.Deleted, total.Tombstones, total.DeletedSnapshots = total.Deleted+r.Deleted, total.Tombstones+r.Tombstones, total.DeletedSnapshots+r.DeletedSnapshots
		awaitLater(ctx, t, s)
	}
	if total.Deleted != 9 || total.Tombstones != 3 || total.DeletedSnapshots != 2 {
		t.Errorf("freed %+v", total)
	}
	snaps := snapshot.New(s, snapshot.Options{})
	list, err := snaps.List(ctx)
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, l := range list {
		if info, err := snaps.Verify(ctx, l.Revision, nil); err != nil || info.Records != int64(l.Revision) {
			t.Errorf("%+v, %v", info, err)
		}
	}
	if _, err := objectlog.New(s, objectlog.Options{}).Read(ctx, list[0].Revision, func(objectlog.Chunk) error { return nil }); err != nil {
		t.Error(err)
	}
}

// awaitLater returns once what is written now is younger, by the server's clock, which may
// count whole seconds, than what was written before.
func awaitLater(ctx context.Context, t *testing.T, s objectstore.Store) {
	t.Helper()
	before, err := s.Stat(ctx, compactor.LockKey)
	for now := before; err == nil && !now.Modified.After(before.Modified); now, err = s.Stat(ctx, "tick") {
		_, err = s.Put(ctx, "tick", fmt.Append(nil, time.Now()), objectstore.Always())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// aReign appends a seal and three chunks.
func aReign(ctx context.Context, t *testing.T, s objectstore.Store, epoch record.Epoch, next record.Revision) record.Revision {
	t.Helper()
	w := objectlog.New(s, objectlog.Options{}).NewWriter(epoch, "node", next)
	prev := record.KeyState{}
	if epoch > 1 {
		prev = record.KeyState{CreateRevision: 1, ModRevision: next - 4, Version: int64(epoch) - 1}
	}
	recs := []record.Record{record.EpochStart(next, epoch, "node", prev, time.Time{})}
	for n := 0; ; n++ {
		info, err := w.Append(ctx, recs)
		if err != nil {
			t.Fatal(err)
		}
		next = info.Last.Revision + 1
		if n == 3 {
			return next
		}
		recs = []record.Record{{Revision: next, Epoch: epoch, Key: fmt.Appendf(nil, "k%d", next), Value: make([]byte, 8<<10),
			Created: true, CreateRevision: next, Version: 1, LeaderID: "node"}}
	}
}
