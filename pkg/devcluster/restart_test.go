package devcluster_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"go.uber.org/goleak"
	"google.golang.org/grpc"

	"github.com/netsy-io/netsy/pkg/devcluster"
	"github.com/netsy-io/netsy/pkg/mvcc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// begin starts a cluster on dir that the test ends itself.
func begin(t *testing.T, dir string) (*devcluster.Cluster, *grpc.ClientConn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, err := devcluster.Start(ctx, devcluster.Options{Dir: dir, Logger: logger()})
	if err != nil {
		t.Fatal(err)
	}
	return c, dial(t, c)
}

func end(t *testing.T, c *devcluster.Cluster, conn *grpc.ClientConn) {
	t.Helper()
	conn.Close()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, conn *grpc.ClientConn, key, value string, lease int64) int64 {
	t.Helper()
	r, err := pb.NewKVClient(conn).Put(t.Context(), &pb.PutRequest{Key: []byte(key), Value: []byte(value), Lease: lease})
	if err != nil {
		t.Fatal(err)
	}
	return r.Header.Revision
}

// watchFrom returns what the watch sends, one event at a time.
func watchFrom(t *testing.T, conn *grpc.ClientConn, key string, rev int64) func() *mvccpb.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	s, err := pb.NewWatchClient(conn).Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	err = s.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: &pb.WatchCreateRequest{
		Key: []byte(key), StartRevision: rev, PrevKv: true,
	}}})
	if err != nil {
		t.Fatal(err)
	}
	var queue []*mvccpb.Event
	return func() *mvccpb.Event {
		t.Helper()
		for len(queue) == 0 {
			r, err := s.Recv()
			if err != nil {
				t.Fatal(err)
			}
			if r.Canceled {
				t.Fatalf("cancelled: %v", r)
			}
			queue = r.Events
		}
		ev := queue[0]
		queue = queue[1:]
		return ev
	}
}

// A lease outlives a restart: its key is still deleted, no sooner than its TTL.
func TestLeaseSurvivesRestart(t *testing.T) {
	dir := t.TempDir()
	c, conn := begin(t, dir)
	l, err := pb.NewLeaseClient(conn).LeaseGrant(t.Context(), &pb.LeaseGrantRequest{TTL: 2})
	if err != nil {
		t.Fatal(err)
	}
	rev := put(t, conn, "event", "v", l.ID)
	end(t, c, conn)

	c, conn = begin(t, dir)
	defer end(t, c, conn)
	next := watchFrom(t, conn, "event", rev)
	if ev := next(); ev.Type != mvccpb.PUT || ev.Kv.Lease != l.ID {
		t.Fatal(ev)
	}
	ev := next()
	if ev.Type != mvccpb.DELETE || ev.PrevKv == nil || string(ev.PrevKv.Value) != "v" || ev.Kv.ModRevision <= rev {
		t.Fatal(ev)
	}
}

// Restarts change nothing that a client can see but the revision, by one each: the
// epoch start.
func TestHistorySurvivesRestarts(t *testing.T) {
	dir := t.TempDir()
	revs := map[string]int64{}
	for round := range 3 {
		c, conn := begin(t, dir)
		for i := range 20 {
			key := fmt.Sprintf("k%d-%d", round, i)
			revs[key] = put(t, conn, key, key, 0)
		}
		end(t, c, conn)
	}
	c, conn := begin(t, dir)
	defer end(t, c, conn)
	got, err := pb.NewKVClient(conn).Range(t.Context(), &pb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Kvs) != 60 || got.Count != 60 || got.Header.Revision != 64 {
		t.Fatalf("%d keys at revision %d, want 60 at 64 (60 writes, 4 reigns)", len(got.Kvs), got.Header.Revision)
	}
	for _, kv := range got.Kvs {
		if revs[string(kv.Key)] != kv.ModRevision || kv.Version != 1 {
			t.Fatalf("%v, acknowledged at %d", kv, revs[string(kv.Key)])
		}
	}
}

// A compaction holds after a restart, at every door.
func TestCompactionSurvivesRestart(t *testing.T) {
	dir := t.TempDir()
	c, conn := begin(t, dir)
	put(t, conn, "k", "1", 0)
	rev := put(t, conn, "k", "2", 0)
	put(t, conn, "k", "3", 0)
	if _, err := pb.NewKVClient(conn).Compact(t.Context(), &pb.CompactionRequest{Revision: rev}); err != nil {
		t.Fatal(err)
	}
	end(t, c, conn)
	c, conn = begin(t, dir)
	defer end(t, c, conn)
	kv := pb.NewKVClient(conn)
	if _, err := kv.Range(t.Context(), &pb.RangeRequest{Key: []byte("k"), Revision: rev - 1}); rpctypes.Error(err) != rpctypes.ErrCompacted {
		t.Fatal(err)
	}
	r, err := kv.Range(t.Context(), &pb.RangeRequest{Key: []byte("k"), Revision: rev})
	if err != nil || string(r.Kvs[0].Value) != "2" {
		t.Fatal(r, err)
	}
	if _, err := kv.Compact(t.Context(), &pb.CompactionRequest{Revision: rev}); rpctypes.Error(err) != rpctypes.ErrCompacted {
		t.Fatal(err)
	}
	next := watchFrom(t, conn, "k", rev)
	if ev := next(); string(ev.Kv.Value) != "2" || ev.PrevKv != nil {
		t.Fatalf("at the compaction revision the previous value counts as gone: %v", ev)
	}
	if ev := next(); string(ev.Kv.Value) != "3" || ev.PrevKv == nil || string(ev.PrevKv.Value) != "2" {
		t.Fatalf("the first event after it comes whole: %v", ev)
	}
}

// A damaged local file is set aside, and everything comes back from the bucket.
func TestDamagedFileIsSetAside(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"garbage": func(path string) error {
			return os.WriteFile(path, []byte("this is no database, and it is long enough"), 0o600)
		},
		"truncated": func(path string) error { return os.Truncate(path, 5000) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			c, conn := begin(t, dir)
			rev := put(t, conn, "k", "v", 0)
			before := c.Node(0).Incarnation()
			end(t, c, conn)
			file := filepath.Join(dir, "node-1", "netsy.db")
			for _, suffix := range []string{"-wal", "-shm"} {
				if err := os.Remove(file + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
					t.Fatal(err)
				}
			}
			if err := damage(file); err != nil {
				t.Fatal(err)
			}
			c, conn = begin(t, dir)
			defer end(t, c, conn)
			r, err := pb.NewKVClient(conn).Range(t.Context(), &pb.RangeRequest{Key: []byte("k")})
			if err != nil || len(r.Kvs) != 1 || r.Kvs[0].ModRevision != rev {
				t.Fatal(r, err)
			}
			if c.Node(0).Incarnation() == before {
				t.Fatal("the new file is the same incarnation")
			}
			if aside, err := filepath.Glob(file + ".aside-*"); err != nil || len(aside) == 0 {
				t.Fatal("the damaged file is gone: ", err)
			}
		})
	}
}

// TestUnreadableValue: a node that finds its file damaged while it serves says so and ends; it doesn't
// go on with what it can't read. The next start sets the file aside, whether it would find the
// damage or not.
func TestUnreadableValue(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, err := devcluster.Start(ctx, devcluster.Options{Dir: dir, Logger: logger(), ValueCache: 1})
	if err != nil {
		t.Fatal(err)
	}
	conn := dial(t, c)
	defer conn.Close()
	rev, before := put(t, conn, "k", "v", 0), c.Node(0).Incarnation()
	kv := pb.NewKVClient(conn)
	if r, err := kv.Range(t.Context(), &pb.RangeRequest{Key: []byte("k")}); err != nil || string(r.Kvs[0].Value) != "v" {
		t.Fatal(r, err)
	}
	db, err := sql.Open("sqlite3", filepath.Join(dir, "node-1", "netsy.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "DELETE FROM records WHERE key = CAST('k' AS BLOB)"); err != nil {
		t.Fatal(err)
	}
	if r, err := kv.Range(t.Context(), &pb.RangeRequest{Key: []byte("k")}); err == nil {
		t.Error(r)
	}
	select {
	case <-c.Done():
	case <-ctx.Done():
		t.Fatal("it serves on")
	}
	if err := c.Close(); !errors.Is(err, mvcc.ErrCorrupt) {
		t.Error(err)
	}
	again, other := begin(t, dir)
	defer end(t, again, other)
	r, err := pb.NewKVClient(other).Range(t.Context(), &pb.RangeRequest{Key: []byte("k")})
	if err != nil || len(r.Kvs) != 1 || r.Kvs[0].ModRevision != rev || again.Node(0).Incarnation() == before {
		t.Error(r, err)
	}
}
