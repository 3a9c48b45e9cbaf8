package elector

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/netsy-io/netsy/pkg/logevent"
	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/registry"
)

// conn is the elector's connection to one node, with two goroutines: listen (hears
// heartbeats and answers them) and push (tells the node the state of the cluster).
type conn struct {
	o      *office
	id     string // of the node
	cancel context.CancelFunc
	ended  chan struct{} // closed when both goroutines have ended
	notify chan struct{} // capacity 1: the state may have changed
	tried  chan struct{} // closed when the node was dialled for the first time
	try    sync.Once

	// Guarded by office.mu.
	reg    registry.Node
	client peerpb.PeerClient    // nil while there is none
	state  *peerpb.NodeState    // as of the last heartbeat; nil while none is heard
	word   *peerpb.NodeState    // as of the last heartbeat, also after the stream ended; nil before the first
	heard  time.Time            // when the last heartbeat came, or reg was first seen
	leaves bool                 // the last heartbeat since reg was first seen said that the node stops on purpose
	pushed *peerpb.ClusterState // last state the node is known to have taken on this connection
}

// connect starts a connection that lives until ctx ends or close is called.
func (o *office) connect(ctx context.Context, n registry.Node) *conn {
	ctx, cancel := context.WithCancel(ctx)
	c := &conn{o: o, id: n.NodeID, cancel: cancel, reg: n, heard: time.Now(), ended: make(chan struct{}), notify: make(chan struct{}, 1), tried: make(chan struct{})}
	pushed := make(chan struct{})
	o.wg.Go(func() {
		defer close(pushed)
		c.push(ctx)
	})
	o.wg.Go(func() {
		defer close(c.ended)
		c.listen(ctx)
		<-pushed
	})
	return c
}

func (c *conn) close() {
	c.cancel()
	<-c.ended
}

func (c *conn) nudge() {
	select {
	case c.notify <- struct{}{}:
	default:
	}
}

// listen keeps one heartbeat stream open, and opens it again when it breaks.
func (c *conn) listen(ctx context.Context) {
	var last string
	for ctx.Err() == nil {
		err := c.session(ctx)
		c.lost()
		if ctx.Err() != nil {
			return
		}
		if s := err.Error(); s != last { // a lasting failure is logged once
			last = s
			c.o.e.opt.Logger.Info("node is out of reach", "event", logevent.ElectorNodeLost, "node_id", c.id, "reason", err)
		}
		if pause(ctx, c.o.e.opt.RetryEvery) != nil {
			return
		}
	}
}

// lost forgets what was heard: a node that isn't heard counts as gone.
func (c *conn) lost() {
	c.o.mu.Lock()
	heard := c.state != nil
	c.client, c.state, c.pushed = nil, nil, nil
	c.o.lookNow = c.o.lookNow || heard && c.leaves
	c.o.mu.Unlock()
	if heard {
		c.o.nudge()
	}
}

// session dials, and hears and answers heartbeats until the stream breaks or so
// many heartbeats are missed that the node counts as gone.
func (c *conn) session(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer c.try.Do(func() { close(c.tried) })
	reg := c.registration()
	addr, err := peerAddress(reg)
	if err != nil {
		return err
	}
	client, closer, err := c.o.e.opt.Dialer.Dial(ctx, reg.Ref(), addr)
	if err != nil {
		return fmt.Errorf("elector: connecting to %s: %w", addr, err)
	}
	defer closer.Close()
	c.o.mu.Lock()
	c.client = client
	if c.id == c.o.cluster.Primary.NodeID {
		c.o.nudge() // whoever waits for its lease to run out can ask it again
	}
	c.o.mu.Unlock()
	c.try.Do(func() { close(c.tried) })

	silence := time.AfterFunc(c.o.e.opt.missedAfter(), func() { cancel(errSilent) })
	defer silence.Stop()
	stream, err := client.Heartbeats(ctx)
	if err != nil {
		return fmt.Errorf("elector: opening heartbeats from %s: %w", addr, err)
	}
	for {
		hb, err := stream.Recv()
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				err = cause
			}
			return fmt.Errorf("elector: heartbeats from %s: %w", addr, err)
		}
		silence.Reset(c.o.e.opt.missedAfter())
		if err := c.answer(stream, hb); err != nil {
			return fmt.Errorf("elector: answering %s: %w", addr, err)
		}
	}
}

var errSilent = errors.New("too many heartbeats missed")

// register takes the registration as it is now. A new one is a sign of life: the
// node has started since. mu is held.
func (c *conn) register(n registry.Node) (changed bool) {
	if n.Ref() == c.reg.Ref() && n.StartCount == c.reg.StartCount {
		c.reg = n
		return false
	}
	c.reg, c.heard, c.leaves = n, time.Now(), false
	return true
}

func (c *conn) registration() registry.Node {
	c.o.mu.Lock()
	defer c.o.mu.Unlock()
	return c.reg
}

// answer takes note of a heartbeat and replies, with a read lease if it may.
func (c *conn) answer(stream grpc.BidiStreamingClient[peerpb.HeartbeatReply, peerpb.Heartbeat], hb *peerpb.Heartbeat) error {
	lease, first, err := c.hear(hb.GetState())
	if err != nil {
		return err
	}
	if first {
		c.nudge() // whatever it knew, it may have restarted
	}
	return stream.Send(&peerpb.HeartbeatReply{Seq: hb.Seq, Lease: lease})
}

// hear stores a node's state and decides about its lease, in one step under mu:
// an election that has begun before grants nothing after.
func (c *conn) hear(s *peerpb.NodeState) (lease *peerpb.ReadLease, first bool, err error) {
	o := c.o
	o.mu.Lock()
	defer o.mu.Unlock()
	if s == nil || s.NodeId != c.id || s.Incarnation == "" {
		return nil, false, fmt.Errorf("the heartbeat is of node %q, not of %q: check advertise addresses", s.GetNodeId(), c.id)
	}
	old, now := c.state, time.Now()
	c.state, c.word, c.heard, c.leaves = s, s, now, s.Leaving
	if old == nil || old.Health != s.Health || old.PrimaryState != s.PrimaryState || old.Incarnation != s.Incarnation {
		o.nudge()
	}
	if o.e.opt.LeaseDuration == 0 || !o.leases.mayGrant(o.e.lock.MayAct(), &o.cluster, s) {
		return nil, old == nil, nil
	}
	o.leases.granted(now)
	o.e.opt.Metrics.leases.Inc()
	return &peerpb.ReadLease{Epoch: int64(o.cluster.Epoch), DurationNanos: int64(o.e.opt.LeaseDuration)}, old == nil, nil
}
