package simulation

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

var (
	errReset   = status.Error(codes.Unavailable, "simulation: connection reset")
	errRefused = status.Error(codes.Unavailable, "simulation: connection refused")
	errSilent  = status.Error(codes.Unavailable, "simulation: no answer to keepalive pings")
)

// conn is a party's connection to a name: whoever has it when a call arrives.
type conn struct {
	from *party
	to   string
}

var _ grpc.ClientConnInterface = conn{}

// Close lets conn be a dialer's io.Closer. Its calls end with their contexts.
func (conn) Close() error { return nil }

// Invoke is a unary call: a stream of one message each way.
func (c conn) Invoke(ctx context.Context, method string, args, reply any, _ ...grpc.CallOption) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := c.NewStream(ctx, nil, method)
	if err != nil {
		return err
	}
	if err := s.SendMsg(args); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return s.RecvMsg(reply)
}

// NewStream begins a call. Like gRPC's it doesn't wait for the far side.
func (c conn) NewStream(ctx context.Context, _ *grpc.StreamDesc, method string, _ ...grpc.CallOption) (grpc.ClientStream, error) {
	n := c.from.net
	n.mu.Lock()
	to, dead := n.parties[c.to], c.from.dead
	refused := to == nil || !to.serves
	n.mu.Unlock()
	switch {
	case dead:
		return nil, errReset
	case refused:
		if err := n.travel(ctx); err != nil {
			return nil, err
		}
		return nil, errRefused
	}
	k := &call{net: n, client: c.from, server: to, method: method}
	k.cctx, k.leave = context.WithCancelCause(ctx)
	base := metadata.NewIncomingContext(to.ctx, outgoing(ctx))
	k.sctx, k.stop = context.WithCancelCause(c.from.caller(base))
	if d, ok := ctx.Deadline(); ok { // gRPC passes it on
		k.sctx, k.stopTimer = context.WithDeadline(k.sctx, d)
	}
	k.up, k.down = newPipe(k, c.from, to), newPipe(k, to, c.from)
	n.mu.Lock()
	n.open[k] = true
	n.mu.Unlock()
	n.calls.Add(2)
	go k.serve()
	go k.watch()
	return &clientStream{k}, nil
}

func outgoing(ctx context.Context) metadata.MD {
	md, _ := metadata.FromOutgoingContext(ctx)
	return md
}

// travel takes as long as a message, or until ctx ends.
func (n *network) travel(ctx context.Context) error {
	if !sleep(ctx, n.transit()) {
		return status.FromContextError(ctx.Err()).Err()
	}
	return nil
}

// call is one call under way.
type call struct {
	net            *network
	client, server *party
	method         string
	up, down       *pipe // requests, answers

	cctx, sctx  context.Context // the client's and the handler's
	leave, stop context.CancelCauseFunc
	stopTimer   context.CancelFunc

	mu     sync.Mutex
	silent time.Time // since when a way has been seen closed; zero if open
}

// fail breaks the call at both ends.
func (k *call) fail(err error) {
	k.leave(err)
	k.stop(err)
}

// watch tells the server that its client has left, once that news gets there.
func (k *call) watch() {
	defer k.net.calls.Done()
	select {
	case <-k.sctx.Done():
		return
	case <-k.cctx.Done():
	}
	_ = k.up.arrive(k.sctx) // if it doesn't get through, silence says the same
	k.stop(context.Canceled)
}

// serve runs the handler when the call arrives, and sends its status.
func (k *call) serve() {
	defer k.net.calls.Done()
	err := k.up.arrive(k.sctx)
	if err == nil {
		err = k.handle()
	}
	k.down.finish(status.Convert(fromContext(err)))
	k.stop(context.Canceled)
	if k.stopTimer != nil {
		k.stopTimer()
	}
	k.net.mu.Lock()
	defer k.net.mu.Unlock()
	delete(k.net.open, k)
}

// fromContext gives context errors their codes, as gRPC does.
func fromContext(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		if _, ok := status.FromError(err); !ok {
			return status.FromContextError(err).Err()
		}
	}
	return err
}

func (k *call) handle() error {
	name, method, _ := strings.Cut(strings.TrimPrefix(k.method, "/"), "/")
	k.net.mu.Lock()
	s, ok := k.server.services[name]
	k.net.mu.Unlock()
	if !ok {
		return status.Errorf(codes.Unimplemented, "unknown service %s", name)
	}
	ss := &serverStream{k}
	for _, m := range s.desc.Methods {
		if m.MethodName == method {
			resp, err := m.Handler(s.impl, k.sctx, ss.RecvMsg, k.server.unary(name))
			if err != nil {
				return err
			}
			return ss.SendMsg(resp)
		}
	}
	for _, m := range s.desc.Streams {
		if m.StreamName == method {
			if guard := k.server.stream(name); guard != nil {
				return guard(s.impl, ss, &grpc.StreamServerInfo{FullMethod: k.method, IsClientStream: m.ClientStreams, IsServerStream: m.ServerStreams}, m.Handler)
			}
			return m.Handler(s.impl, ss)
		}
	}
	return status.Errorf(codes.Unimplemented, "unknown method %s", k.method)
}

// guardedService is the one whose callers are looked at: clients are trusted here.
const guardedService = "netsy.peer.v1.Peer"

func (p *party) unary(service string) grpc.UnaryServerInterceptor {
	if service != guardedService || p.guard == nil {
		return nil
	}
	return p.guard.UnaryInterceptor()
}

func (p *party) stream(service string) grpc.StreamServerInterceptor {
	if service != guardedService || p.guard == nil {
		return nil
	}
	return p.guard.StreamInterceptor()
}

// clientStream is the client's end of a call.
type clientStream struct{ *call }

func (s *clientStream) Context() context.Context { return s.cctx }
func (s *clientStream) Trailer() metadata.MD     { return nil }
func (s *clientStream) CloseSend() error         { s.up.finish(nil); return nil }
func (s *clientStream) SendMsg(m any) error      { return s.up.send(s.cctx, m) }

// Header waits until the handler has taken the call, by saying so or by answering. As
// gRPC's it returns nil, without an error, for a call that ended instead.
func (s *clientStream) Header() (metadata.MD, error) {
	e, err := s.down.first(s.cctx)
	if err != nil || e.end {
		return nil, nil
	}
	return metadata.MD{}, nil
}

func (s *clientStream) RecvMsg(m any) error {
	err := s.down.recv(s.cctx, m)
	if err != nil && s.cctx.Err() == nil {
		s.leave(io.EOF) // the call is over
	}
	return err
}

// serverStream is the handler's end.
type serverStream struct{ *call }

func (s *serverStream) Context() context.Context     { return s.sctx }
func (s *serverStream) SetHeader(metadata.MD) error  { return nil }
func (s *serverStream) SendHeader(metadata.MD) error { s.down.put(envelope{header: true}); return nil }
func (s *serverStream) SetTrailer(metadata.MD)       {}
func (s *serverStream) SendMsg(m any) error          { return s.down.send(s.sctx, m) }
func (s *serverStream) RecvMsg(m any) error          { return s.up.recv(s.sctx, m) }

// window bounds the messages under way in one direction: a sender that is ahead of its
// reader by more waits, as gRPC's flow control makes it.
const window = 256

// pipe carries one direction of a call, in order.
type pipe struct {
	call     *call
	from, to *party

	mu      sync.Mutex
	queue   []envelope
	last    time.Time // when the last message is due
	changed chan struct{}
}

type envelope struct {
	due    time.Time
	body   []byte
	header bool           // nothing but the news that the handler has taken the call
	end    bool           // the last: nothing, or the status, follows
	st     *status.Status // of the call, if end
}

func newPipe(k *call, from, to *party) *pipe {
	return &pipe{call: k, from: from, to: to, changed: make(chan struct{})}
}

// put appends an envelope. It is due after the ones before it.
func (p *pipe) put(e envelope) {
	e.due = time.Now().Add(p.call.net.transit())
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.due.Before(p.last) {
		e.due = p.last
	}
	p.last = e.due
	p.queue = append(p.queue, e)
	p.wake()
}

func (p *pipe) wake() {
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *pipe) send(ctx context.Context, m any) error {
	body, err := marshal(m)
	if err != nil {
		return status.Error(codes.Internal, err.Error())
	}
	for {
		if p.from.isDead() {
			return errReset
		}
		if ctx.Err() != nil {
			return io.EOF // as gRPC: the status comes from receiving
		}
		p.mu.Lock()
		full, changed := len(p.queue) >= window, p.changed
		p.mu.Unlock()
		if !full {
			p.put(envelope{body: body})
			return nil
		}
		select {
		case <-ctx.Done():
		case <-changed:
		}
	}
}

// finish ends the direction. What a dead process leaves behind is a broken connection.
func (p *pipe) finish(st *status.Status) {
	if p.from.isDead() {
		st = status.Convert(errReset)
	}
	p.put(envelope{end: true, st: st})
}

// recv takes the next message.
func (p *pipe) recv(ctx context.Context, m any) error {
	e, err := p.next(ctx)
	switch {
	case err != nil:
		return err
	case e.end && (e.st == nil || e.st.Code() == codes.OK):
		return io.EOF
	case e.end:
		return e.st.Err()
	}
	return unmarshal(e.body, m)
}

// first waits for the first envelope to be there, due, and let through.
func (p *pipe) first(ctx context.Context) (e envelope, err error) {
	err = p.await(ctx, func() (due time.Time, there bool, changed <-chan struct{}) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if len(p.queue) > 0 {
			e = p.queue[0]
		}
		return e.due, len(p.queue) > 0, p.changed
	})
	if err != nil {
		return e, err
	}
	if p.to.isDead() {
		return e, errReset
	}
	return e, nil
}

// next takes the first envelope that is no header.
func (p *pipe) next(ctx context.Context) (envelope, error) {
	for {
		e, err := p.first(ctx)
		if err != nil || e.end { // the end stays, for whoever asks again
			return e, err
		}
		p.mu.Lock()
		p.queue = p.queue[1:]
		p.wake()
		p.mu.Unlock()
		if !e.header {
			return e, nil
		}
	}
}

// arrive waits as long as one message takes.
func (p *pipe) arrive(ctx context.Context) error {
	due := time.Now().Add(p.call.net.transit())
	return p.await(ctx, func() (time.Time, bool, <-chan struct{}) { return due, true, nil })
}

// await waits until what look tells of is there and due, and the way is open. It breaks
// the call when either way has been closed for so long that pings would have told.
func (p *pipe) await(ctx context.Context, look func() (due time.Time, there bool, changed <-chan struct{})) error {
	for {
		due, there, changed := look()
		forth, back, netChanged := p.call.net.ways(p.from, p.to)
		wait := time.Hour
		if there {
			if wait = time.Until(due); wait <= 0 && forth {
				return nil
			}
		}
		if left := p.call.patience(forth && back); left <= 0 {
			p.call.fail(errSilent)
			return errSilent
		} else if wait <= 0 || left < wait {
			wait = left
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
		case <-changed:
		case <-netChanged:
		case <-t.C:
		}
		t.Stop()
		if ctx.Err() != nil {
			return ended(ctx)
		}
	}
}

// patience is how long the call stands yet, given whether its ways are open.
func (k *call) patience(open bool) time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case open:
		k.silent = time.Time{}
	case k.silent.IsZero():
		k.silent = time.Now()
	default:
		return keepalive - time.Since(k.silent)
	}
	return keepalive
}

// ended is what a call says once its context has ended.
func ended(ctx context.Context) error {
	cause := context.Cause(ctx)
	if s, ok := status.FromError(cause); ok && s.Code() != codes.OK {
		return cause
	}
	if errors.Is(cause, io.EOF) {
		return io.EOF
	}
	if ctx.Err() == nil {
		return fmt.Errorf("simulation: not ended: %w", cause)
	}
	return status.FromContextError(ctx.Err()).Err()
}

// sleep waits for d; false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
