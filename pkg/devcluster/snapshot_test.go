package devcluster_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	clientpb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/netsy-io/netsy/pkg/compactor"
	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/devcluster"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
)

// hasty makes snapshots of nearly nothing and frees what they supersede at once.
func hasty() *devcluster.Compactor {
	return &devcluster.Compactor{
		Options:  compactor.Options{Thresholds: compactor.Thresholds{Records: 10}, Retention: time.Millisecond, Keep: 2},
		Interval: 50 * time.Millisecond,
	}
}

// contents is every key with all that clients see of it.
func contents(t *testing.T, kv clientpb.KVClient) map[string]string {
	t.Helper()
	got, err := kv.Range(t.Context(), &clientpb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, k := range got.Kvs {
		all[string(k.Key)] = fmt.Sprintf("%q %d %d %d", k.Value, k.CreateRevision, k.ModRevision, k.Version)
	}
	return all
}

func same(t *testing.T, who string, got, want map[string]string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s has %d keys, want %d", who, len(got), len(want))
	}
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%s: %s is %s, want %s", who, k, got[k], v)
		}
	}
}

// churn creates, changes and deletes keys, and compacts now and then.
func churn(t *testing.T, kv clientpb.KVClient, n int) (last int64) {
	t.Helper()
	for i := range n {
		key := []byte(fmt.Sprintf("k%d", i%17))
		var err error
		if i%5 == 4 {
			var d *clientpb.DeleteRangeResponse
			if d, err = kv.DeleteRange(t.Context(), &clientpb.DeleteRangeRequest{Key: key}); err == nil {
				last = d.Header.Revision
			}
		} else {
			var p *clientpb.PutResponse
			if p, err = kv.Put(t.Context(), &clientpb.PutRequest{Key: key, Value: fmt.Append(nil, i)}); err == nil {
				last = p.Header.Revision
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		if i%40 == 39 {
			if _, err := kv.Compact(t.Context(), &clientpb.CompactionRequest{Revision: last - 20}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return last
}

// awaitFreed waits until the log's first chunk, in which the first reign began, is a tombstone.
func awaitFreed(t *testing.T, c *devcluster.Cluster) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		b, _, err := objectstore.ReadAll(ctx, c.Store(), objectlog.ChunkKey(1), datafile.MaxChunkSize)
		if err != nil {
			t.Fatal(err)
		}
		h, err := datafile.DecodeHeader(b)
		if err != nil {
			t.Fatal(err)
		}
		if h.Tombstone() {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatal("the first chunk was never freed")
		case <-time.After(50 * time.Millisecond): // the bucket can only be asked
		}
	}
}

// TestNodesLoadSnapshots: with the log's beginning gone, a new node joins, one that was
// off for long comes back, and a cluster that lost every disk starts again.
func TestNodesLoadSnapshots(t *testing.T) {
	dir := t.TempDir()
	c := start(t, devcluster.Options{Dir: dir, Nodes: 3, MaxNodes: 4, Compactor: hasty()})
	churn(t, dialNode(t, c, 0), 100)
	if err := c.StopNode(2); err != nil {
		t.Fatal(err)
	}
	churn(t, dialNode(t, c, 0), 200)
	if err := c.StopNode(1); err != nil { // one is left: everything is in the log
		t.Fatal(err)
	}
	churn(t, dialNode(t, c, 0), 20)
	awaitFreed(t, c)
	want := contents(t, dialNode(t, c, 0))

	for _, i := range []int{1, 2, 3} {
		if err := c.StartNode(t.Context(), i); err != nil {
			t.Fatal(err)
		}
		if err := c.Node(i).AwaitLeader(t.Context()); err != nil {
			t.Fatal(err)
		}
		same(t, fmt.Sprintf("node-%d", i+1), contents(t, dialNode(t, c, i)), want)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		if err := os.RemoveAll(filepath.Join(dir, fmt.Sprintf("node-%d", i+1))); err != nil {
			t.Fatal(err)
		}
	}
	c = start(t, devcluster.Options{Dir: dir, Nodes: 1, Compactor: hasty()})
	same(t, "a cluster without its disks", contents(t, dialNode(t, c, 0)), want)
	if last := churn(t, dialNode(t, c, 0), 1); last == 0 {
		t.Error("it takes no writes")
	}
}
