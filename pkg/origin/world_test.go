package origin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
	"github.com/netsy-io/netsy/pkg/objectstore/memstore"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
	"github.com/netsy-io/netsy/pkg/snapshot"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testCluster = "c1"

// world is a bucket in which clusters begin. It checks at each write that nothing is put
// where snapshots are unless cluster.json says so.
type world struct {
	t     *testing.T
	inner *memstore.Store
	store *fault.Store
}

func inBubble(t *testing.T, fn func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, inner: memstore.New(time.Now)}
		w.store = fault.New(w.inner, fault.Hook(w.check))
		fn(t, w)
	})
}

func (w *world) check(r *fault.Request) {
	if r.Op != "put" || r.Key == registry.ClusterKey {
		return
	}
	c, err := registry.New(w.inner, testCluster).Cluster(context.Background())
	if err != nil || r.Key != objectlog.SnapshotKey(c.Origin) || !r.Cond.IsAbsent() || c.Office != 0 && w.bytes(r.Key) == nil {
		w.t.Errorf("%s is written (%v) while cluster.json says %+v (%v)", r.Key, r.Cond, c, err)
	}
}

// settler is one elector's, with faults of its own.
func (w *world) settler(faults ...fault.Fault) *Settler {
	st := fault.New(w.store, faults...)
	return New(Options{Store: st, Registry: registry.New(st, testCluster), Snapshots: snapshot.New(st, snapshot.Options{}), Quorum: -1})
}

func (w *world) put(key string, body []byte) {
	w.t.Helper()
	if _, err := w.inner.Put(context.Background(), key, body, objectstore.Always()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) remove(key string) {
	w.t.Helper()
	if err := w.inner.Delete(context.Background(), key, objectstore.Always()); err != nil {
		w.t.Fatal(err)
	}
}

// bytes are those of an object; nil if there is none.
func (w *world) bytes(key string) []byte {
	w.t.Helper()
	b, _, err := objectstore.ReadAll(context.Background(), w.inner, key, 1<<30)
	if err != nil && !errors.Is(err, objectstore.ErrNotFound) {
		w.t.Fatal(err)
	}
	return b
}

// keys are those of all objects.
func (w *world) keys() (keys []string) {
	err := objectstore.ListAll(context.Background(), w.inner, "", "", func(o objectstore.Info) error {
		keys = append(keys, o.Key)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return keys
}

// cluster is cluster.json, whose Seq is 0 if there is none.
func (w *world) cluster() registry.Cluster {
	c, err := registry.New(w.inner, testCluster).Cluster(context.Background())
	if err != nil && !errors.Is(err, registry.ErrNotFound) {
		w.t.Fatal(err)
	}
	return c
}

// office is what an elector does after Settle.
func (w *world) office(c registry.Cluster) error {
	_, err := registry.New(w.inner, testCluster).SwapCluster(context.Background(), c, func(c *registry.Cluster) error { c.Office++; return nil })
	return err
}

// settled checks what a successful Settle returned: it is what the bucket says, and the
// history is in place, one of those that were ever there.
func (w *world) settled(c registry.Cluster, histories ...[]byte) {
	w.t.Helper()
	if now := w.cluster(); c.Origin != now.Origin || c.Seq == 0 {
		w.t.Errorf("settled on origin %d, cluster.json says %d", c.Origin, now.Origin)
	}
	if c.Origin == 0 {
		return
	}
	body := w.bytes(objectlog.SnapshotKey(c.Origin))
	for _, h := range histories {
		if bytes.Equal(h, body) {
			return
		}
	}
	w.t.Errorf("settled on origin %d, but %s is not the history: %d bytes; there is %v", c.Origin, objectlog.SnapshotKey(c.Origin), len(body), w.keys())
}

// again calls Settle until it says something that time doesn't mend.
func again(ctx context.Context, s *Settler) (registry.Cluster, error) {
	for range 50 {
		c, err := s.Settle(ctx)
		if err == nil || errors.As(err, new(*Error)) {
			return c, err
		}
		if !errors.Is(err, objectstore.ErrUnavailable) && !errors.Is(err, registry.ErrUnknownOutcome) {
			return c, err
		}
		time.Sleep(time.Second)
	}
	return registry.Cluster{}, errors.New("it never settles")
}

// turns lets requests of several processes pass one at a time, as a schedule says.
type turns struct {
	mu      sync.Mutex
	waiting map[int]chan struct{}
}

// gate makes each request of a process wait for its turn.
func (tu *turns) gate(who int) fault.Fault {
	return fault.Hook(func(*fault.Request) {
		tu.mu.Lock()
		ch := make(chan struct{})
		tu.waiting[who] = ch
		tu.mu.Unlock()
		<-ch
	})
}

// pass lets the process who do one request, and waits until it does the next, or is done.
// It reports whether there was one.
func (tu *turns) pass(who int) bool {
	synctest.Wait()
	tu.mu.Lock()
	ch := tu.waiting[who]
	delete(tu.waiting, who)
	tu.mu.Unlock()
	if ch == nil {
		return false
	}
	close(ch)
	synctest.Wait()
	return true
}

const (
	last      = record.Revision(20)
	lastEpoch = record.Epoch(3)
)

func key(rev record.Revision) string { return objectlog.SnapshotKey(rev) }

func name(format string, args ...any) string { return fmt.Sprintf(format, args...) }
