package peerapi

import (
	"context"
	"sync"
	"time"

	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/record"
)

// maxUnanswered bounds the heartbeats whose sending time is remembered. A lease
// that answers an older one has run out anyway.
const maxUnanswered = 64

// heartbeats is the state of one stream: when each heartbeat was sent, which is
// when the lease that answers it begins.
type heartbeats struct {
	node Node

	mu   sync.Mutex
	seq  uint64
	sent map[uint64]sentBeat
}

// sentBeat is a heartbeat that was not answered yet.
type sentBeat struct {
	at      time.Time
	leaving bool // it said so
}

type sender interface{ Send(*pb.Heartbeat) error }

// send sends a heartbeat at once, at every interval, and when the state changes.
func (h *heartbeats) send(ctx context.Context, to sender, interval time.Duration) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		changed := h.node.Changed()
		if err := to.Send(h.next(time.Now())); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		case <-changed:
		}
	}
}

func (h *heartbeats) next(now time.Time) *pb.Heartbeat {
	h.mu.Lock()
	h.seq++
	seq := h.seq
	h.mu.Unlock()
	state := h.node.State() // after now was read: what it says is not older
	h.mu.Lock()
	h.sent[seq] = sentBeat{at: now, leaving: state.GetLeaving()}
	delete(h.sent, seq-maxUnanswered)
	h.mu.Unlock()
	return &pb.Heartbeat{Seq: seq, State: state}
}

// answered passes a lease on, dated back to its heartbeat's sending. Answers to
// unknown heartbeats carry nothing.
func (h *heartbeats) answered(reply *pb.HeartbeatReply) {
	h.mu.Lock()
	sent, ok := h.sent[reply.Seq]
	delete(h.sent, reply.Seq)
	h.mu.Unlock()
	if l := reply.Lease; ok && l != nil {
		h.node.ReadLease(record.Epoch(l.Epoch), sent.at, time.Duration(l.DurationNanos))
	}
	if ok {
		h.node.Answered(sent.leaving)
	}
}
