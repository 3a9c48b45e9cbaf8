package forward

import (
	"context"
	"errors"
	"sync"
	"time"

	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/record"
)

// questionTimeout bounds one question: longer than a Primary needs to read
// cluster.json when it has no lease, and short enough that those who wait behind it
// can still ask the next Primary.
const questionTimeout = 5 * time.Second

// ReadIndex returns a revision at which, once it is applied here, reads are current as
// of some moment after the call. Callers share questions; primary.ErrNotPrimary if
// the Primary gave no answer.
func (c *Client) ReadIndex(ctx context.Context) (record.Revision, error) {
	q := c.reads.join()
	select {
	case <-q.done:
		return q.revision, q.err
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-c.over:
		return 0, unanswered(false, false, errClosed)
	}
}

// askReadIndex asks the Primary, once.
func (c *Client) askReadIndex(ctx context.Context) (record.Revision, error) {
	ctx, cancel := context.WithTimeout(ctx, questionTimeout)
	defer cancel()
	resp, err := c.ask(ctx, false, &pb.ForwardRequest{Request: &pb.ForwardRequest_ReadIndex{ReadIndex: &pb.ReadIndexRequest{}}})
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return 0, unanswered(false, true, err)
	}
	if err != nil {
		return 0, err
	}
	return decodeRevision(resp)
}

// questions shares one answer among all who were waiting before the question was
// sent. Who comes later joins the next one: an answer that may be older than the one
// who asks proves nothing to it. One question is out at a time, so under load the next
// one gathers many.
type questions struct {
	ask  func(context.Context) (record.Revision, error)
	wake chan struct{} // of capacity 1: somebody waits

	mu   sync.Mutex
	next *question // not sent yet; nil if nobody waits
}

type question struct {
	done     chan struct{} // closed when the rest is set
	revision record.Revision
	err      error
}

func newQuestions(ask func(context.Context) (record.Revision, error)) *questions {
	return &questions{ask: ask, wake: make(chan struct{}, 1)}
}

// join returns a question that has not been sent.
func (q *questions) join() *question {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.next == nil {
		q.next = &question{done: make(chan struct{})}
		select {
		case q.wake <- struct{}{}:
		default:
		}
	}
	return q.next
}

// take closes the next question to further joiners.
func (q *questions) take() *question {
	q.mu.Lock()
	defer q.mu.Unlock()
	next := q.next
	q.next = nil
	return next
}

// run asks, one question at a time, until ctx ends.
func (q *questions) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-q.wake:
		}
		if next := q.take(); next != nil {
			next.revision, next.err = q.ask(ctx)
			close(next.done)
		}
	}
}
