package devcluster_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	clientpb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/netsy-io/netsy/pkg/devcluster"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// awaitCompacted waits until the Primary refuses reads below rev, and notes when
// cluster.json first said what.
func awaitCompacted(t *testing.T, c *devcluster.Cluster, primary clientpb.KVClient, rev int64) map[record.Revision]time.Time {
	t.Helper()
	reg := registry.New(c.Store(), "dev-cluster")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	said := map[record.Revision]time.Time{}
	for {
		doc, err := reg.Cluster(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if said[doc.CompactionRevision].IsZero() {
			said[doc.CompactionRevision] = time.Now()
		}
		_, err = primary.Range(ctx, &clientpb.RangeRequest{Key: []byte("k"), Revision: rev - 1, CountOnly: true})
		if status.Code(err) == codes.OutOfRange {
			return said
		}
		select {
		case <-ctx.Done():
			t.Fatalf("compacted at %d, want %d: %v", doc.CompactionRevision, rev, err)
		case <-time.After(20 * time.Millisecond): // there is nothing to wait for: compaction tells nobody
		}
	}
}

// watchNode opens a watch of key at the i-th node, whose client holds little by itself.
func watchNode(t *testing.T, c *devcluster.Cluster, i int, key string, start int64) clientpb.Watch_WatchClient {
	t.Helper()
	tlsConfig, err := c.ClientTLS()
	if err != nil {
		t.Fatal(err)
	}
	const window = 64 << 10 // the least that there is
	conn, err := grpc.NewClient("passthrough:///"+c.Endpoints()[i][len("https://"):], grpc.WithTransportCredentials(credentials.NewTLS(tlsConfig)),
		grpc.WithInitialWindowSize(window), grpc.WithInitialConnWindowSize(window))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	s, err := clientpb.NewWatchClient(conn).Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send(&clientpb.WatchRequest{RequestUnion: &clientpb.WatchRequest_CreateRequest{
		CreateRequest: &clientpb.WatchCreateRequest{Key: []byte(key), StartRevision: start, PrevKv: true},
	}}); err != nil {
		t.Fatal(err)
	}
	if resp, err := s.Recv(); err != nil || !resp.Created || resp.Canceled {
		t.Fatal(resp, err)
	}
	return s
}

// TestSlowWatchOnReplica: a watch whose client doesn't read holds compaction back from
// another node than the Primary, for one further window; then it is cancelled as
// compacted, compaction goes on, and every node answers as one that is compacted.
func TestSlowWatchOnReplica(t *testing.T) {
	const window = time.Second
	c := start(t, devcluster.Options{Dir: t.TempDir(), Nodes: 3, CompactionInterval: window / 4, CompactionWindow: window})
	doc := awaitMode(t, c, registry.ModeQuorum, 3)
	var nodes []clientpb.KVClient
	for i := range 3 {
		nodes = append(nodes, dialNode(t, c, i))
	}
	primary := slices.Index([]string{"node-1", "node-2", "node-3"}, doc.Primary.NodeID)
	replica := (primary + 1) % 3
	value := []byte(strings.Repeat("x", 128<<10))
	put := func() int64 {
		resp, err := nodes[0].Put(t.Context(), &clientpb.PutRequest{Key: []byte("k"), Value: value})
		if err != nil {
			t.Fatal(err)
		}
		return resp.Header.Revision
	}
	first := put()
	slow := watchNode(t, c, replica, "k", first)
	last := first
	sent := map[int64]time.Time{}
	for range 40 {
		before := time.Now()
		last = put()
		sent[last] = before
	}
	said := awaitCompacted(t, c, nodes[primary], last)

	next := first
	for {
		resp, err := slow.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if resp.Canceled {
			if resp.CompactRevision <= next || resp.CompactRevision > last {
				t.Errorf("cancelled as compacted at %d, after all below %d of %d revisions", resp.CompactRevision, next, last)
			}
			break
		}
		for _, e := range resp.Events {
			if e.Kv.ModRevision != next || (e.PrevKv == nil) != (next == first) {
				t.Fatalf("event of %d instead of %d, previous value %v", e.Kv.ModRevision, next, e.PrevKv != nil)
			}
			next++
		}
	}
	// Compaction got to next, which it still had to read, no sooner than two windows later.
	for rev, at := range said {
		if held := at.Sub(sent[next]); rev >= record.Revision(next) && held < 2*window {
			t.Errorf("the watch on %d was given up after %v", next, held)
		}
	}
	checkCompacted(t, c, nodes, last)

	again := put()
	awaitCompacted(t, c, nodes[primary], again)
	checkCompacted(t, c, nodes, again)
}

// checkCompacted: history is compacted at rev, the present, for clients of every node.
func checkCompacted(t *testing.T, c *devcluster.Cluster, nodes []clientpb.KVClient, rev int64) {
	t.Helper()
	for i, kv := range nodes {
		if got, err := kv.Range(t.Context(), &clientpb.RangeRequest{Key: []byte("k"), Revision: rev - 1, CountOnly: true}); status.Code(err) != codes.OutOfRange {
			t.Errorf("node %d: at %d: %v, %v", i+1, rev-1, got, err)
		}
		if got, err := kv.Range(t.Context(), &clientpb.RangeRequest{Key: []byte("k"), Revision: rev}); err != nil || got.Kvs[0].ModRevision != rev {
			t.Errorf("node %d: at %d: %v", i+1, rev, err)
		}
		if resp, err := watchNode(t, c, i, "k", rev-1).Recv(); err != nil || !resp.Canceled || resp.CompactRevision != rev || len(resp.Events) > 0 {
			t.Errorf("node %d: from %d on: canceled %v, compacted at %d, %v", i+1, rev-1, resp.GetCanceled(), resp.GetCompactRevision(), err)
		}
		if resp, err := watchNode(t, c, i, "k", rev).Recv(); err != nil || len(resp.Events) != 1 || resp.Events[0].Kv.ModRevision != rev || resp.Events[0].PrevKv != nil {
			t.Errorf("node %d: from %d on: %d events, %v", i+1, rev, len(resp.GetEvents()), err)
		}
	}
}
