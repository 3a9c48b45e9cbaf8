package devcluster_test

import (
	"fmt"
	"testing"

	clientpb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/netsy-io/netsy/pkg/devcluster"
)

// TestCompactThroughReplica compacts through each node in turn: it is found on all of them,
// as in etcd, by every read that is current.
func TestCompactThroughReplica(t *testing.T) {
	c := start(t, devcluster.Options{Dir: t.TempDir(), Nodes: 3})
	nodes := []clientpb.KVClient{dialNode(t, c, 0), dialNode(t, c, 1), dialNode(t, c, 2)}
	for i := range 60 {
		kv := nodes[i%3]
		put, err := kv.Put(t.Context(), &clientpb.PutRequest{Key: []byte("k"), Value: fmt.Append(nil, i)})
		if err != nil {
			t.Fatal(err)
		}
		rev := put.Header.Revision
		if _, err := kv.Compact(t.Context(), &clientpb.CompactionRequest{Revision: rev}); err != nil {
			t.Fatal(err)
		}
		for n, kv := range nodes {
			if got, err := kv.Range(t.Context(), &clientpb.RangeRequest{Key: []byte("k"), Revision: rev - 1}); status.Code(err) != codes.OutOfRange {
				t.Fatalf("node %d: a read at %d after a compaction to %d through node %d: %v, %v", n+1, rev-1, rev, i%3+1, got, err)
			}
		}
	}
}
