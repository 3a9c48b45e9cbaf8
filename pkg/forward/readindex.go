package forward

import (
	"context"
	"errors"
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
	return c.reads.Answer(ctx, c.over, unanswered(false, false, errClosed))
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
