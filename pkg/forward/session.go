package forward

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"

	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
)

// openTimeout bounds the wait for the Primary's first word on a new stream. It is
// shorter than any client's patience, so that callers can go to another Primary.
const openTimeout = 3 * time.Second

// lingerFor is how long an ended client still hears answers: a Primary that hands over has
// answered everything by then, and what it answers is then known rather than in doubt. It
// holds up following the next Primary, so it is short.
const lingerFor = 100 * time.Millisecond

type stream = grpc.BidiStreamingClient[pb.ForwardRequest, pb.ForwardResponse]

// session is one stream, from its opening until it breaks. One goroutine sends and one
// receives; waiting is all that they share.
type session struct {
	stream stream
	cancel context.CancelFunc // ends the stream
	seq    uint64             // of the last request

	mu      sync.Mutex
	waiting map[uint64]*call // handed to the stream and not answered
}

var (
	errNotOpened  = errors.New("forward: the stream ended before the Primary took it")
	errNotInTime  = fmt.Errorf("forward: the Primary did not take the stream within %v", openTimeout)
	errUnasked    = errors.New("forward: the Primary answered what was not asked")
	errNoResponse = errors.New("forward: the Primary ended the stream")
)

// open opens a stream and waits until the Primary has taken it: what breaks before
// that is certain not to have carried anything. Once it is open, ctx has no power over it.
func open(ctx context.Context, peer pb.PeerClient) (*session, error) {
	closing := ctx
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(closing))
	hold := context.AfterFunc(closing, func() { cancel(errClosed) })
	defer hold()
	t := time.AfterFunc(openTimeout, func() { cancel(errNotInTime) })
	defer t.Stop()
	s, err := peer.Forward(ctx)
	if err == nil {
		err = taken(s)
	}
	if err == nil && !t.Stop() {
		err = errNotInTime
	}
	if err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
		cancel(err)
		return nil, err
	}
	return &session{stream: s, cancel: func() { cancel(nil) }, waiting: map[uint64]*call{}}, nil
}

// taken waits for the header that Serve sends first. gRPC returns neither header nor
// error for a stream that was refused.
func taken(s stream) error {
	header, err := s.Header()
	if err != nil || header != nil {
		return err
	}
	if _, err := s.Recv(); err != nil {
		return err
	}
	return errNotOpened
}

// run sends first and then what is in queue, until the stream breaks or ctx ends; it says
// why. When ctx ends, it still hears answers, but not for long. Everything handed to the
// stream has then been answered, one way or the other.
func (s *session) run(ctx context.Context, first *call, queue <-chan *call) error {
	broken := make(chan struct{})
	var received error
	go func() { // ends with the stream, and is waited for below
		defer close(broken)
		received = s.receive()
	}()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(lingerFor, s.cancel) })() // whatever hangs
	err := s.send(ctx, first, queue, broken)
	if !errors.Is(err, errClosed) || !s.awaits() || s.stream.CloseSend() != nil {
		s.cancel()
	}
	<-broken
	if err == nil || errors.Is(received, errUnasked) {
		err = received
	}
	for _, k := range s.waiting {
		k.fail(true, err)
	}
	return err
}

// send returns nil when broken is closed, errClosed when ctx ends, and otherwise why
// sending failed.
func (s *session) send(ctx context.Context, k *call, queue <-chan *call, broken <-chan struct{}) error {
	for {
		if err := s.hand(k); err != nil {
			return err
		}
		select {
		case <-broken:
			return nil
		case <-ctx.Done():
			return errClosed
		case k = <-queue:
		}
		select { // what comes after the end was never sent, and is spared the doubt
		case <-broken:
			k.fail(false, errNoResponse)
			return nil
		case <-ctx.Done():
			k.fail(false, errClosed)
			return errClosed
		default:
		}
	}
}

// hand hands k to the stream, unless nobody waits for it any more.
func (s *session) hand(k *call) error {
	if k.ctx.Err() != nil {
		return nil
	}
	s.seq++
	k.req.Id, k.req.TimeoutNanos = s.seq, int64(k.timeout(time.Now()))
	s.mu.Lock()
	s.waiting[s.seq] = k // before it can be answered, and before handing it over can fail
	s.mu.Unlock()
	return s.stream.Send(k.req)
}

// receive hands answers to those who wait, until the stream ends. Askers that have
// gone stay in waiting until their answer comes, so an answer that nobody waits for is
// one to a question that was never asked.
func (s *session) receive() error {
	for {
		resp, err := s.stream.Recv()
		if err != nil {
			return err
		}
		k := s.take(resp.Id)
		if k == nil {
			s.cancel()
			return fmt.Errorf("%w: id %d", errUnasked, resp.Id)
		}
		k.answer(resp)
	}
}

// awaits says whether anything handed to the stream has no answer yet.
func (s *session) awaits() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.waiting) > 0
}

func (s *session) take(id uint64) *call {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.waiting[id]
	delete(s.waiting, id)
	return k
}
