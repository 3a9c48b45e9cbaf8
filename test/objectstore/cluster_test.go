package objectstoretest

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/netsy-io/netsy/pkg/devcluster"
	"github.com/netsy-io/netsy/pkg/objectstore"
)

// A whole node lives in the bucket: it writes while requests are lost, late and
// refused, its disk is deleted, and everything acknowledged is there again.

func TestNodeOnS3(t *testing.T) {
	t.Parallel()
	g := startVersitygw(t)
	nodeOn(t, g.open(t, g.config()), g.proxy)
	g.reached(t, "cluster.json")
}

func TestNodeOnGCS(t *testing.T) {
	t.Parallel()
	g := startFakeGCS(t)
	nodeOn(t, g.open(t, g.config()), g.proxy)
	g.reached(t, "cluster.json")
}

func nodeOn(t *testing.T, s objectstore.Store, p *proxy) {
	t.Helper()
	dir := t.TempDir()
	c, conn := startOn(t, s, dir)
	var n atomic.Int64
	p.misbehave(func(w http.ResponseWriter, r *http.Request, forward http.HandlerFunc) {
		if r.Method == http.MethodGet || r.Method == http.MethodHead || !strings.Contains(r.URL.String(), "chunks") {
			forward(w, r)
			return
		}
		switch n.Add(1) % 5 {
		case 1:
			loseReply(w, r, forward) // it happened, and nobody says so
		case 3:
			cut(w, r, forward) // it didn't
		default:
			forward(w, r)
		}
	})
	revs := createSome(t, conn)
	p.misbehave(nil)
	stopOn(t, c, conn)
	if n.Load() < 10 {
		t.Fatalf("only %d writes of chunks: the faults tested nothing", n.Load())
	}

	if err := os.RemoveAll(filepath.Join(dir, "node-1")); err != nil {
		t.Fatal(err)
	}
	c, conn = startOn(t, s, dir)
	defer stopOn(t, c, conn)
	got, err := pb.NewKVClient(conn).Range(t.Context(), &pb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Kvs) != len(revs) {
		t.Fatalf("%d keys after the disk was deleted, %d were acknowledged", len(got.Kvs), len(revs))
	}
	for _, kv := range got.Kvs {
		if revs[string(kv.Key)] != kv.ModRevision || kv.Version != 1 {
			t.Fatalf("%v: acknowledged at revision %d", kv, revs[string(kv.Key)])
		}
	}
}

// createSome creates keys by several writers at once and returns their revisions.
func createSome(t *testing.T, conn *grpc.ClientConn) map[string]int64 {
	t.Helper()
	kv := pb.NewKVClient(conn)
	revs := map[string]int64{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 10 {
				key := fmt.Sprintf("w%d/k%d", w, i)
				r, err := kv.Put(t.Context(), &pb.PutRequest{Key: []byte(key), Value: []byte(key)})
				if err != nil {
					t.Errorf("%s: %v", key, err)
					return
				}
				mu.Lock()
				revs[key] = r.Header.Revision
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return revs
}

func startOn(t *testing.T, s objectstore.Store, dir string) (*devcluster.Cluster, *grpc.ClientConn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, err := devcluster.Start(ctx, devcluster.Options{Dir: dir, Wrap: func(objectstore.Store) objectstore.Store { return s }})
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := c.ClientTLS()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient("passthrough:///"+strings.TrimPrefix(c.Endpoints()[0], "https://"), grpc.WithTransportCredentials(credentials.NewTLS(cfg)))
	if err != nil {
		t.Fatal(err)
	}
	return c, conn
}

func stopOn(t *testing.T, c *devcluster.Cluster, conn *grpc.ClientConn) {
	t.Helper()
	conn.Close()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}
