package etcdapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/netsy-io/netsy/pkg/mvcc"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/watch"
)

// watchRig is a store, its hub and a WatchServer, reached through gRPC.
type watchRig struct {
	t       *testing.T
	store   *mvcc.Store
	working *mvcc.Working
	hub     *watch.Hub
	server  *WatchServer
	client  pb.WatchClient
	leader  fakeLeader
}

type fakeLeader struct{ lost chan struct{} }

func (l *fakeLeader) Lost() <-chan struct{} { return l.lost }

func (l *fakeLeader) lose() { close(l.lost) }

func newWatchRig(t *testing.T, o watch.Options) *watchRig {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	store, err := mvcc.Open(t.Context(), mvcc.Options{Dir: t.TempDir(), ClusterID: "c", NodeID: "n"})
	must(t, err)
	t.Cleanup(func() { must(t, store.Close()) })
	_, err = store.Serve(t.Context(), 1)
	must(t, err)
	r := &watchRig{t: t, store: store, leader: fakeLeader{lost: make(chan struct{})}}
	r.working, err = store.NewWorking(t.Context())
	must(t, err)
	seal := record.EpochStart(1, 1, "n", record.KeyState{}, time.Now())
	must(t, store.Append(t.Context(), []record.Record{seal}))
	_, err = r.working.Apply(&seal)
	must(t, err)
	must(t, store.Publish(r.working.Snapshot()))
	o.Header = func(rev record.Revision) *pb.ResponseHeader {
		return &pb.ResponseHeader{ClusterId: 7, MemberId: 8, Revision: int64(rev)}
	}
	r.hub = watch.NewHub(store, 1, o)
	r.serve()
	return r
}

func (r *watchRig) serve() {
	r.server = NewWatchServer(WatchOptions{Hub: func() *watch.Hub { return r.hub }, Leader: &r.leader})
	l := bufconn.Listen(1 << 20)
	g := grpc.NewServer(GRPCOptions()...)
	pb.RegisterWatchServer(g, r.server)
	served := make(chan error, 1)
	go func() { served <- g.Serve(l) }()
	conn, err := grpc.NewClient("passthrough:///netsy", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	must(r.t, err)
	r.client = pb.NewWatchClient(conn)
	r.t.Cleanup(func() {
		must(r.t, conn.Close())
		r.hub.Close(nil)
		g.Stop()
		must(r.t, <-served)
		r.server.Wait()
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// put commits one revision.
func (r *watchRig) put(key, value string) {
	r.t.Helper()
	_, c, err := r.working.Put(&pb.PutRequest{Key: []byte(key), Value: []byte(value)}, mvcc.Stamp{Epoch: 1, LeaderID: "n", Now: time.Now()})
	must(r.t, err)
	must(r.t, r.store.Append(r.t.Context(), []record.Record{c.Record}))
	must(r.t, r.store.Publish(r.working.Snapshot()))
	r.hub.Publish(c.Record.Revision, []*mvccpb.Event{c.Event})
}

type watchClient struct {
	t *testing.T
	pb.Watch_WatchClient
}

func (r *watchRig) open(md ...string) watchClient {
	r.t.Helper()
	ctx := metadata.AppendToOutgoingContext(r.t.Context(), md...)
	w, err := r.client.Watch(ctx)
	must(r.t, err)
	return watchClient{r.t, w}
}

func (w watchClient) create(c *pb.WatchCreateRequest) {
	w.t.Helper()
	must(w.t, w.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CreateRequest{CreateRequest: c}}))
}

// next receives one response, as text.
func (w watchClient) next() string {
	w.t.Helper()
	resp, err := w.Recv()
	must(w.t, err)
	if resp.Header.GetClusterId() != 7 || resp.Header.MemberId != 8 {
		w.t.Errorf("header is %v", resp.Header)
	}
	s := fmt.Sprintf("%d@%d created=%v canceled=%v compact=%d", resp.WatchId, resp.Header.Revision, resp.Created, resp.Canceled, resp.CompactRevision)
	for _, e := range resp.Events {
		prev := mvccpb.KeyValue{}
		if e.PrevKv != nil {
			prev = *e.PrevKv
		}
		s += fmt.Sprintf(" %s=%s(%s)", e.Kv.Key, e.Kv.Value, prev.Value)
	}
	return s
}

func (w watchClient) expect(want ...string) {
	w.t.Helper()
	for _, s := range want {
		if got := w.next(); got != s {
			w.t.Fatalf("got %q, want %q", got, s)
		}
	}
}

func TestWatchThroughGRPC(t *testing.T) {
	r := newWatchRig(t, watch.Options{RingEvents: 1})
	for i := range 4 {
		r.put("/a", fmt.Sprint(i)) // 2..5
	}
	must(t, r.store.Compact(t.Context(), 3))
	w := r.open(rpctypes.MetadataRequireLeaderKey, rpctypes.MetadataHasLeader)
	must(t, w.Send(&pb.WatchRequest{})) // nothing asked
	w.create(&pb.WatchCreateRequest{Key: []byte("/"), RangeEnd: []byte("0"), StartRevision: 2})
	w.create(&pb.WatchCreateRequest{Key: []byte("/a"), StartRevision: 3, PrevKv: true})
	w.expect("0@5 created=true canceled=false compact=0", "0@5 created=false canceled=true compact=3",
		"1@5 created=true canceled=false compact=0", "1@5 created=false canceled=false compact=0 /a=1() /a=2(1) /a=3(2)")
	r.put("/b", "x")
	must(t, w.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_ProgressRequest{ProgressRequest: &pb.WatchProgressRequest{}}}))
	w.expect("-1@6 created=false canceled=false compact=0")
	must(t, w.Send(&pb.WatchRequest{RequestUnion: &pb.WatchRequest_CancelRequest{CancelRequest: &pb.WatchCancelRequest{WatchId: 1}}}))
	w.expect("1@6 created=false canceled=true compact=0")
	w.create(&pb.WatchCreateRequest{Key: []byte("/b")})
	w.expect("2@6 created=true canceled=false compact=0")
	must(t, w.CloseSend()) // the watches stay
	r.put("/b", "y")
	w.expect("2@7 created=false canceled=false compact=0 /b=y()")
}

func TestWatchNeedsALeaderOnlyIfAsked(t *testing.T) {
	r := newWatchRig(t, watch.Options{})
	strict := r.open(rpctypes.MetadataRequireLeaderKey, rpctypes.MetadataHasLeader)
	strict.create(&pb.WatchCreateRequest{Key: []byte("a")})
	lax := r.open()
	lax.create(&pb.WatchCreateRequest{Key: []byte("a")})
	strict.next()
	lax.next()
	r.leader.lose()
	if _, err := strict.Recv(); status.Convert(err).Message() != "etcdserver: no leader" || status.Code(err) != codes.Unavailable {
		t.Errorf("open stream: %v", err)
	}
	if _, err := r.open(rpctypes.MetadataRequireLeaderKey, rpctypes.MetadataHasLeader).Recv(); !errors.Is(err, rpctypes.ErrGRPCNoLeader) {
		t.Errorf("new stream: %v", err)
	}
	r.put("a", "1")
	lax.expect("0@2 created=false canceled=false compact=0 a=1()")
}

func TestWatchEndsUnavailable(t *testing.T) {
	for _, c := range []struct {
		why  error
		want string
	}{
		{nil, "etcdserver: server stopped"},
		{watch.ErrClosed, "etcdserver: server stopped"},
		{errors.New("replaced by a snapshot"), "replaced by a snapshot"},
		{rpctypes.ErrGRPCLeaderChanged, "etcdserver: leader changed"},
	} {
		t.Run(c.want, func(t *testing.T) {
			r := newWatchRig(t, watch.Options{})
			w := r.open()
			w.create(&pb.WatchCreateRequest{Key: []byte("a")})
			w.next()
			r.hub.Close(c.why)
			if _, err := w.Recv(); status.Code(err) != codes.Unavailable || status.Convert(err).Message() != c.want {
				t.Errorf("%v: got %v", c.why, err)
			}
		})
	}
}

func TestWatchBeforeThereIsAHub(t *testing.T) {
	r := newWatchRig(t, watch.Options{})
	hub := r.hub
	r.server.o.Hub = func() *watch.Hub { return nil }
	if _, err := r.open().Recv(); status.Code(err) != codes.Unavailable {
		t.Errorf("got %v", err)
	}
	r.hub = hub
}

// A client that doesn't read must hold up neither writers, nor other watches, nor
// the end of its stream.
func TestStuckClient(t *testing.T) {
	r := newWatchRig(t, watch.Options{QueueEvents: 8, QueueBytes: 1 << 20, RingEvents: 4})
	stuck, quick := r.open(), r.open()
	for _, w := range []watchClient{stuck, quick} {
		w.create(&pb.WatchCreateRequest{Key: []byte("a")})
		w.next()
	}
	value := strings.Repeat("x", 64<<10)
	for i := range 60 { // 4 MB: beyond every buffer on the way
		r.put("a", value)
		if got := quick.next(); !strings.HasPrefix(got, fmt.Sprintf("0@%d ", i+2)) {
			t.Fatalf("got %.20s", got)
		}
	}
	rev := int64(1)
	for range 10 { // it gets everything once it reads
		resp, err := stuck.Recv()
		must(t, err)
		for _, e := range resp.Events {
			if rev++; e.Kv.ModRevision != rev {
				t.Fatalf("got revision %d, want %d", e.Kv.ModRevision, rev)
			}
		}
	}
	r.hub.Close(nil)
	if _, err := quick.Recv(); status.Code(err) != codes.Unavailable {
		t.Errorf("got %v", err)
	}
}

// Many clients share the same events; under -race this shows that nobody changes them.
func TestManyStreamsShareEvents(t *testing.T) {
	r := newWatchRig(t, watch.Options{RingEvents: 3, QueueEvents: 4})
	const n, writes = 8, 50
	var wg sync.WaitGroup
	for i := range n {
		w := r.open()
		w.create(&pb.WatchCreateRequest{Key: []byte("a"), RangeEnd: []byte("b"), PrevKv: i%2 == 0, Fragment: i%3 == 0, StartRevision: 2})
		w.next()
		wg.Go(func() {
			for rev := int64(1); rev < writes+1; {
				resp, err := w.Recv()
				if err != nil {
					t.Error(err)
					return
				}
				for _, e := range resp.Events {
					if rev++; e.Kv.ModRevision != rev || (e.PrevKv != nil) != (i%2 == 0 && rev > 2) {
						t.Errorf("client %d: got %v at %d", i, e, rev)
						return
					}
				}
			}
		})
	}
	for range writes {
		r.put("a", "v")
	}
	wg.Wait()
}
