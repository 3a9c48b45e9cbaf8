package replication

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/netsy-io/netsy/pkg/logevent"
	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// stream is one follower's stream on the Primary. Three goroutines share it: the RPC's
// own, which only watches, so that it can always return and thereby unblock the others;
// one that receives; and, once agreed, one that sends.
type stream struct {
	feed   *Feed
	rpc    peerpb.Peer_FollowServer
	peer   string // the node id of its certificate
	ctx    context.Context
	cancel context.CancelCauseFunc
	wake   chan struct{} // of capacity 1: there may be something to send

	// Guarded by feed.mu.
	heard  time.Time
	agreed bool
	ill    bool // as last looked at by watch
	terms  terms
	noted  note
}

// note is the part of an Append that isn't records.
type note struct {
	committed, compaction record.Revision
	round                 uint64
	question              question
}

// Serve serves one replica's stream until it ends. peer is the node id by its
// certificate.
func (f *Feed) Serve(peer string, rpc peerpb.Peer_FollowServer) error {
	s := &stream{feed: f, rpc: rpc, peer: peer, wake: make(chan struct{}, 1), heard: time.Now()}
	s.ctx, s.cancel = context.WithCancelCause(rpc.Context())
	defer s.cancel(errReturned)
	defer context.AfterFunc(f.ctx, func() { s.cancel(context.Cause(f.ctx)) })()
	if !f.goFunc(func() { s.cancel(s.receive()) }) {
		return status.Errorf(codes.FailedPrecondition, "replication: epoch %d is over: %v", f.cfg.Epoch, context.Cause(f.ctx))
	}
	err := s.watch()
	s.cancel(err) // before it leaves: it must not enter afterwards
	f.leave(s)
	return s.status(err)
}

// watch waits for the end of the stream, and ends it when nothing is heard.
func (s *stream) watch() error {
	tick := time.NewTicker(s.feed.cfg.HeartbeatInterval)
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return context.Cause(s.ctx)
		case now := <-tick.C:
			if s.feed.hush(s, now) {
				return fmt.Errorf("%w: more than %v", ErrSilent, s.feed.silence())
			}
		}
	}
}

// hush notices that a follower falls silent, and says when it is time to give up.
func (f *Feed) hush(s *stream, now time.Time) (giveUp bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.copies[s.terms.ref.NodeID]; c != nil && c.stream == s && s.agreed {
		if ill := !f.healthyLocked(c, now); ill != s.ill {
			s.ill = ill
			notify(f.changed)
		}
	}
	return now.Sub(s.heard) > f.silence()
}

// leave forgets the stream, not the receipts.
func (f *Feed) leave(s *stream) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c := f.copies[s.terms.ref.NodeID]; c != nil && c.stream == s {
		c.stream = nil
		f.countLocked()
		notify(f.changed)
		f.tellWaitersLocked()
	}
}

func (f *Feed) countLocked() {
	n := 0
	for _, c := range f.copies {
		if c.connected() {
			n++
		}
	}
	f.cfg.Metrics.followers.Set(float64(n))
}

// status is what the replica is told of the end of its stream.
func (s *stream) status(err error) error {
	log := s.feed.cfg.Logger.With("node", s.peer)
	if _, ok := status.FromError(err); ok || errors.Is(err, errLeft) || errors.Is(err, errBehind) {
		log.Debug("follower's stream ended", "event", logevent.FollowerLeft, "reason", err)
		if ok {
			return err
		}
		return nil
	}
	log.Info("follower's stream ended", "event", logevent.FollowerLeft, "reason", err)
	switch {
	case s.feed.ctx.Err() != nil:
		return status.Errorf(codes.FailedPrecondition, "replication: epoch %d is over: %v", s.feed.cfg.Epoch, err)
	case errors.Is(err, ErrProtocol):
		return status.Error(codes.InvalidArgument, err.Error())
	case errors.Is(err, errReplaced):
		return status.Error(codes.Aborted, err.Error())
	}
	return status.Error(codes.Unavailable, err.Error())
}

// receive takes what the replica says: its hello, the dialogue, then receipts.
func (s *stream) receive() error {
	hello, err := s.recv()
	if err != nil {
		return err
	}
	held, err := s.greet(hello.GetHello())
	if err != nil {
		return err
	}
	if err := s.agree(held); err != nil {
		return err
	}
	for {
		msg, err := s.recv()
		if err != nil {
			return err
		}
		if err := s.feed.receipt(s, msg.GetReceipt()); err != nil {
			return err
		}
	}
}

func (s *stream) recv() (*peerpb.FollowRequest, error) {
	msg, err := s.rpc.Recv()
	switch {
	case errors.Is(err, io.EOF):
		return nil, errLeft
	case err != nil:
		return nil, err
	}
	s.feed.mu.Lock()
	s.heard = time.Now()
	s.feed.mu.Unlock()
	return msg, nil
}

// greet checks who wants to follow what, and makes this the node's one stream.
func (s *stream) greet(h *peerpb.Hello) (tail record.Pos, err error) {
	f := s.feed
	if h == nil || h.Node == nil || h.Node.NodeId == "" || h.Node.Incarnation == "" {
		return tail, fmt.Errorf("%w: a stream begins with a hello that names the node and its incarnation", ErrProtocol)
	}
	ref := registry.NodeRef{NodeID: h.Node.NodeId, Incarnation: h.Node.Incarnation}
	tail = position(h.Tail)
	if ref.NodeID != s.peer {
		return tail, status.Errorf(codes.PermissionDenied, "replication: hello of node %q with the certificate of node %q", ref.NodeID, s.peer)
	}
	if ref.NodeID == f.cfg.Self.NodeID {
		return tail, status.Errorf(codes.FailedPrecondition, "replication: %v is the Primary itself", f.cfg.Self)
	}
	if seen := max(record.Epoch(h.Epoch), tail.Epoch); seen > f.cfg.Epoch {
		f.cfg.HigherEpoch(seen)
		return tail, status.Errorf(codes.FailedPrecondition, "replication: this Primary is of epoch %d, not %d", f.cfg.Epoch, seen)
	}
	if record.Epoch(h.Epoch) != f.cfg.Epoch {
		return tail, status.Errorf(codes.FailedPrecondition, "replication: this Primary is of epoch %d, not %d", f.cfg.Epoch, h.Epoch)
	}
	return tail, f.enter(s, ref)
}

// enter makes s the node's stream in place of an older one. Another incarnation's copy
// is gone for ever, and with it what its receipts said. A stream that has been given up
// meanwhile replaces none.
func (f *Feed) enter(s *stream, ref registry.NodeRef) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	s.terms = terms{ref: ref, epoch: f.cfg.Epoch, stream: rand.Uint64()}
	c := f.copies[ref.NodeID]
	if c != nil && c.stream != nil {
		c.stream.cancel(errReplaced)
	}
	if c == nil || c.ref != ref {
		c = &replicaCopy{ref: ref}
		f.copies[ref.NodeID] = c
	}
	c.stream = s
	f.cfg.Metrics.streamsServed.Inc()
	f.countLocked()
	notify(f.changed)
	return nil
}

// agree proposes agreement points until the replica holds one: its first receipt says
// so. From then on records are sent.
func (s *stream) agree(held record.Pos) error {
	for first, last := true, (record.Pos{}); ; first = false {
		pos, known, err := s.feed.common(held)
		if err != nil {
			return err
		}
		if !known || s.feed.behind(pos.Revision) {
			return s.sendBehind()
		}
		if !first && !descends(last, pos) {
			return fmt.Errorf("%w: it holds %v instead of %v", ErrProtocol, held, last)
		}
		last = pos
		msg := &peerpb.Agreement{Stream: s.terms.stream, Pos: &peerpb.Pos{Epoch: int64(pos.Epoch), Revision: int64(pos.Revision)}}
		if err := s.rpc.Send(&peerpb.FollowResponse{Message: &peerpb.FollowResponse_Agreement{Agreement: msg}}); err != nil {
			return err
		}
		answer, err := s.recv()
		if err != nil {
			return err
		}
		if r := answer.GetReceipt(); r != nil {
			return s.begin(pos, r)
		}
		if held = position(answer.GetHeld()); held.Revision != pos.Revision {
			return fmt.Errorf("%w: asked for revision %d it answered with %v", ErrProtocol, pos.Revision, held)
		}
	}
}

// common asks the rule, as of now.
func (f *Feed) common(held record.Pos) (record.Pos, bool, error) {
	f.mu.Lock()
	h := history{starts: f.starts, end: record.Pos{Epoch: f.cfg.Epoch, Revision: f.last}}
	f.mu.Unlock()
	return h.commonWith(held)
}

// begin starts sending after pos, on which the first receipt agrees.
func (s *stream) begin(pos record.Pos, first *peerpb.Receipt) error {
	f := s.feed
	f.mu.Lock()
	s.terms.sent = pos.Revision
	f.mu.Unlock()
	if record.Revision(first.Revision) != pos.Revision {
		return fmt.Errorf("%w: first receipt of revision %d, agreed on %v", ErrProtocol, first.Revision, pos)
	}
	if err := f.receipt(s, first); err != nil {
		return err
	}
	f.cfg.Logger.Info("follower agreed", "event", logevent.FollowerJoined, "node", s.terms.ref, "agreed", pos)
	if !f.goFunc(func() { s.cancel(s.send()) }) {
		return context.Cause(f.ctx)
	}
	return nil
}

// receipt takes a receipt of s, which counts only while s is the node's newest stream.
func (f *Feed) receipt(s *stream, r *peerpb.Receipt) error {
	if r == nil {
		return fmt.Errorf("%w: anything but receipts after the agreement", ErrProtocol)
	}
	if seen := record.Epoch(r.Epoch); seen > f.cfg.Epoch {
		f.cfg.HigherEpoch(seen)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.copies[s.terms.ref.NodeID]
	if c == nil || c.stream != s {
		return errReplaced
	}
	answered := s.terms.answer.number
	if err := s.terms.accept(r); err != nil {
		return err
	}
	if !s.agreed {
		s.agreed = true
		f.countLocked()
	}
	c.receipt = max(c.receipt, s.terms.receipt)
	f.trimLocked()
	c.published, c.needed = record.Revision(r.PublishedRevision), record.Revision(r.NeededRevision)
	if r.Round > c.round || s.terms.answer.number > answered {
		c.round = max(c.round, r.Round)
		f.tellWaitersLocked()
	}
	f.cfg.Metrics.receipts.Inc()
	notify(f.changed)
	return nil
}

func (s *stream) sendBehind() error {
	s.feed.cfg.Metrics.behind.Inc()
	if err := s.rpc.Send(&peerpb.FollowResponse{Message: &peerpb.FollowResponse_Behind{Behind: &peerpb.Behind{}}}); err != nil {
		return err
	}
	return errBehind
}

func position(p *peerpb.Pos) record.Pos {
	return record.Pos{Epoch: record.Epoch(p.GetEpoch()), Revision: record.Revision(p.GetRevision())}
}
