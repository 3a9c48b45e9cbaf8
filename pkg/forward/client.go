// Package forward carries a replica's writes and questions to the Primary, over one
// stream that stays open (Peer.Forward), and serves them there. DESIGN.md explains
// what a caller may conclude when the stream breaks.
package forward

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/netsy-io/netsy/pkg/ask"
	"github.com/netsy-io/netsy/pkg/logevent"
	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/primary"
)

// Client asks one node, which is thought to be the Primary. The stream is opened at the
// first call, and again at the next one after it broke. Safe for concurrent use.
//
// Errors are those of pkg/primary, pkg/mvcc and pkg/lease, as the Primary itself
// returns them, or gRPC statuses. Besides: primary.ErrUnknownOutcome, for a write that
// may have been sent when the stream broke; primary.ErrNotPrimary, for what was
// certainly not done and for questions; primary.ErrQueueFull; and the caller's own
// ctx.Err(), which says nothing about the outcome.
type Client struct {
	peer    pb.PeerClient
	log     hclog.Logger
	metrics *Metrics
	queue   chan *call
	reads   *ask.Shared[ReadIndex]

	ctx    context.Context
	cancel context.CancelFunc
	over   chan struct{} // closed when nothing runs any more
}

var errClosed = errors.New("forward: closed: another node may be Primary")

// NewClient makes a client of the node at peer. Close it.
func NewClient(peer pb.PeerClient, log hclog.Logger, metrics *Metrics) *Client {
	c := &Client{peer: peer, log: log, metrics: metrics, queue: make(chan *call, maxWaiting), over: make(chan struct{})}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.reads = ask.New(c.askReadIndex)
	asked := make(chan struct{})
	go func() { // Close ends it
		defer close(asked)
		c.reads.Run(c.ctx)
	}()
	go func() { // Close ends it
		c.run()
		<-asked
		close(c.over)
	}()
	return c
}

// Close sends nothing more, hears what the Primary still answers for at most 100 ms,
// answers every call, and waits until nothing runs any more. Later calls return
// primary.ErrNotPrimary.
func (c *Client) Close() {
	c.cancel()
	<-c.over
}

// run opens a stream when there is something to send, and again after it broke.
func (c *Client) run() {
	for {
		select {
		case <-c.ctx.Done():
			c.refuse(errClosed)
			return
		case k := <-c.queue:
			c.refuse(c.session(k))
		}
	}
}

// session returns why the stream could not be opened, or broke.
func (c *Client) session(first *call) error {
	s, err := open(c.ctx, c.peer)
	if err != nil {
		c.log.Debug("the Primary can't be reached for forwarding", "event", logevent.ForwardNotOpened, "error", err)
		first.fail(false, err)
		return err
	}
	c.metrics.streams.Inc()
	err = s.run(c.ctx, first, c.queue)
	if c.ctx.Err() == nil {
		c.log.Info("the stream to the Primary broke; the next call opens a new one", "event", logevent.ForwardBroken, "error", err)
	}
	return err
}

// refuse answers what waits to be sent: its callers can look for the next Primary
// sooner than this stream might be opened again.
func (c *Client) refuse(cause error) {
	for {
		select {
		case k := <-c.queue:
			k.fail(false, cause)
		default:
			return
		}
	}
}

// ask has a request answered: by a result, never by an error.
func (c *Client) ask(ctx context.Context, write bool, req *pb.ForwardRequest) (*pb.ForwardResponse, error) {
	begun := time.Now()
	resp, err := c.do(ctx, write, req)
	if a, refused := resp.GetAnswer().(*pb.ForwardResponse_Error); err == nil && refused {
		resp, err = nil, decodeError(a.Error)
	}
	c.metrics.observe(req, begun, err)
	return resp, err
}

// do queues a request and waits for its answer.
func (c *Client) do(ctx context.Context, write bool, req *pb.ForwardRequest) (*pb.ForwardResponse, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	k := &call{ctx: ctx, write: write, req: req, done: make(chan result, 1)}
	select {
	case c.queue <- k:
	default:
		return nil, primary.ErrQueueFull
	}
	select {
	case r := <-k.done:
		return r.resp, r.err
	case <-ctx.Done():
	case <-c.over:
	}
	select { // an answer that is there counts
	case r := <-k.done:
		return r.resp, r.err
	default:
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return nil, unanswered(write, false, errClosed) // queued after the last look at the queue
}
