package replication

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
)

// link is a replica's way to a Primary, in memory: a peerpb.PeerClient whose Follow
// streams behave as gRPC's do, flow control and half-delivered messages included.
type link struct {
	peerpb.PeerClient
	t     *testing.T
	serve func(peer string, s peerpb.Peer_FollowServer) error
	peer  string
	// window is how many messages may be under way in each direction.
	window int
	// up and down see each message as it leaves; an error cuts the stream. Both may be nil.
	up   func(*peerpb.FollowRequest) error
	down func(*peerpb.FollowResponse) error

	wg sync.WaitGroup
}

var errCut = errors.New("the line was cut")

func newLink(t *testing.T, f *Feed, peer string) *link {
	l := &link{t: t, serve: f.Serve, peer: peer, window: 16}
	t.Cleanup(l.wg.Wait)
	return l
}

// pipe is one stream.
type pipe struct {
	grpc.ServerStream
	l      *link
	ctx    context.Context // of the handler
	cancel context.CancelCauseFunc
	up     chan []byte
	down   chan []byte
	done   chan struct{} // closed when the handler has returned
	err    error         // what it returned
}

func (l *link) Follow(ctx context.Context, _ ...grpc.CallOption) (peerpb.Peer_FollowClient, error) {
	p := &pipe{l: l, up: make(chan []byte, l.window), down: make(chan []byte, l.window), done: make(chan struct{})}
	p.ctx, p.cancel = context.WithCancelCause(ctx)
	l.wg.Go(func() {
		p.err = l.serve(l.peer, serverEnd{p})
		p.cancel(context.Canceled)
		close(p.done)
	})
	return clientEnd{p: p, ctx: ctx}, nil
}

// cut breaks the stream for both sides.
func (p *pipe) cut(err error) error {
	p.cancel(err)
	return status.Error(codes.Unavailable, err.Error())
}

type serverEnd struct{ *pipe }

func (s serverEnd) Context() context.Context { return s.ctx }

func (s serverEnd) Send(m *peerpb.FollowResponse) error {
	if s.l.down != nil {
		if err := s.l.down(m); err != nil {
			return s.cut(err)
		}
	}
	select {
	case s.down <- s.l.encode(m):
		return nil
	case <-s.ctx.Done():
		return status.FromContextError(s.ctx.Err()).Err()
	}
}

func (s serverEnd) Recv() (*peerpb.FollowRequest, error) {
	select {
	case b := <-s.up:
		m := &peerpb.FollowRequest{}
		return m, proto.Unmarshal(b, m)
	case <-s.ctx.Done():
		return nil, status.FromContextError(s.ctx.Err()).Err()
	}
}

type clientEnd struct {
	grpc.ClientStream
	p   *pipe
	ctx context.Context
}

func (c clientEnd) Context() context.Context { return c.ctx }

func (c clientEnd) Send(m *peerpb.FollowRequest) error {
	if c.p.l.up != nil {
		if err := c.p.l.up(m); err != nil {
			return c.p.cut(err)
		}
	}
	select {
	case <-c.p.done:
		return io.EOF
	default:
	}
	select {
	case c.p.up <- c.p.l.encode(m):
		return nil
	case <-c.p.done:
		return io.EOF
	case <-c.ctx.Done():
		return status.FromContextError(c.ctx.Err()).Err()
	}
}

func (c clientEnd) Recv() (*peerpb.FollowResponse, error) {
	if c.ctx.Err() != nil {
		return nil, status.FromContextError(c.ctx.Err()).Err()
	}
	select {
	case b := <-c.p.down:
		return c.p.l.decode(b)
	default:
	}
	select {
	case b := <-c.p.down:
		return c.p.l.decode(b)
	case <-c.ctx.Done():
		return nil, status.FromContextError(c.ctx.Err()).Err()
	case <-c.p.done:
	}
	select { // what was sent before the handler returned arrives
	case b := <-c.p.down:
		return c.p.l.decode(b)
	default:
	}
	if c.p.err != nil {
		return nil, c.p.err
	}
	return nil, io.EOF
}

func (l *link) encode(m proto.Message) []byte {
	b, err := proto.Marshal(m)
	if err != nil {
		l.t.Error(err)
	}
	return b
}

func (l *link) decode(b []byte) (*peerpb.FollowResponse, error) {
	m := &peerpb.FollowResponse{}
	return m, proto.Unmarshal(b, m)
}
