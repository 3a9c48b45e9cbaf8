package forward

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	etcdpb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/netsy-io/netsy/pkg/mvcc"
	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/primary"
	"github.com/netsy-io/netsy/pkg/record"
)

// fakePrimary answers at once with what it was asked, unless told otherwise.
type fakePrimary struct {
	txn  func(context.Context, *etcdpb.TxnRequest) (*etcdpb.TxnResponse, error)
	read func(context.Context) (record.Revision, error)
}

func (p *fakePrimary) Txn(ctx context.Context, req *etcdpb.TxnRequest) (*etcdpb.TxnResponse, error) {
	if p.txn != nil {
		return p.txn(ctx, req)
	}
	return &etcdpb.TxnResponse{Header: &etcdpb.ResponseHeader{Revision: req.Compare[0].GetCreateRevision()}, Succeeded: true}, nil
}

func (p *fakePrimary) Put(_ context.Context, req *etcdpb.PutRequest) (*etcdpb.PutResponse, error) {
	if string(req.Key) == "missing" {
		return nil, mvcc.ErrKeyNotFound
	}
	return &etcdpb.PutResponse{Header: &etcdpb.ResponseHeader{Revision: int64(len(req.Value))}}, nil
}

func (p *fakePrimary) DeleteRange(_ context.Context, req *etcdpb.DeleteRangeRequest) (*etcdpb.DeleteRangeResponse, error) {
	return &etcdpb.DeleteRangeResponse{Deleted: int64(len(req.Key))}, nil
}

func (p *fakePrimary) LeaseGrant(_ context.Context, ttl int64) (id, granted int64, err error) {
	return ttl, ttl, nil
}

func (p *fakePrimary) Compact(_ context.Context, rev record.Revision) error {
	if rev == 1 {
		return mvcc.ErrCompacted
	}
	return nil
}

func (p *fakePrimary) ReadIndex(ctx context.Context) (ReadIndex, error) {
	if p.read != nil {
		rev, err := p.read(ctx)
		return ReadIndex{Revision: rev}, err
	}
	return ReadIndex{Revision: 42, Compaction: 17}, nil
}

// server is a node's peer port, over TCP.
type server struct {
	pb.UnimplementedPeerServer
	primaryOf PrimaryFunc
	ended     chan error // what Serve returned

	grpc *grpc.Server
	addr string
	down func()
}

func (s *server) Forward(stream pb.Peer_ForwardServer) error {
	err := Serve(stream, s.primaryOf)
	select {
	case s.ended <- err:
	default:
	}
	return err
}

func serveAt(tb testing.TB, addr string, primaryOf PrimaryFunc, opts ...grpc.ServerOption) *server {
	tb.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		tb.Fatal(err)
	}
	s := &server{primaryOf: primaryOf, ended: make(chan error, 10), addr: l.Addr().String()}
	s.grpc = grpc.NewServer(append([]grpc.ServerOption{grpc.MaxRecvMsgSize(MaxMessageBytes), grpc.WaitForHandlers(true)}, opts...)...)
	pb.RegisterPeerServer(s.grpc, s)
	served := make(chan error, 1)
	go func() { served <- s.grpc.Serve(l) }()
	s.down = sync.OnceFunc(func() {
		s.grpc.Stop()
		<-served
	})
	tb.Cleanup(s.down)
	return s
}

func dial(tb testing.TB, addr string) *Client {
	tb.Helper()
	c := newClient(dialPeer(tb, addr))
	tb.Cleanup(c.Close)
	return c
}

func dialPeer(tb testing.TB, addr string) pb.PeerClient {
	tb.Helper()
	conn, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(MaxMessageBytes)))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	return pb.NewPeerClient(conn)
}

func reigning(p Primary) PrimaryFunc {
	return func(context.Context) (Primary, error) { return p, nil }
}

func TestEveryRequest(t *testing.T) {
	c := dial(t, serveAt(t, "127.0.0.1:0", reigning(&fakePrimary{})).addr)
	ctx := t.Context()
	if resp, err := c.Txn(ctx, numbered(6)); err != nil || !resp.Succeeded || resp.Header.Revision != 7 {
		t.Error(resp, err)
	}
	big := bytes.Repeat([]byte{0xff}, 3<<19) // etcd's limit
	if resp, err := c.Put(ctx, &etcdpb.PutRequest{Key: []byte("k"), Value: big}); err != nil || resp.Header.Revision != int64(len(big)) {
		t.Error(resp, err)
	}
	if resp, err := c.DeleteRange(ctx, &etcdpb.DeleteRangeRequest{Key: []byte("key")}); err != nil || resp.Deleted != 3 {
		t.Error(resp, err)
	}
	if id, ttl, err := c.LeaseGrant(ctx, 60); err != nil || id != 60 || ttl != 60 {
		t.Error(id, ttl, err)
	}
	if err := c.Compact(ctx, 9); err != nil {
		t.Error(err)
	}
	if i, err := c.ReadIndex(ctx); err != nil || i != (ReadIndex{Revision: 42, Compaction: 17}) {
		t.Error(i, err)
	}
	if err := c.Compact(ctx, 1); !errors.Is(err, mvcc.ErrCompacted) {
		t.Error(err)
	}
	if _, err := c.Put(ctx, &etcdpb.PutRequest{Key: []byte("missing")}); !errors.Is(err, mvcc.ErrKeyNotFound) {
		t.Error(err)
	}
}

// Requests are worked on side by side, and each caller gets its own answer.
func TestManyCallers(t *testing.T) {
	const callers = 200
	var all sync.WaitGroup
	all.Add(callers)
	p := &fakePrimary{txn: func(_ context.Context, req *etcdpb.TxnRequest) (*etcdpb.TxnResponse, error) {
		all.Done()
		all.Wait() // none is answered before all are there
		return &etcdpb.TxnResponse{Header: &etcdpb.ResponseHeader{Revision: req.Compare[0].GetCreateRevision()}}, nil
	}}
	c := dial(t, serveAt(t, "127.0.0.1:0", reigning(p)).addr)
	var g sync.WaitGroup
	for i := range callers {
		g.Go(func() {
			if err := asking(t.Context(), c, true, i); err != nil {
				t.Error(err)
			}
		})
	}
	g.Wait()
}

// A node that isn't Primary says so for each request, and the stream goes on.
func TestNotPrimary(t *testing.T) {
	var mu sync.Mutex
	var reign Primary
	s := serveAt(t, "127.0.0.1:0", func(context.Context) (Primary, error) {
		mu.Lock()
		defer mu.Unlock()
		if reign == nil {
			return nil, primary.ErrNotPrimary
		}
		return reign, nil
	})
	c := dial(t, s.addr)
	for i := range 3 {
		if err := asking(t.Context(), c, i%2 == 0, i); !errors.Is(err, primary.ErrNotPrimary) || errors.Is(err, primary.ErrUnknownOutcome) {
			t.Fatal(err)
		}
	}
	mu.Lock()
	reign = &fakePrimary{}
	mu.Unlock()
	if err := asking(t.Context(), c, true, 1); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-s.ended:
		t.Fatalf("the stream ended: %v", err)
	default:
	}
}

// A Primary that is killed leaves writes in doubt and questions to be asked again; once
// it is back, so is the client. What ran for the stream is told.
func TestServerKilled(t *testing.T) {
	began, ended := make(chan struct{}, 2), make(chan error, 2)
	p := &fakePrimary{
		txn: func(ctx context.Context, _ *etcdpb.TxnRequest) (*etcdpb.TxnResponse, error) {
			began <- struct{}{}
			<-ctx.Done()
			ended <- ctx.Err()
			return nil, ctx.Err()
		},
		read: func(ctx context.Context) (record.Revision, error) {
			began <- struct{}{}
			<-ctx.Done()
			ended <- ctx.Err()
			return 0, ctx.Err()
		},
	}
	s := serveAt(t, "127.0.0.1:0", reigning(p))
	c := dial(t, s.addr)
	write, read := make(chan error, 1), make(chan error, 1)
	go func() { write <- asking(t.Context(), c, true, 0) }()
	<-began
	go func() { _, err := c.ReadIndex(t.Context()); read <- err }()
	<-began
	s.down()
	if err := <-write; !errors.Is(err, primary.ErrUnknownOutcome) {
		t.Error(err)
	}
	if err := <-read; !errors.Is(err, primary.ErrNotPrimary) || errors.Is(err, primary.ErrUnknownOutcome) {
		t.Error(err)
	}
	for range 2 {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
	if err := asking(t.Context(), c, true, 0); !errors.Is(err, primary.ErrNotPrimary) || errors.Is(err, primary.ErrUnknownOutcome) {
		t.Errorf("nobody listens, so nothing was sent: %v", err)
	}
	serveAt(t, s.addr, reigning(&fakePrimary{}))
	for { // gRPC connects again in its own time
		err := asking(t.Context(), c, true, 0)
		if err == nil {
			return
		}
		if !errors.Is(err, primary.ErrNotPrimary) {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
}

// A server that doesn't take the stream has seen nothing.
func TestRefusedStream(t *testing.T) {
	s := serveAt(t, "127.0.0.1:0", nil, grpc.StreamInterceptor(
		func(any, grpc.ServerStream, *grpc.StreamServerInfo, grpc.StreamHandler) error {
			return errors.New("no")
		}))
	if err := asking(t.Context(), dial(t, s.addr), true, 0); !errors.Is(err, primary.ErrNotPrimary) || errors.Is(err, primary.ErrUnknownOutcome) {
		t.Fatal(err)
	}
}

// The Primary works no longer on a request than its asker waits.
func TestTimeoutEndsTheWork(t *testing.T) {
	ended := make(chan error, 1)
	p := &fakePrimary{txn: func(ctx context.Context, _ *etcdpb.TxnRequest) (*etcdpb.TxnResponse, error) {
		<-ctx.Done()
		ended <- ctx.Err()
		return nil, ctx.Err()
	}}
	c := dial(t, serveAt(t, "127.0.0.1:0", reigning(p)).addr)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := asking(ctx, c, true, 0)
	if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, primary.ErrUnknownOutcome) { // whichever is first
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
}

// When so many are worked on, the next wait unread, and nothing is lost.
func TestServerReadsNoMoreThanItServes(t *testing.T) {
	release, working := make(chan struct{}), make(chan struct{}, 2*maxServed)
	p := &fakePrimary{txn: func(ctx context.Context, req *etcdpb.TxnRequest) (*etcdpb.TxnResponse, error) {
		working <- struct{}{}
		<-release
		return &etcdpb.TxnResponse{Header: &etcdpb.ResponseHeader{Revision: req.Compare[0].GetCreateRevision()}}, nil
	}}
	c := dial(t, serveAt(t, "127.0.0.1:0", reigning(p)).addr)
	var g sync.WaitGroup
	for i := range maxServed + 500 {
		g.Go(func() {
			if err := asking(t.Context(), c, true, i); err != nil {
				t.Error(err)
			}
		})
	}
	for range maxServed {
		<-working
	}
	select {
	case <-working:
		t.Error("more requests are worked on than may be")
	case <-time.After(20 * time.Millisecond): // only a wrong server could use the time
	}
	close(release)
	g.Wait()
}

// A response that can't be sent leaves the outcome open, for its own caller only.
func TestTooLargeResponse(t *testing.T) {
	p := &fakePrimary{txn: func(_ context.Context, req *etcdpb.TxnRequest) (*etcdpb.TxnResponse, error) {
		if n := req.Compare[0].GetCreateRevision(); n > 100 {
			kv := &mvccpb.KeyValue{Value: make([]byte, n)}
			return &etcdpb.TxnResponse{Responses: []*etcdpb.ResponseOp{{Response: &etcdpb.ResponseOp_ResponseRange{
				ResponseRange: &etcdpb.RangeResponse{Kvs: []*mvccpb.KeyValue{kv}}}}}}, nil
		}
		return &etcdpb.TxnResponse{Header: &etcdpb.ResponseHeader{Revision: 1}}, nil
	}}
	s := serveAt(t, "127.0.0.1:0", reigning(p))
	c := dial(t, s.addr)
	if err := asking(t.Context(), c, true, MaxMessageBytes); !errors.Is(err, primary.ErrUnknownOutcome) {
		t.Fatal(err)
	}
	if err := asking(t.Context(), c, true, 0); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-s.ended:
		t.Fatalf("the stream ended: %v", err)
	default:
	}
}

// A stream on which answers can't be sent ends, rather than staying silent.
func TestSendFails(t *testing.T) {
	s := serveAt(t, "127.0.0.1:0", reigning(&fakePrimary{}), grpc.MaxSendMsgSize(1))
	c := dial(t, s.addr)
	if err := asking(t.Context(), c, true, 0); !errors.Is(err, primary.ErrUnknownOutcome) {
		t.Fatal(err)
	}
	if err := <-s.ended; err == nil {
		t.Fatal("Serve returned no error")
	}
}

// A client that will send no more gets its answers, also those that take a while.
func TestHalfClosed(t *testing.T) {
	release := make(chan struct{})
	p := &fakePrimary{read: func(ctx context.Context) (record.Revision, error) {
		<-release
		return 7, ctx.Err()
	}}
	s := serveAt(t, "127.0.0.1:0", reigning(p))
	stream, err := dialPeer(t, s.addr).Forward(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, req := range []*pb.ForwardRequest{
		{Id: 1, Request: &pb.ForwardRequest_ReadIndex{}},
		{Id: 2, Request: &pb.ForwardRequest_LeaseTtl{LeaseTtl: 5}},
	} {
		if err := stream.Send(req); err != nil {
			t.Fatal(err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if a, err := stream.Recv(); err != nil || a.Id != 2 {
		t.Fatal(a, err)
	}
	time.Sleep(10 * time.Millisecond) // a wrong server has given up the rest by then
	close(release)
	if a, err := stream.Recv(); err != nil || a.GetReadIndex().GetRevision() != 7 {
		t.Fatal(a, err)
	}
	if err := <-s.ended; err != nil {
		t.Fatal(err)
	}
}

// Requests that can't be read, or whose time is over, were certainly not done.
func TestBadRequests(t *testing.T) {
	for _, req := range []*pb.ForwardRequest{
		{},
		{Request: &pb.ForwardRequest_Txn{Txn: []byte{0xff}}},
		{Request: &pb.ForwardRequest_Put{Put: []byte{0xff}}},
		{Request: &pb.ForwardRequest_DeleteRange{DeleteRange: []byte{0xff}}},
		{TimeoutNanos: -1, Request: &pb.ForwardRequest_Compact{Compact: 3}},
	} {
		a := answer(t.Context(), req, reigning(struct{ Primary }{})) // asking it anything panics
		if k := a.GetError().GetKind(); a.GetError() == nil || k == pb.ForwardError_KIND_UNKNOWN_OUTCOME {
			t.Errorf("%v: %v", req, a)
		}
	}
	late, cancel := context.WithCancel(t.Context())
	cancel()
	a := answer(late, &pb.ForwardRequest{Request: &pb.ForwardRequest_Compact{Compact: 3}},
		func(ctx context.Context) (Primary, error) { return nil, fmt.Errorf("waiting: %w", ctx.Err()) })
	if a.GetError().GetKind() != pb.ForwardError_KIND_NOT_PRIMARY {
		t.Errorf("there was no Primary to propose it to: %v", a)
	}
}

// timelessPrimary's time is over whenever it is asked.
type timelessPrimary struct{}

func (timelessPrimary) Txn(context.Context, *etcdpb.TxnRequest) (*etcdpb.TxnResponse, error) {
	return nil, context.DeadlineExceeded
}
func (timelessPrimary) Put(context.Context, *etcdpb.PutRequest) (*etcdpb.PutResponse, error) {
	return nil, context.DeadlineExceeded
}
func (timelessPrimary) DeleteRange(context.Context, *etcdpb.DeleteRangeRequest) (*etcdpb.DeleteRangeResponse, error) {
	return nil, context.DeadlineExceeded
}
func (timelessPrimary) LeaseGrant(context.Context, int64) (id, granted int64, err error) {
	return 0, 0, context.DeadlineExceeded
}
func (timelessPrimary) Compact(context.Context, record.Revision) error {
	return context.DeadlineExceeded
}
func (timelessPrimary) ReadIndex(context.Context) (ReadIndex, error) {
	return ReadIndex{}, context.DeadlineExceeded
}

// A proposal goes on when its asker's time ends.
func TestProposalsGoOnWithoutTheirAskers(t *testing.T) {
	unknown, again := pb.ForwardError_KIND_UNKNOWN_OUTCOME, pb.ForwardError_KIND_NOT_PRIMARY
	for _, c := range []struct {
		req  *pb.ForwardRequest
		want pb.ForwardError_Kind
	}{
		{&pb.ForwardRequest{Request: &pb.ForwardRequest_Txn{}}, unknown},
		{&pb.ForwardRequest{Request: &pb.ForwardRequest_Put{}}, unknown},
		{&pb.ForwardRequest{Request: &pb.ForwardRequest_DeleteRange{}}, unknown},
		{&pb.ForwardRequest{Request: &pb.ForwardRequest_Compact{Compact: 3}}, unknown},
		{&pb.ForwardRequest{Request: &pb.ForwardRequest_LeaseTtl{LeaseTtl: 3}}, again},
		{&pb.ForwardRequest{Request: &pb.ForwardRequest_ReadIndex{}}, again},
	} {
		if got := answer(t.Context(), c.req, reigning(timelessPrimary{})).GetError().GetKind(); got != c.want {
			t.Errorf("%T: %v, want %v", c.req.Request, got, c.want)
		}
	}
}
