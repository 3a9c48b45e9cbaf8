package forward

import (
	"context"
	"errors"
	"fmt"
	"time"

	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/record"
)

// questionTimeout bounds one question: longer than a Primary needs to read
// cluster.json when it has no lease, and short enough that those who wait behind it
// can still ask the next Primary.
const questionTimeout = 5 * time.Second

// ReadIndex is how far a copy must have come for its reads to be current.
type ReadIndex struct {
	Revision   record.Revision // is committed
	Compaction record.Revision // reads below it are refused; 0: none yet
}

// ReadIndex returns where, once this node has come there, reads are current as of
// some moment after the call. Callers share questions; primary.ErrNotPrimary if the
// Primary gave no answer.
func (c *Client) ReadIndex(ctx context.Context) (ReadIndex, error) {
	return c.reads.Answer(ctx, c.over, unanswered(false, false, errClosed))
}

// askReadIndex asks the Primary, once.
func (c *Client) askReadIndex(ctx context.Context) (ReadIndex, error) {
	ctx, cancel := context.WithTimeout(ctx, questionTimeout)
	defer cancel()
	resp, err := c.ask(ctx, false, &pb.ForwardRequest{Request: &pb.ForwardRequest_ReadIndex{ReadIndex: &pb.ReadIndexRequest{}}})
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return ReadIndex{}, unanswered(false, true, err)
	}
	if err != nil {
		return ReadIndex{}, err
	}
	return decodeReadIndex(resp)
}

func decodeReadIndex(a *pb.ForwardResponse) (ReadIndex, error) {
	i := a.GetReadIndex()
	switch {
	case i == nil:
		return ReadIndex{}, fmt.Errorf("%w: %T instead of a read index", errBadAnswer, a.GetAnswer())
	case i.Revision <= 0 || i.CompactionRevision < 0 || i.CompactionRevision > i.Revision:
		return ReadIndex{}, fmt.Errorf("%w: read index %d, compacted at %d", errBadAnswer, i.Revision, i.CompactionRevision)
	}
	return ReadIndex{Revision: record.Revision(i.Revision), Compaction: record.Revision(i.CompactionRevision)}, nil
}
