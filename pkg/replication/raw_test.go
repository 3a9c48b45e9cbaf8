package replication

import (
	"context"
	"testing"

	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/record"
)

// raw is a replica that says what a test makes it say.
type raw struct {
	t           *testing.T
	s           peerpb.Peer_FollowClient
	id          string
	incarnation string
	epoch       record.Epoch
	stream      uint64
	cancel      context.CancelFunc
}

func dialRaw(t *testing.T, f *Feed, id string) *raw {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	s, err := newLink(t, f, id).Follow(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return &raw{t: t, s: s, id: id, incarnation: id + "-1", epoch: f.cfg.Epoch, cancel: cancel}
}

func (r *raw) hello(tail record.Pos) {
	r.send(&peerpb.FollowRequest{Message: &peerpb.FollowRequest_Hello{Hello: &peerpb.Hello{
		Node: &peerpb.NodeRef{NodeId: r.id, Incarnation: r.incarnation}, Epoch: int64(r.epoch), Tail: message(tail),
	}}})
}

func (r *raw) send(m *peerpb.FollowRequest) {
	r.t.Helper()
	if err := r.s.Send(m); err != nil {
		r.t.Fatal(err)
	}
}

// agreement takes the next agreement point.
func (r *raw) agreement() record.Pos {
	r.t.Helper()
	m, err := r.s.Recv()
	if err != nil || m.GetAgreement() == nil {
		r.t.Fatalf("%v, %v", m, err)
	}
	r.stream = m.GetAgreement().Stream
	return position(m.GetAgreement().Pos)
}

func (r *raw) receipt(rev record.Revision, round uint64) *peerpb.Receipt {
	return &peerpb.Receipt{Incarnation: r.incarnation, Epoch: int64(r.epoch), Stream: r.stream, Revision: int64(rev), Round: round}
}

func (r *raw) sendReceipt(m *peerpb.Receipt) {
	r.t.Helper()
	r.send(&peerpb.FollowRequest{Message: &peerpb.FollowRequest_Receipt{Receipt: m}})
}

// join agrees on everything and takes the Primary's first notice.
func (r *raw) join(tail record.Pos) record.Pos {
	r.t.Helper()
	r.hello(tail)
	pos := r.agreement()
	r.sendReceipt(r.receipt(pos.Revision, 0))
	return pos
}

// next is the next Append.
func (r *raw) next() *peerpb.Append {
	r.t.Helper()
	m, err := r.s.Recv()
	if err != nil || m.GetAppend() == nil {
		r.t.Fatalf("%v, %v", m, err)
	}
	return m.GetAppend()
}

// end reads until the stream ends, and returns the last message and why it ended.
func (r *raw) end() (last *peerpb.FollowResponse, err error) {
	r.t.Helper()
	for {
		m, err := r.s.Recv()
		if err != nil {
			return last, err
		}
		last = m
	}
}
