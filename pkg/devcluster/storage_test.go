package devcluster_test

import (
	"context"
	"sync"
	"testing"
	"time"

	clientpb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/netsy-io/netsy/pkg/devcluster"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
	"github.com/netsy-io/netsy/pkg/registry"
)

// roads are the nodes' ways to the object store.
type roads struct {
	mu sync.Mutex
	to map[int]*fault.Store
}

func (r *roads) wrap(i int, s objectstore.Store) objectstore.Store {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.to == nil {
		r.to = map[int]*fault.Store{}
	}
	r.to[i] = fault.New(s)
	return r.to[i]
}

func (r *roads) node(i int) *fault.Store {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.to[i]
}

func primaryOf(t *testing.T, c *devcluster.Cluster) (int, registry.Cluster) {
	t.Helper()
	doc, err := registry.New(c.Store(), "dev-cluster").Cluster(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i := range c.Endpoints() {
		if doc.Primary.Incarnation == c.Node(i).Incarnation() {
			return i, doc
		}
	}
	return -1, doc
}

// write writes at node i until it succeeds.
func write(t *testing.T, c *devcluster.Cluster, i int, key string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	kv := dialNode(t, c, i)
	for {
		_, err := kv.Put(ctx, &clientpb.PutRequest{Key: []byte(key), Value: []byte("v")})
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s at node-%d: %v", key, i+1, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// A node that can't reach object storage, and wins every election by its longer history
// or later start, costs one failed start at most; and it goes on following and serving.
func TestNodeCutOffFromStorage(t *testing.T) {
	for name, kind := range map[string]error{"unreachable": objectstore.ErrUnavailable, "forbidden": objectstore.ErrPermanent} {
		t.Run(name, func(t *testing.T) {
			var r roads
			c := start(t, devcluster.Options{Dir: t.TempDir(), Nodes: 3, WrapNode: r.wrap})
			before := awaitMode(t, c, registry.ModeQuorum, 3)
			first, _ := primaryOf(t, c)
			cut := (first + 1) % 3
			if third := (first + 2) % 3; third > cut {
				cut = third // the latest start wins ties
			}
			r.node(cut).Inject(fault.Fail(kind))
			if err := c.StopNode(first); err != nil {
				t.Fatal(err)
			}
			third := 3 - first - cut
			write(t, c, third, "while it is cut off")
			write(t, c, cut, "through the node that is cut off")
			now, doc := primaryOf(t, c)
			if now != third || doc.Epoch > before.Epoch+3 {
				t.Fatalf("node-%d is Primary of epoch %d; it was %d", now+1, doc.Epoch, before.Epoch)
			}
			r.node(cut).Heal()
			if err := c.StartNode(t.Context(), first); err != nil {
				t.Fatal(err)
			}
			awaitMode(t, c, registry.ModeQuorum, 3)
		})
	}
}

// The active Primary is cut off from object storage while it needs it: another takes over.
func TestPrimaryCutOffFromStorage(t *testing.T) {
	var r roads
	c := start(t, devcluster.Options{Dir: t.TempDir(), Nodes: 3, WrapNode: r.wrap})
	awaitMode(t, c, registry.ModeQuorum, 3)
	first, before := primaryOf(t, c)
	// Another one leaves, and a second, which leaves the Primary without receipts; when
	// the first is back, the Primary can't bring it in.
	a, b := (first+1)%3, (first+2)%3
	for _, i := range []int{a, b} {
		if err := c.StopNode(i); err != nil {
			t.Fatal(err)
		}
	}
	awaitMode(t, c, registry.ModeObjectStorage, 1)
	r.node(first).Inject(fault.Fail(objectstore.ErrUnavailable))
	if err := c.StartNode(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	write(t, c, a, "by another")
	now, doc := primaryOf(t, c)
	if now != a || doc.Epoch > before.Epoch+3 {
		t.Fatalf("node-%d is Primary of epoch %d; node-%d was, of %d", now+1, doc.Epoch, first+1, before.Epoch)
	}
	r.node(first).Heal()
	awaitMode(t, c, registry.ModeQuorum, 2)
	write(t, c, first, "through the one that was Primary")
}

// Object storage is away for everybody, long enough that the Primary gives up, and back:
// writes go on by themselves.
func TestStorageAwayForAll(t *testing.T) {
	var all *fault.Store
	c := start(t, devcluster.Options{Dir: t.TempDir(), Nodes: 3, Wrap: func(s objectstore.Store) objectstore.Store {
		all = fault.New(s)
		return all
	}})
	awaitMode(t, c, registry.ModeQuorum, 3)
	first, before := primaryOf(t, c)
	a, b := (first+1)%3, (first+2)%3
	for _, i := range []int{a, b} {
		if err := c.StopNode(i); err != nil {
			t.Fatal(err)
		}
	}
	awaitMode(t, c, registry.ModeObjectStorage, 1)
	for _, i := range []int{a, b} { // they follow, but can't become voters
		all.Inject(fault.If(fault.Puts("cluster.json"), fault.Fail(objectstore.ErrUnavailable)))
		if err := c.StartNode(t.Context(), i); err != nil {
			t.Fatal(err)
		}
		if err := c.Node(i).AwaitLeader(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	reign, err := c.Node(first).Active(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all.Inject(fault.Fail(objectstore.ErrUnavailable))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = dialNode(t, c, first).Put(ctx, &clientpb.PutRequest{Key: []byte("unknown"), Value: []byte("v")})
	}()
	<-reign.Over()
	cancel()
	<-done
	all.Heal()
	for i := range 3 {
		write(t, c, i, "again")
	}
	if _, doc := primaryOf(t, c); doc.Epoch > before.Epoch+3 {
		t.Fatalf("epoch %d; it was %d", doc.Epoch, before.Epoch)
	}
	awaitMode(t, c, registry.ModeQuorum, 3)
}
