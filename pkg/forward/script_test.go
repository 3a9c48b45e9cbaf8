package forward

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	etcdpb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/primary"
)

func newClient(peer pb.PeerClient) *Client {
	return NewClient(peer, hclog.NewNullLogger(), NewMetrics(nil))
}

// scriptedPeer hands out the streams it was given, one after the other.
type scriptedPeer struct {
	pb.PeerClient
	streams []*scriptedStream
	opened  int
}

func (p *scriptedPeer) Forward(ctx context.Context, _ ...grpc.CallOption) (pb.Peer_ForwardClient, error) {
	s := p.streams[p.opened]
	p.opened++
	if s.openErr != nil {
		return nil, s.openErr
	}
	s.ctx = ctx
	return s, nil
}

// scriptedStream takes holdAt requests; the next one blocks until it is released, or
// fails as the stream breaks.
type scriptedStream struct {
	grpc.ClientStream
	ctx       context.Context
	openErr   error
	headerErr error
	refused   bool // ends without a header
	silent    bool // never sends one
	holdAt    int

	mu      sync.Mutex
	sent    []*pb.ForwardRequest
	answers chan *pb.ForwardResponse
	broken  chan struct{}
	release chan struct{}

	closed   chan struct{} // when no more will be sent
	closeErr error
}

func newScriptedStream(holdAt int) *scriptedStream {
	return &scriptedStream{holdAt: holdAt, answers: make(chan *pb.ForwardResponse, 100), broken: make(chan struct{}), release: make(chan struct{}), closed: make(chan struct{})}
}

var errCut = errors.New("the connection was cut")

func (s *scriptedStream) Header() (metadata.MD, error) {
	switch {
	case s.silent:
		<-s.ctx.Done()
		return nil, s.ctx.Err()
	case s.headerErr != nil:
		return nil, s.headerErr
	case s.refused:
		return nil, nil
	}
	return metadata.MD{}, nil
}

func (s *scriptedStream) Send(req *pb.ForwardRequest) error {
	if len(s.requests()) == s.holdAt {
		select {
		case <-s.release:
		case <-s.broken:
			return io.EOF // as gRPC does: Recv has the reason
		case <-s.ctx.Done():
			return io.EOF
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, req)
	return nil
}

func (s *scriptedStream) Recv() (*pb.ForwardResponse, error) {
	if s.refused {
		return nil, errCut
	}
	select {
	case a := <-s.answers:
		return a, nil
	case <-s.broken:
		return nil, errCut
	case <-s.ctx.Done():
		return nil, s.ctx.Err()
	}
}

func (s *scriptedStream) CloseSend() error {
	close(s.closed)
	return s.closeErr
}

func (s *scriptedStream) requests() []*pb.ForwardRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent
}

// answer answers the i-th request that was sent, with its number in it.
func (s *scriptedStream) answer(t *testing.T, i int) {
	req := s.requests()[i]
	a := &pb.ForwardResponse{Id: req.Id}
	switch r := req.Request.(type) {
	case *pb.ForwardRequest_LeaseTtl:
		a.Answer = &pb.ForwardResponse_Lease{Lease: &pb.LeaseGranted{Id: r.LeaseTtl, Ttl: r.LeaseTtl}}
	case *pb.ForwardRequest_Txn:
		in := &etcdpb.TxnRequest{}
		if err := in.Unmarshal(r.Txn); err != nil {
			t.Error(err)
		}
		b, err := (&etcdpb.TxnResponse{Header: &etcdpb.ResponseHeader{Revision: in.Compare[0].GetCreateRevision()}}).Marshal()
		if err != nil {
			t.Error(err)
		}
		a.Answer = &pb.ForwardResponse_Response{Response: b}
	}
	s.answers <- a
}

// ask sends the i-th request: a write if write is set, otherwise a question. The answer
// must be its own.
func asking(ctx context.Context, c *Client, write bool, i int) error {
	if !write {
		id, _, err := c.LeaseGrant(ctx, int64(i+1))
		if err == nil && id != int64(i+1) {
			return errors.New("another one's answer")
		}
		return err
	}
	resp, err := c.Txn(ctx, numbered(i))
	if err == nil && resp.Header.Revision != int64(i+1) {
		return errors.New("another one's answer")
	}
	return err
}

func numbered(i int) *etcdpb.TxnRequest {
	return &etcdpb.TxnRequest{Compare: []*etcdpb.Compare{{
		Target: etcdpb.Compare_CREATE, TargetUnion: &etcdpb.Compare_CreateRevision{CreateRevision: int64(i + 1)}}}}
}

// TestRuleAtEveryBreak breaks a stream that carries four calls, each a write or a
// question, after every number of them was sent, with every subset of those answered.
func TestRuleAtEveryBreak(t *testing.T) {
	const calls = 4
	for sent := 0; sent <= calls; sent++ {
		for answered := range 1 << sent {
			for writes := range 1 << calls {
				synctest.Test(t, func(t *testing.T) { breakAt(t, calls, sent, answered, writes) })
				if t.Failed() {
					t.Fatalf("%d sent, answered %04b, writes %04b", sent, answered, writes)
				}
			}
		}
	}
}

func breakAt(t *testing.T, calls, sent, answered, writes int) {
	bit := func(mask, i int) bool { return mask>>i&1 == 1 }
	s, next := newScriptedStream(sent), newScriptedStream(-1)
	peer := &scriptedPeer{streams: []*scriptedStream{s, next}}
	c := newClient(peer)
	defer c.Close()
	errs := make([]chan error, calls)
	for i := range calls {
		errs[i] = make(chan error, 1)
		go func() { errs[i] <- asking(t.Context(), c, bit(writes, i), i) }()
		synctest.Wait() // so that they are sent in order
	}
	for i := sent - 1; i >= 0; i-- { // answers come in any order
		if bit(answered, i) {
			s.answer(t, i)
		}
	}
	synctest.Wait()
	close(s.broken)
	for i := range calls {
		err := <-errs[i]
		handed := i <= sent // the one whose sending failed, too
		var want error
		switch {
		case i < sent && bit(answered, i):
		case handed && bit(writes, i):
			want = primary.ErrUnknownOutcome
		default:
			want = primary.ErrNotPrimary
		}
		if !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("call %d: %v, want %v", i, err, want)
		}
		if want != primary.ErrUnknownOutcome && errors.Is(err, primary.ErrUnknownOutcome) {
			t.Errorf("call %d: %v is two things at once", i, err)
		}
	}
	worksAgain(t, c, next)
}

// worksAgain: the next call opens the next stream.
func worksAgain(t *testing.T, c *Client, next *scriptedStream) {
	t.Helper()
	synctest.Wait() // what was queued is refused by then
	err := make(chan error, 1)
	go func() { err <- asking(t.Context(), c, true, 8) }()
	synctest.Wait()
	if len(next.requests()) != 1 {
		t.Fatalf("%d requests on the next stream, want 1", len(next.requests()))
	}
	next.answer(t, 0)
	if err := <-err; err != nil {
		t.Fatal(err)
	}
}

// What waits for a stream that doesn't open was certainly not sent.
func TestStreamNotOpened(t *testing.T) {
	for name, s := range map[string]*scriptedStream{
		"error":   {openErr: errCut},
		"header":  {headerErr: errCut},
		"refused": {refused: true},
		"silent":  {silent: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				next := newScriptedStream(-1)
				c := newClient(&scriptedPeer{streams: []*scriptedStream{s, next}})
				defer c.Close()
				errs, begin := make(chan error, 2), time.Now()
				for i := range 2 {
					go func() { errs <- asking(t.Context(), c, true, i) }()
					if s.silent {
						synctest.Wait()
					}
				}
				if !s.silent { // the second call may be the one that opens the next stream
					err := <-errs
					if !errors.Is(err, primary.ErrNotPrimary) || errors.Is(err, primary.ErrUnknownOutcome) {
						t.Fatal(err)
					}
					synctest.Wait()
					if len(next.requests()) == 1 {
						next.answer(t, 0)
					}
					<-errs
					return
				}
				for range 2 {
					if err := <-errs; !errors.Is(err, primary.ErrNotPrimary) || !errors.Is(err, errNotInTime) {
						t.Fatal(err)
					}
				}
				if d := time.Since(begin); d != openTimeout {
					t.Fatalf("gave up after %v", d)
				}
				worksAgain(t, c, next)
			})
		})
	}
}
