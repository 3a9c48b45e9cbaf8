package elector

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/netsy-io/netsy/pkg/leaderlock"
	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/memstore"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	testCluster = "test-cluster"
	testLease   = defaultPrimaryPriorTimeout * 9 / 10
)

// bed is a cluster of model nodes and real electors around one store. It checks
// that no epoch ever has two Primaries, and that none becomes active while another
// may still answer reads under a lease.
type bed struct {
	t     *testing.T
	store objectstore.Store
	reg   *registry.Registry

	mu      sync.Mutex
	nodes   map[string]*modelNode // by address
	procs   map[string]*process   // electors, by address
	reigns  map[int64]string      // who started in an epoch
	actives int
	changed chan struct{} // closed and replaced when a node's state changes
}

// inBubble runs a test with fake time.
func inBubble(t *testing.T, fn func(t *testing.T, b *bed)) {
	synctest.Test(t, func(t *testing.T) {
		store := memstore.New(time.Now)
		fn(t, &bed{
			t: t, store: store, reg: registry.New(store, testCluster),
			nodes: map[string]*modelNode{}, procs: map[string]*process{}, reigns: map[int64]string{}, changed: make(chan struct{}),
		})
	})
}

// modelNode has what elections see of a node: durable promises, an incarnation, a
// tail, and a Primary's states.
type modelNode struct {
	b    *bed
	id   string
	addr string

	// Guarded by bed.mu.
	incarnation      string
	starts           int64
	promised, served int64
	tail             record.Pos
	seq              int64 // of the state last taken
	primary          peerpb.PrimaryState
	health           peerpb.Health
	startTime        int64
	up               bool
	deaf             bool // takes no state pushed to it
	leaseEnd         time.Time
	changed          chan struct{}
	promises         int                // answers to PrepareEpoch
	forgets          bool               // answers to PrepareEpoch without promising
	leaving          bool               // says that it stops on purpose
	stuck            bool               // answers no request and sends no heartbeat, as a host that is gone without a word
	removed          []registry.NodeRef // voters that it was asked to remove, as Primary
	resigned         *peerpb.Resignation
}

// add registers a new node, healthy and up.
func (b *bed) add(id string) *modelNode {
	n := &modelNode{b: b, id: id, addr: id + ":2381", changed: make(chan struct{})}
	n.wipe()
	b.mu.Lock()
	b.nodes[n.addr] = n
	b.mu.Unlock()
	n.start()
	return n
}

// wipe takes the disk away.
func (n *modelNode) wipe() {
	n.b.mu.Lock()
	defer n.b.mu.Unlock()
	n.incarnation += "i"
	n.starts, n.promised, n.served, n.tail, n.seq = 0, 0, 0, record.Pos{}, 0
}

func (n *modelNode) start() {
	n.b.mu.Lock()
	n.starts++
	doc := registry.Node{
		NodeID: n.id, Incarnation: n.incarnation, StartCount: n.starts, Version: "test",
		ClientURLs: []string{"https://" + n.id + ":2378"}, PeerURLs: []string{"https://" + n.addr},
	}
	n.b.mu.Unlock()
	// A process of its own has a Registry of its own.
	if err := registry.New(n.b.store, testCluster).RegisterNode(context.Background(), doc); err != nil {
		n.b.t.Fatal(err)
	}
	n.set(func() {
		n.up, n.primary, n.health = true, peerpb.PrimaryState_PRIMARY_STATE_REPLICA, peerpb.Health_HEALTH_HEALTHY
		n.startTime, n.leaseEnd, n.seq = time.Now().UnixNano(), time.Time{}, 0
	})
}

func (n *modelNode) stop() { n.set(func() { n.up = false }) }

// kill ends the process: reign and lease with it. stop only cuts it off.
func (n *modelNode) kill() {
	n.set(func() {
		n.up, n.primary, n.leaseEnd = false, peerpb.PrimaryState_PRIMARY_STATE_REPLICA, time.Time{}
	})
}

// set changes the node and wakes whoever waits for a change.
func (n *modelNode) set(fn func()) {
	n.b.mu.Lock()
	defer n.b.mu.Unlock()
	fn()
	n.wakeLocked()
}

func (n *modelNode) wakeLocked() {
	close(n.changed)
	n.changed = make(chan struct{})
	n.b.wakeLocked()
}

func (b *bed) wakeLocked() {
	close(b.changed)
	b.changed = make(chan struct{})
}

func (n *modelNode) stateLocked() *peerpb.NodeState {
	return &peerpb.NodeState{
		NodeId: n.id, Incarnation: n.incarnation, Health: n.health, PrimaryState: n.primary,
		StartTimeUnixNano: n.startTime, Tail: &peerpb.Pos{Epoch: int64(n.tail.Epoch), Revision: int64(n.tail.Revision)},
		PromisedEpoch: n.promised, ServedEpoch: n.served, Leaving: n.leaving, Resigned: n.resigned,
	}
}

// activateLocked ends the preflight: the seal is the node's last record.
func (n *modelNode) activateLocked() {
	n.primary = peerpb.PrimaryState_PRIMARY_STATE_ACTIVE
	n.tail = record.Pos{Epoch: record.Epoch(n.served), Revision: n.tail.Revision + 1}
	n.b.actives++
	for _, other := range n.b.nodes {
		if other != n && other.primary == peerpb.PrimaryState_PRIMARY_STATE_ACTIVE && time.Now().Before(other.leaseEnd) {
			n.b.t.Errorf("%s is active in epoch %d while %s holds a lease for another %v", n.id, n.served, other.id, time.Until(other.leaseEnd))
		}
	}
}

// client is the elector's way to a model node. fault, if set, may fail a call.
type client struct {
	peerpb.PeerClient // what electors don't call

	n     *modelNode
	fault func(call string) error
}

var errUnreachable = status.Error(codes.Unavailable, "model node: out of reach")

// enter begins a call: it fails if the node can't be reached.
func (c *client) enter(ctx context.Context, call string) error {
	if c.fault != nil {
		if err := c.fault(call + " " + c.n.id); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil { // the fault may have taken its time
		return err
	}
	for {
		c.n.b.mu.Lock()
		switch {
		case !c.n.up:
			c.n.b.mu.Unlock()
			return errUnreachable
		case !c.n.stuck:
			return nil // with bed.mu held
		}
		changed := c.n.changed
		c.n.b.mu.Unlock()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

func (c *client) GetNodeState(ctx context.Context, _ *peerpb.GetNodeStateRequest, _ ...grpc.CallOption) (*peerpb.NodeState, error) {
	if err := c.enter(ctx, "state"); err != nil {
		return nil, err
	}
	defer c.n.b.mu.Unlock()
	return c.n.stateLocked(), nil
}

func (c *client) PrepareEpoch(ctx context.Context, r *peerpb.PrepareEpochRequest, _ ...grpc.CallOption) (*peerpb.PrepareEpochResponse, error) {
	if err := c.enter(ctx, "promise"); err != nil {
		return nil, err
	}
	defer c.n.b.mu.Unlock()
	n := c.n
	if r.Epoch < n.promised {
		return nil, status.Errorf(codes.FailedPrecondition, "promised epoch %d", n.promised)
	}
	if n.forgets {
		return &peerpb.PrepareEpochResponse{State: n.stateLocked()}, nil
	}
	n.promised = r.Epoch
	n.promises++
	if n.served < r.Epoch && n.primary != peerpb.PrimaryState_PRIMARY_STATE_REPLICA {
		n.primary, n.leaseEnd = peerpb.PrimaryState_PRIMARY_STATE_REPLICA, time.Time{}
		n.wakeLocked()
	}
	return &peerpb.PrepareEpochResponse{State: n.stateLocked()}, nil
}

func (c *client) PushClusterState(ctx context.Context, s *peerpb.ClusterState, _ ...grpc.CallOption) (*peerpb.PushClusterStateResponse, error) {
	if err := c.enter(ctx, "push"); err != nil {
		return nil, err
	}
	defer c.n.b.mu.Unlock()
	n := c.n
	if n.deaf || s.Seq < n.seq {
		return &peerpb.PushClusterStateResponse{}, nil
	}
	n.seq = s.Seq
	me := s.GetPrimary().GetNodeId() == n.id && s.GetPrimary().GetIncarnation() == n.incarnation
	switch {
	case me && s.Epoch > n.served && s.Epoch >= n.promised:
		n.served, n.promised, n.primary, n.leaseEnd = s.Epoch, s.Epoch, peerpb.PrimaryState_PRIMARY_STATE_STARTING, time.Time{}
		if who, ok := n.b.reigns[s.Epoch]; ok {
			n.b.t.Errorf("epoch %d has two Primaries: %s and %s", s.Epoch, who, n.id)
		}
		n.b.reigns[s.Epoch] = n.id + "/" + n.incarnation
		n.wakeLocked()
	case s.Epoch > n.served && n.primary != peerpb.PrimaryState_PRIMARY_STATE_REPLICA:
		n.primary, n.leaseEnd = peerpb.PrimaryState_PRIMARY_STATE_REPLICA, time.Time{}
		n.wakeLocked()
	}
	return &peerpb.PushClusterStateResponse{}, nil
}

// RemoveVoter is the bridge: object-storage mode, and a rule without the voter.
func (c *client) RemoveVoter(ctx context.Context, r *peerpb.RemoveVoterRequest, _ ...grpc.CallOption) (*peerpb.RemoveVoterResponse, error) {
	if err := c.enter(ctx, "remove"); err != nil {
		return nil, err
	}
	n, ref := c.n, registry.NodeRef{NodeID: r.GetNode().GetNodeId(), Incarnation: r.GetNode().GetIncarnation()}
	me := registry.NodeRef{NodeID: n.id, Incarnation: n.incarnation}
	isActive, epoch := n.primary == peerpb.PrimaryState_PRIMARY_STATE_ACTIVE, record.Epoch(n.served)
	n.removed = append(n.removed, ref)
	n.b.mu.Unlock()
	if !isActive {
		return nil, status.Error(codes.FailedPrecondition, "model node: not the active Primary")
	}
	_, err := registry.New(n.b.store, testCluster).UpdateAsPrimary(ctx, epoch, me, func(c *registry.Cluster) error {
		c.Durability.Voters = slices.DeleteFunc(c.Durability.Voters, func(v registry.NodeRef) bool { return v == ref })
		if len(c.Durability.Voters) < 2 {
			c.Durability.Mode = registry.ModeObjectStorage
		}
		return nil
	})
	return &peerpb.RemoveVoterResponse{}, err
}

func (c *client) Heartbeats(ctx context.Context, _ ...grpc.CallOption) (grpc.BidiStreamingClient[peerpb.HeartbeatReply, peerpb.Heartbeat], error) {
	if err := c.enter(ctx, "heartbeats"); err != nil {
		return nil, err
	}
	defer c.n.b.mu.Unlock()
	return &beats{ctx: ctx, n: c.n, incarnation: c.n.incarnation, sent: map[uint64]time.Time{}}, nil
}

// beats is a heartbeat stream; Recv plays the node's part.
type beats struct {
	grpc.ClientStream
	ctx         context.Context
	n           *modelNode
	incarnation string
	seq         uint64
	sent        map[uint64]time.Time
	changed     chan struct{} // closed if the node changed since its last heartbeat
}

func (s *beats) Recv() (*peerpb.Heartbeat, error) {
	first := s.seq == 0
	if !first {
		t := time.NewTimer(defaultHeartbeatInterval)
		defer t.Stop()
		select {
		case <-s.ctx.Done():
			return nil, s.ctx.Err()
		case <-t.C:
		case <-s.changed:
		}
	}
	if err := (&client{n: s.n}).enter(s.ctx, "heartbeat"); err != nil {
		return nil, err
	}
	defer s.n.b.mu.Unlock()
	n := s.n
	if !n.up || n.incarnation != s.incarnation {
		return nil, errUnreachable
	}
	if n.primary == peerpb.PrimaryState_PRIMARY_STATE_STARTING && n.health == peerpb.Health_HEALTH_HEALTHY && !first {
		n.activateLocked()
		n.wakeLocked()
	}
	s.seq++
	s.sent[s.seq], s.changed = time.Now(), n.changed
	return &peerpb.Heartbeat{Seq: s.seq, State: n.stateLocked()}, nil
}

func (s *beats) Send(r *peerpb.HeartbeatReply) error {
	s.n.b.mu.Lock()
	defer s.n.b.mu.Unlock()
	n := s.n
	if !n.up || n.incarnation != s.incarnation {
		return errUnreachable
	}
	if l := r.GetLease(); l != nil && l.Epoch == n.served && n.primary == peerpb.PrimaryState_PRIMARY_STATE_ACTIVE {
		n.leaseEnd = s.sent[r.Seq].Add(time.Duration(l.DurationNanos))
		n.b.wakeLocked()
	}
	return nil
}

// dialer reaches the bed's nodes.
type dialer struct {
	b     *bed
	fault func(call string) error
}

func (d *dialer) Dial(_ context.Context, n registry.NodeRef, address string) (peerpb.PeerClient, io.Closer, error) {
	d.b.mu.Lock()
	defer d.b.mu.Unlock()
	m := d.b.nodes[address]
	if m == nil || m.id != n.NodeID {
		return nil, nil, fmt.Errorf("nobody at %s", address)
	}
	return &client{n: m, fault: d.fault}, io.NopCloser(nil), nil
}

// process is a running elector.
type process struct {
	*Elector
	cancel context.CancelFunc
	done   chan error
}

// elector starts an elector; with changes its options first.
func (b *bed) elector(id string, change ...func(*Options)) *process {
	opt := Options{
		Store: b.store, ClusterID: testCluster, LeaderID: id, AdvertiseAddr: id + ":8443", Quorum: registry.QuorumMajority,
		LeaseDuration: testLease, Dialer: &dialer{b: b}, ask: b.askElector,
	}
	for _, fn := range change {
		fn(&opt)
	}
	e, err := New(opt)
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &process{Elector: e, cancel: cancel, done: make(chan error, 1)}
	b.mu.Lock()
	b.procs[opt.AdvertiseAddr] = p
	b.mu.Unlock()
	go func() { p.done <- e.Run(ctx) }()
	return p
}

// askElector asks the elector at an address whether it is in office.
func (b *bed) askElector(ctx context.Context, h leaderlock.Holder) (string, error) {
	b.mu.Lock()
	p := b.procs[h.Address]
	b.mu.Unlock()
	if p == nil {
		return "", errUnreachable
	}
	r, err := (&electionService{e: p.Elector}).ListMembers(ctx, &peerpb.ListMembersRequest{})
	return r.GetLockWriteId(), err
}

func (p *process) stop(t *testing.T) {
	t.Helper()
	p.cancel()
	if err := <-p.done; err != nil {
		t.Errorf("elector: %v", err)
	}
}

// await waits until cond holds, looking whenever a node changed; by the fake clock
// it gives up after an hour.
func (b *bed) await(what string, cond func() bool) {
	b.t.Helper()
	deadline := time.NewTimer(time.Hour)
	defer deadline.Stop()
	for {
		b.mu.Lock()
		ok, changed := cond(), b.changed
		b.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-deadline.C:
			b.t.Fatalf("never happened: %s", what)
		}
	}
}

// awaitPrimary waits until n is active, and returns its epoch.
func (b *bed) awaitPrimary(n *modelNode) (epoch int64) {
	b.t.Helper()
	b.await(n.id+" is active", func() bool {
		epoch = n.served
		return n.up && n.primary == peerpb.PrimaryState_PRIMARY_STATE_ACTIVE
	})
	return epoch
}

// awaitActiveAbove waits until some node is active in an epoch above e.
func (b *bed) awaitActiveAbove(e int64) (who *modelNode) {
	b.t.Helper()
	b.await(fmt.Sprintf("an active Primary above epoch %d", e), func() bool {
		for _, n := range b.nodes {
			if n.up && n.primary == peerpb.PrimaryState_PRIMARY_STATE_ACTIVE && n.served > e {
				who = n
				return true
			}
		}
		return false
	})
	return who
}

func (b *bed) cluster() registry.Cluster {
	b.t.Helper()
	c, err := b.reg.Cluster(context.Background())
	if err != nil && !errors.Is(err, registry.ErrNotFound) {
		b.t.Fatal(err)
	}
	return c
}
