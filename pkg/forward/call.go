package forward

import (
	"context"
	"time"

	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
)

// call is one request on its way, and what its asker waits for.
type call struct {
	ctx   context.Context // the asker's
	write bool            // it changes something: it must not be done twice
	req   *pb.ForwardRequest
	done  chan result // of capacity 1; written at most once
}

type result struct {
	resp *pb.ForwardResponse
	err  error
}

func (k *call) answer(resp *pb.ForwardResponse) { k.done <- result{resp: resp} }

func (k *call) fail(handed bool, cause error) {
	k.done <- result{err: unanswered(k.write, handed, cause)}
}

// timeout is how long the asker will still wait; 0: it names no limit.
func (k *call) timeout(now time.Time) time.Duration {
	deadline, ok := k.ctx.Deadline()
	if !ok {
		return 0
	}
	return max(deadline.Sub(now), 1)
}
