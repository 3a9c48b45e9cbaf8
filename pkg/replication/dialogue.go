package replication

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/record"
)

// agree says hello and answers the Primary's agreement points until it is one that
// this copy holds. Nothing is changed by it.
func (r *replica) agree(ctx context.Context, tail record.Pos) (record.Pos, error) {
	hello := &peerpb.Hello{
		Node:  &peerpb.NodeRef{NodeId: r.cfg.Self.NodeID, Incarnation: r.cfg.Self.Incarnation},
		Epoch: int64(r.cfg.Epoch), Tail: message(tail),
	}
	if err := r.say(&peerpb.FollowRequest{Message: &peerpb.FollowRequest_Hello{Hello: hello}}); err != nil {
		return record.Pos{}, err
	}
	for last := tail; ; {
		point, held, err := r.compare(ctx, tail, last)
		if err != nil {
			return record.Pos{}, err
		}
		if held == point {
			return point, nil
		}
		if err := r.say(&peerpb.FollowRequest{Message: &peerpb.FollowRequest_Held{Held: message(held)}}); err != nil {
			return record.Pos{}, err
		}
		last = point
	}
}

// compare takes the next agreement point and looks up what this copy holds there. The
// points descend: the first is at most the tail, each later one below the last.
func (r *replica) compare(ctx context.Context, tail, last record.Pos) (point, held record.Pos, err error) {
	msg, err := r.recv()
	if err != nil {
		return point, held, err
	}
	a := msg.GetAgreement()
	if a == nil {
		return point, held, fmt.Errorf("%w: records before the agreement", ErrProtocol)
	}
	point, r.id = position(a.Pos), a.Stream
	if point.Revision > tail.Revision || last != tail && !descends(last, point) {
		return point, held, fmt.Errorf("%w: agreement point %v after %v, the tail being %v", ErrProtocol, point, last, tail)
	}
	if held, err = r.cfg.Store.PosAt(ctx, point.Revision); err != nil {
		return point, held, err
	}
	if held == (record.Pos{}) && point != held {
		return point, held, fmt.Errorf("%w: nothing is stored at revision %d, the compaction revision is %d", ErrPurged, point.Revision, r.cfg.Store.CompactRevision())
	}
	return point, held, nil
}

// say sends a message. When the stream has ended, the reason is what comes from it.
func (r *replica) say(msg *peerpb.FollowRequest) error {
	err := r.rpc.Send(msg)
	if !errors.Is(err, io.EOF) {
		return err
	}
	for {
		if _, err := r.recv(); err != nil {
			return err
		}
	}
}

func message(p record.Pos) *peerpb.Pos {
	return &peerpb.Pos{Epoch: int64(p.Epoch), Revision: int64(p.Revision)}
}
