package devcluster_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	clientpb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/netsy-io/netsy/pkg/devcluster"
	"github.com/netsy-io/netsy/pkg/registry"
)

func dialNode(t *testing.T, c *devcluster.Cluster, i int) clientpb.KVClient {
	t.Helper()
	tlsConfig, err := c.ClientTLS()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient("passthrough:///"+c.Endpoints()[i][len("https://"):], grpc.WithTransportCredentials(credentials.NewTLS(tlsConfig)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return clientpb.NewKVClient(conn)
}

func awaitMode(t *testing.T, c *devcluster.Cluster, mode registry.Mode, voters int) registry.Cluster {
	t.Helper()
	reg := registry.New(c.Store(), "dev-cluster")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		doc, err := reg.Cluster(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if doc.Durability.Mode == mode && len(doc.Durability.Voters) == voters {
			return doc
		}
		select {
		case <-ctx.Done():
			t.Fatalf("durability is %+v, want mode %s with %d voters", doc.Durability, mode, voters)
		case <-time.After(20 * time.Millisecond): // the bucket can only be asked
		}
	}
}

func TestThreeNodes(t *testing.T) {
	c := start(t, devcluster.Options{Dir: t.TempDir(), Nodes: 3})
	awaitMode(t, c, registry.ModeQuorum, 3)
	for i := range 30 {
		key := []byte(fmt.Sprintf("k%d", i))
		put, err := dialNode(t, c, i%3).Put(t.Context(), &clientpb.PutRequest{Key: key, Value: []byte("v")})
		if err != nil {
			t.Fatal(err)
		}
		for n := range 3 { // read your writes, everywhere
			got, err := dialNode(t, c, n).Range(t.Context(), &clientpb.RangeRequest{Key: key})
			if err != nil || len(got.Kvs) != 1 || got.Kvs[0].ModRevision != put.Header.Revision {
				t.Fatalf("node %d: %v, %v", n+1, got, err)
			}
		}
	}
}

// load writes at every node from several goroutines until stop is called, and
// reports how many writes succeeded. Each write is tried until its outcome is
// success; every key is written once and never found missing.
type load struct {
	cancel context.CancelFunc
	done   chan struct{}
	wrote  atomic.Int64
	fails  atomic.Int64
	mu     sync.Mutex
	keys   map[string]int64 // acknowledged: key to revision
}

func (l *load) stop() { l.cancel(); <-l.done }

func startLoad(t *testing.T, c *devcluster.Cluster, nodes func() []int) *load {
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{cancel: cancel, done: make(chan struct{}), keys: map[string]int64{}}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				key := fmt.Sprintf("load/%d/%d", w, i)
				for try := 0; ctx.Err() == nil; try++ {
					up := nodes()
					kv := dialNode(t, c, up[(i+try)%len(up)])
					resp, err := kv.Put(ctx, &clientpb.PutRequest{Key: []byte(key), Value: []byte("v")})
					if err == nil {
						l.mu.Lock()
						l.keys[key] = resp.Header.Revision
						l.mu.Unlock()
						l.wrote.Add(1)
						break
					}
					if ctx.Err() == nil {
						l.fails.Add(1)
						t.Logf("%s at node-%d: %v", key, up[(i+try)%len(up)]+1, err)
					}
				}
			}
		})
	}
	go func() {
		wg.Wait()
		close(l.done)
	}()
	return l
}

func (l *load) check(t *testing.T, c *devcluster.Cluster, node int) {
	t.Helper()
	kv := dialNode(t, c, node)
	for key, rev := range l.keys {
		got, err := kv.Range(t.Context(), &clientpb.RangeRequest{Key: []byte(key)})
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Kvs) != 1 || got.Kvs[0].ModRevision < rev {
			t.Fatalf("%s was acknowledged at revision %d, found: %v", key, rev, got.Kvs)
		}
	}
}

// Nodes leave and come back one by one, the Primary among them, under load.
func TestRollingRestart(t *testing.T) {
	c := start(t, devcluster.Options{Dir: t.TempDir(), Nodes: 3})
	awaitMode(t, c, registry.ModeQuorum, 3)
	var down atomic.Int64
	down.Store(-1)
	l := startLoad(t, c, func() (up []int) {
		for i := range 3 {
			if int64(i) != down.Load() {
				up = append(up, i)
			}
		}
		return up
	})
	for i := range 3 {
		before := l.wrote.Load()
		down.Store(int64(i))
		began := time.Now()
		if err := c.StopNode(i); err != nil {
			t.Fatal(err)
		}
		t.Logf("node-%d stopped after %v, %d writes meanwhile", i+1, time.Since(began), l.wrote.Load()-before)
		for before = l.wrote.Load(); l.wrote.Load() < before+20; {
			time.Sleep(5 * time.Millisecond) // writes go on without it
		}
		t.Logf("20 more writes %v after the stop began", time.Since(began))
		if err := c.StartNode(t.Context(), i); err != nil {
			t.Fatal(err)
		}
		if err := c.Node(i).AwaitLeader(t.Context()); err != nil {
			t.Fatal(err)
		}
		down.Store(-1)
		awaitMode(t, c, registry.ModeQuorum, 3)
	}
	l.stop()
	t.Logf("%d writes, %d failed tries", l.wrote.Load(), l.fails.Load())
	for i := range 3 {
		l.check(t, c, i)
	}
}

// One node becomes five, and five become one again, under load.
func TestFromOneToFiveAndBack(t *testing.T) {
	c := start(t, devcluster.Options{Dir: t.TempDir(), Nodes: 1, MaxNodes: 5})
	l := startLoad(t, c, func() []int { return []int{0} })
	for n := 1; n < 5; n++ {
		if err := c.StartNode(t.Context(), n); err != nil {
			t.Fatal(err)
		}
		doc := awaitMode(t, c, registry.ModeQuorum, n+1)
		t.Logf("%d voters in epoch %d after %d writes", len(doc.Durability.Voters), doc.Epoch, l.wrote.Load())
	}
	for n := 4; n > 0; n-- {
		if err := c.StopNode(n); err != nil {
			t.Fatal(err)
		}
		mode := registry.ModeQuorum
		if n == 1 {
			mode = registry.ModeObjectStorage
		}
		awaitMode(t, c, mode, n)
		t.Logf("%d voters after %d writes", n, l.wrote.Load())
	}
	l.stop()
	t.Logf("%d writes, %d failed tries", l.wrote.Load(), l.fails.Load())
	l.check(t, c, 0)
}
