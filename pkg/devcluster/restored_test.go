package devcluster_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/grpc"

	"github.com/netsy-io/netsy/pkg/devcluster"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore/file"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
	"github.com/netsy-io/netsy/pkg/restore"
	"github.com/netsy-io/netsy/pkg/snapshot"
)

// everything is all keys as of rev; 0 is now.
func everything(t *testing.T, conn *grpc.ClientConn, rev int64) []*mvccpb.KeyValue {
	t.Helper()
	r, err := pb.NewKVClient(conn).Range(t.Context(), &pb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}, Revision: rev})
	if err != nil {
		t.Fatal(err)
	}
	return r.Kvs
}

// Clusters that begin with an older cluster's history, at several of its revisions, serve
// exactly what that one did then; and go on from there.
func TestRestored(t *testing.T) {
	dir := t.TempDir()
	was := map[record.Revision][]*mvccpb.KeyValue{}
	var last int64
	for reign := range 3 {
		c, conn := begin(t, dir)
		kv := pb.NewKVClient(conn)
		for i := range 12 {
			last = put(t, conn, fmt.Sprintf("key-%d", i%5), fmt.Sprintf("%d/%d", reign, i), 0)
			if i%4 == 3 {
				r, err := kv.DeleteRange(t.Context(), &pb.DeleteRangeRequest{Key: fmt.Appendf(nil, "key-%d", i%3)})
				if err != nil {
					t.Fatal(err)
				}
				last = r.Header.Revision
			}
			was[record.Revision(last)] = everything(t, conn, last)
		}
		end(t, c, conn)
		merge(t, dir, record.Revision(last-6))
	}
	for _, rev := range []record.Revision{record.Revision(last), record.Revision(last) - 9, record.Revision(last) - 20} {
		for was[rev] == nil {
			rev--
		}
		servesRestored(t, dir, rev, was[rev])
	}
}

func objects(t *testing.T, dir string) *file.Store {
	t.Helper()
	st, err := file.Open(t.Context(), file.Config{Dir: filepath.Join(dir, "objects")})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// merge makes a snapshot of all that is there, reduced as if compacted at a revision.
func merge(t *testing.T, dir string, compaction record.Revision) {
	t.Helper()
	st := objects(t, dir)
	snapshots := snapshot.New(st, snapshot.Options{})
	base, _, _, err := snapshots.NewestSound(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d, _, err := snapshots.Merge(t.Context(), objectlog.New(st, objectlog.Options{}), snapshot.MergeOptions{Base: base.Revision, Compaction: compaction, LeaderID: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := snapshots.Publish(t.Context(), d, nil); err != nil {
		t.Fatal(err)
	}
}

func servesRestored(t *testing.T, from string, rev record.Revision, want []*mvccpb.KeyValue) {
	t.Helper()
	dir := t.TempDir()
	d, res, err := restore.Make(t.Context(), restore.Options{Source: objects(t, from), Target: restore.Target{Revision: rev}})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := snapshot.New(objects(t, dir), snapshot.Options{}).Publish(t.Context(), d, nil); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c := start(t, devcluster.Options{Dir: dir})
	conn := dial(t, c)
	for _, at := range []int64{0, int64(rev)} {
		got := everything(t, conn, at)
		if len(got) != len(want) {
			t.Fatalf("restored to %d, read at %d: %d keys, not %d", rev, at, len(got), len(want))
		}
		for i := range got {
			if got[i].String() != want[i].String() {
				t.Errorf("restored to %d, read at %d: %v, not %v", rev, at, got[i], want[i])
			}
		}
	}
	if next := put(t, conn, "more", "1", 0); next != int64(rev)+2 { // the reign's start is one
		t.Errorf("restored to %d: the first write has revision %d", rev, next)
	}
	cluster, err := registry.New(c.Store(), "dev-cluster").Cluster(ctx)
	if err == nil && (cluster.Origin != rev || cluster.Epoch <= res.Last.Epoch) {
		err = fmt.Errorf("origin %d, epoch %d; the history ended with %v", cluster.Origin, cluster.Epoch, res.Last)
	}
	if err != nil {
		t.Error(err)
	}
}
