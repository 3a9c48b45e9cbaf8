package replication

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.uber.org/goleak"

	"github.com/netsy-io/netsy/pkg/mvcc"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
	"github.com/netsy-io/netsy/pkg/watch"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testInterval = 20 * time.Millisecond

var testNow = time.Date(2025, 1, 2, 3, 4, 5, 6, time.UTC)

// node is one machine's disk and what a node keeps over it.
type node struct {
	t       testing.TB
	id      string
	st      *mvcc.Store
	hub     *watch.Hub
	applier *Applier

	// While it reigns.
	feed  *Feed
	w     *mvcc.Working
	stamp mvcc.Stamp
	count int
}

func newNode(t testing.TB, id string) *node {
	t.Helper()
	st, err := mvcc.Open(t.Context(), mvcc.Options{Dir: t.TempDir(), ClusterID: "c", NodeID: id, ValueCache: int64(len(id) % 2)}) // room for no value, or for all
	if err != nil {
		t.Fatal(err)
	}
	n := &node{t: t, id: id, st: st, hub: watch.NewHub(st, 0, watch.Options{})}
	n.applier = NewApplier(st, n.hub)
	t.Cleanup(func() {
		if n.feed != nil {
			n.feed.Close(nil)
		}
		n.hub.Close(nil)
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

func (n *node) ref() registry.NodeRef {
	return registry.NodeRef{NodeID: n.id, Incarnation: n.st.Incarnation()}
}

// reign makes n the Primary of epoch e: the seal is stored and committed.
func (n *node) reign(e record.Epoch) *Feed {
	n.t.Helper()
	n.abdicate()
	ctx := n.t.Context()
	if _, err := n.st.Serve(ctx, e); err != nil {
		n.t.Fatal(err)
	}
	w, err := n.st.NewWorking(ctx)
	if err != nil {
		n.t.Fatal(err)
	}
	prev, err := n.st.LastEpochStart(ctx)
	if err != nil {
		n.t.Fatal(err)
	}
	seal := record.EpochStart(w.Revision()+1, e, n.id, prev, testNow)
	if _, err := w.Apply(&seal); err != nil {
		n.t.Fatal(err)
	}
	n.w, n.stamp = w, mvcc.Stamp{Epoch: e, LeaderID: n.id, Now: testNow}
	n.store([]record.Record{seal})
	n.publish()
	n.hub.SkipTo(seal.Revision)
	n.feed, err = NewFeed(ctx, n.feedConfig(e, seal.Pos()))
	if err != nil {
		n.t.Fatal(err)
	}
	return n.feed
}

func (n *node) feedConfig(e record.Epoch, end record.Pos) FeedConfig {
	return FeedConfig{Store: n.st, Self: n.ref(), Epoch: e, End: end, HeartbeatInterval: testInterval, DegradationCount: 500}
}

func (n *node) abdicate() {
	if n.feed != nil {
		n.feed.Close(nil)
		n.feed = nil
	}
}

// make assigns revisions to writes of the given value.
func (n *node) make(count int, value string) []record.Record {
	n.t.Helper()
	recs := make([]record.Record, count)
	for i := range recs {
		n.count++
		_, ch, err := n.w.Put(&etcdserverpb.PutRequest{Key: fmt.Appendf(nil, "k%d", n.count%17), Value: []byte(value)}, n.stamp)
		if err != nil {
			n.t.Fatal(err)
		}
		recs[i] = ch.Record
	}
	return recs
}

func (n *node) store(recs []record.Record) {
	n.t.Helper()
	if err := n.st.Append(n.t.Context(), recs); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) publish() {
	n.t.Helper()
	if err := n.st.Publish(n.w.Snapshot()); err != nil {
		n.t.Fatal(err)
	}
}

// write sends and stores so many writes, uncommitted.
func (n *node) write(count int) record.Revision {
	n.t.Helper()
	recs := n.make(count, "v")
	n.feed.Send(recs)
	n.store(recs)
	n.feed.Stored(n.w.Revision())
	return n.w.Revision()
}

// commit publishes what is stored and tells the followers.
func (n *node) commit() {
	n.t.Helper()
	n.publish()
	n.feed.Committed(n.w.Revision(), n.st.CompactRevision())
}

// following is a Follow under way.
type following struct {
	n      *node
	cancel context.CancelFunc
	agreed chan struct{}
	done   chan struct{}
	err    error
}

func (n *node) follow(e record.Epoch, l *link, change ...func(*FollowConfig)) *following {
	ctx, cancel := context.WithCancel(context.Background())
	f := &following{n: n, cancel: cancel, agreed: make(chan struct{}), done: make(chan struct{})}
	cfg := FollowConfig{
		Store: n.st, Self: n.ref(), Epoch: e, Primary: l, Applier: n.applier, HeartbeatInterval: testInterval,
		DegradationCount: 100, Following: func() { close(f.agreed) }, // a busy machine is not a silent Primary
	}
	for _, c := range change {
		c(&cfg)
	}
	go func() {
		defer close(f.done)
		f.err = Follow(ctx, cfg)
	}()
	n.t.Cleanup(f.stop)
	return f
}

func (f *following) stop() {
	f.cancel()
	<-f.done
}

// ended waits until the stream has ended by itself.
func (f *following) ended() error {
	f.n.t.Helper()
	select {
	case <-f.done:
	case <-time.After(time.Minute):
		f.n.t.Fatal("the stream goes on")
	}
	return f.err
}

func (f *following) mustAgree() {
	f.n.t.Helper()
	select {
	case <-f.agreed:
	case <-f.done:
		f.n.t.Fatal(f.err)
	}
}

// await waits until the feed's view of its followers is as ok wants it.
func await(t testing.TB, f *Feed, what string, ok func([]Follower) bool) {
	t.Helper()
	limit := time.NewTimer(time.Minute) // only a broken test meets it
	defer limit.Stop()
	tick := time.NewTicker(testInterval) // health also depends on time
	defer tick.Stop()
	for !ok(f.Followers()) {
		select {
		case <-f.Changed():
		case <-tick.C:
		case <-limit.C:
			t.Fatalf("waiting for %s: %+v", what, f.Followers())
		}
	}
}

// awaitReceipt waits until n has receipted rev.
func (n *node) awaitReceipt(f *Feed, rev record.Revision) {
	n.t.Helper()
	await(n.t, f, fmt.Sprintf("receipt of %d by %s", rev, n.id), func(fs []Follower) bool {
		i := slices.IndexFunc(fs, func(x Follower) bool { return x.Ref == n.ref() })
		return i >= 0 && fs[i].Receipt >= rev
	})
}

func (n *node) awaitPublished(rev record.Revision) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.t.Context(), time.Minute)
	defer cancel()
	if err := n.st.AwaitPublished(ctx, rev); err != nil {
		n.t.Fatalf("%s publishes no revision %d: %v", n.id, rev, err)
	}
}

func (n *node) records() (recs []record.Record) {
	n.t.Helper()
	if err := n.st.Records(n.t.Context(), 1, n.st.Tail().Revision, func(r *record.Record) error {
		recs = append(recs, *r)
		return nil
	}); err != nil {
		n.t.Fatal(err)
	}
	return recs
}

// sameCopy checks that two nodes have stored the same and show the same state.
func sameCopy(t testing.TB, a, b *node) {
	t.Helper()
	x, y := a.records(), b.records()
	if len(x) != len(y) {
		t.Fatalf("%s has %d records, %s %d", a.id, len(x), b.id, len(y))
	}
	for i := range x {
		if !reflect.DeepEqual(x[i], y[i]) {
			t.Fatalf("record %d: %+v on %s, %+v on %s", i, x[i], a.id, y[i], b.id)
		}
	}
	if p, q := a.state(), b.state(); p != q {
		t.Fatalf("%s shows\n%s\n%s shows\n%s", a.id, p, b.id, q)
	}
}

// state is what readers see.
func (n *node) state() string {
	n.t.Helper()
	sn := n.st.Snapshot()
	resp, err := n.st.Range(n.t.Context(), sn, &etcdserverpb.RangeRequest{Key: []byte{0}, RangeEnd: []byte{0}})
	if err != nil {
		n.t.Fatal(err)
	}
	var b bytes.Buffer
	fmt.Fprintln(&b, "revision", sn.Revision())
	for _, kv := range resp.Kvs {
		fmt.Fprintln(&b, kv)
	}
	return b.String()
}
