package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	etcdpb "go.etcd.io/etcd/api/v3/etcdserverpb"

	"github.com/netsy-io/netsy/pkg/etcdapi"
	"github.com/netsy-io/netsy/pkg/logevent"
	"github.com/netsy-io/netsy/pkg/mvcc"
	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/peerapi"
	"github.com/netsy-io/netsy/pkg/primary"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
	"github.com/netsy-io/netsy/pkg/replication"
	"github.com/netsy-io/netsy/pkg/snapshot"
	"github.com/netsy-io/netsy/pkg/watch"
)

// Node is one data node. Make it with New, run it with Run, once.
type Node struct {
	o       Options
	log     hclog.Logger
	started time.Time

	mvcc      *mvcc.Store
	objectLog *objectlog.Log
	snapshots *snapshot.Store
	registry  *registry.Registry
	hub       *watch.Hub
	applier   *replication.Applier
	state     *state
	api       *etcdapi.Server
	peers     pb.PeerServer
	leaving   chan struct{} // of capacity 1: an elector has heard that this node leaves
	forwards  gauge         // streams of replicas that forward to this node
	loading   atomic.Bool   // the object log is being loaded
	heard     atomic.Int64  // when an elector last answered a heartbeat: nanoseconds after started

	meters meters

	failed   sync.Once
	failure  error
	failedCh chan struct{}
}

// New opens the node: it proves that the object store keeps its promises, opens
// the data directory, and registers the node. It starts nothing.
func New(ctx context.Context, o Options) (*Node, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	n := &Node{o: o, log: o.Logger.With("node_id", o.NodeID), started: time.Now(), state: newState(), failedCh: make(chan struct{}), leaving: make(chan struct{}, 1)}
	n.registry = registry.New(o.Store, o.ClusterID)
	n.meters = newMeters(o.Metrics)
	n.objectLog = objectlog.New(o.Store, objectlog.Options{Logger: n.log.Named("objectlog"), Metrics: n.meters.objectLog})
	n.snapshots = snapshot.New(o.Store, snapshot.Options{Logger: n.log.Named("snapshot"), Metrics: n.meters.snapshot})
	if err := objectstore.Probe(ctx, o.Store); err != nil {
		return nil, fmt.Errorf("node: object store %s: %w", o.Store, err)
	}
	if err := n.open(ctx); err != nil {
		return nil, err
	}
	n.api = etcdapi.New(etcdapi.Options{
		Backend: backend{n}, Profile: o.Profile, ClusterID: numericClusterID(o.ClusterID), Logger: n.log.Named("etcdapi"),
	})
	n.peers = peerapi.New(peerNode{n}, n.o.HeartbeatInterval)
	n.registerMetrics()
	return n, nil
}

// open opens the data directory, registers the node and learns what is known.
func (n *Node) open(ctx context.Context) (err error) {
	if n.mvcc, err = n.openStore(ctx); err != nil {
		return err
	}
	n.hub = watch.NewHub(n.mvcc, n.mvcc.Snapshot().Revision(), n.watchOptions())
	n.applier = replication.NewApplier(n.mvcc, n.hub)
	if err := n.readCluster(ctx); err != nil {
		n.hub.Close(nil)
		return n.closeStore(err)
	}
	return nil
}

// openStore opens the data directory and registers it. One that can't be trusted is
// set aside, once, for a new one: a new incarnation, which loads everything from the
// object log and whose word isn't taken for that of the one before it.
func (n *Node) openStore(ctx context.Context) (*mvcc.Store, error) {
	st, err := n.tryStore(ctx)
	if !untrusted(err) {
		return st, err
	}
	aside, serr := mvcc.SetAside(n.o.DataDir)
	if serr != nil {
		return nil, errors.Join(err, serr)
	}
	n.log.Error("the local copy can't be trusted; it was set aside and a new one begins", "event", logevent.DataSetAside, "path", aside, "error", err)
	return n.tryStore(ctx)
}

// untrusted: the file is damaged, or older than its own registration (a disk image
// was rolled back), so that what it promised may be forgotten.
func untrusted(err error) bool {
	return errors.Is(err, mvcc.ErrCorrupt) || errors.Is(err, registry.ErrRolledBack)
}

func (n *Node) tryStore(ctx context.Context) (*mvcc.Store, error) {
	st, err := mvcc.Open(ctx, mvcc.Options{
		Dir: n.o.DataDir, ClusterID: n.o.ClusterID, NodeID: n.o.NodeID, ValueCache: n.o.ValueCache,
		Logger: n.log.Named("mvcc"), Metrics: n.meters.mvcc,
		ReadFailed: func(err error) { n.storeFailed(err) },
	})
	if err != nil {
		return nil, fmt.Errorf("node: opening the data directory %s: %w", n.o.DataDir, err)
	}
	if err := n.register(ctx, st); err != nil {
		return nil, errors.Join(fmt.Errorf("node: registering as %q: %w", n.o.NodeID, err), st.Close())
	}
	return st, nil
}

func (n *Node) watchOptions() watch.Options {
	return watch.Options{
		ProgressInterval: n.o.ProgressInterval, Metrics: n.meters.watch,
		Header: func(rev record.Revision) *etcdpb.ResponseHeader {
			return &etcdpb.ResponseHeader{ClusterId: numericClusterID(n.o.ClusterID), MemberId: backend{n}.MemberID(), Revision: int64(rev)}
		},
	}
}

func (n *Node) register(ctx context.Context, st *mvcc.Store) error {
	for {
		err := n.registry.RegisterNode(ctx, n.registration(st))
		if !errors.Is(err, registry.ErrUnknownOutcome) && !objectstore.Retryable(err) {
			return err
		}
		n.log.Warn("registering again", "event", logevent.RegisterRetry, "error", err)
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(registerRetry):
		}
	}
}

func (n *Node) registration(st *mvcc.Store) registry.Node {
	return registry.Node{
		ClusterID: n.o.ClusterID, NodeID: n.o.NodeID, Version: n.o.Version,
		Incarnation: st.Incarnation(), StartCount: st.StartCount(),
		ClientURLs: n.o.AdvertiseClient, PeerURLs: n.o.AdvertisePeer,
	}
}

// unheardFor is how long no elector has heard this node before the node
// looks whether it is still registered: an elector that couldn't reach it may have
// removed it.
const unheardFor = 15 * time.Second

// stayRegistered registers the node again, should it have been removed while alive.
func (n *Node) stayRegistered(ctx context.Context) error {
	tick := time.NewTicker(unheardFor)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if time.Since(n.started)-time.Duration(n.heard.Load()) < unheardFor {
			continue
		}
		if err := n.registry.RegisterNode(ctx, n.registration(n.mvcc)); err != nil && ctx.Err() == nil {
			n.log.Warn("no elector hears this node, and its registration can't be checked", "event", logevent.RegisterRetry, "error", err)
		}
	}
}

// registerRetry is the pause between attempts to register while object storage is away.
const registerRetry = time.Second

// readCluster learns what is known before any elector calls.
func (n *Node) readCluster(ctx context.Context) error {
	c, err := n.registry.Cluster(ctx)
	if errors.Is(err, registry.ErrNotFound) {
		return nil // the first elector will make it
	}
	if err != nil {
		return fmt.Errorf("node: %w", err)
	}
	if c.CompactionRevision > n.mvcc.CompactRevision() && c.CompactionRevision <= n.mvcc.Snapshot().Revision() {
		if err := n.mvcc.Compact(ctx, c.CompactionRevision); err != nil {
			return fmt.Errorf("node: compacting to %d as %s says: %w", c.CompactionRevision, registry.ClusterKey, err)
		}
	}
	return nil
}

func (n *Node) ref() registry.NodeRef {
	return registry.NodeRef{NodeID: n.o.NodeID, Incarnation: n.mvcc.Incarnation()}
}

func (n *Node) setCompaction(ctx context.Context, epoch record.Epoch, rev record.Revision) error {
	_, err := n.registry.UpdateAsPrimary(ctx, epoch, n.ref(), func(c *registry.Cluster) error {
		c.CompactionRevision = max(c.CompactionRevision, rev)
		return nil
	})
	return err
}

// asDeposed makes the registry's word for it the Primary's.
func asDeposed(err error) error {
	if errors.Is(err, registry.ErrDeposed) {
		return fmt.Errorf("%w: %w", primary.ErrDeposed, err)
	}
	return err
}

// fail notes the first error that the node can't outlive.
func (n *Node) fail(err error) {
	n.failed.Do(func() {
		n.failure = err
		close(n.failedCh)
	})
}

func (n *Node) fatal() error {
	select {
	case <-n.failedCh:
		return n.failure
	default:
		return nil
	}
}

// errStopping: the node is stopping, so it won't be Primary again.
var errStopping = errors.New("node: stopping")

// Active waits until this node is the active Primary, or ctx ends. It returns at
// once when the node is stopping and has no reign.
func (n *Node) Active(ctx context.Context) (*primary.Reign, error) {
	return awaitState(ctx, n, n.state.current)
}

// AwaitLeader waits until requests can be answered: until this node is the active
// Primary or follows it.
func (n *Node) AwaitLeader(ctx context.Context) error {
	_, err := awaitState(ctx, n, n.state.leader)
	return err
}

// awaitState waits until get finds something in the state, ctx ends, or it never will.
func awaitState[T comparable](ctx context.Context, n *Node, get func() (T, <-chan struct{})) (found T, err error) {
	var none T
	for {
		v, changed := get()
		if v != none {
			return v, nil
		}
		select {
		case <-ctx.Done():
			return none, ctx.Err()
		case <-changed:
		case <-n.state.orphaned:
			return none, errStopping
		case <-n.failedCh:
			return none, n.failure
		}
	}
}

// Incarnation is the random id made with the node's SQLite file.
func (n *Node) Incarnation() string { return n.mvcc.Incarnation() }

// backend is the node as etcd's clients see it.
type backend struct{ n *Node }

func (b backend) Primary(ctx context.Context) (etcdapi.Primary, error) {
	p, err := awaitState(ctx, b.n, b.n.state.leader)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", primary.ErrNotPrimary, err)
	}
	return p, nil
}

func (b backend) Leader() etcdapi.LeaderView { return b.n.state }
func (b backend) Store() *mvcc.Store         { return b.n.mvcc }

// Hub returns nil until something is known to be committed: a watch that begins
// "now" would begin nowhere.
func (b backend) Hub() *watch.Hub {
	if b.n.mvcc.Snapshot().Revision() == 0 {
		return nil
	}
	return b.n.hub
}

func (b backend) MemberID() uint64 {
	_, _, _, cs := b.n.state.view()
	return memberID(cs, b.n.o.NodeID)
}

// Status describes the node for Maintenance.Status and Alarm.
func (b backend) Status() etcdapi.Status {
	health, reason, _, cs := b.n.state.view()
	st := etcdapi.Status{MemberID: memberID(cs, b.n.o.NodeID)}
	if cs.Primary != nil {
		st.LeaderID = memberID(cs, cs.Primary.NodeId)
	}
	st.DBSize, st.DBSizeInUse = b.n.mvcc.Size()
	if health != pb.Health_HEALTH_HEALTHY {
		st.Errors, st.Corrupt = []string{reason}, !b.n.state.serves()
	}
	if st.LeaderID == 0 || !b.n.state.HasLeader() {
		st.Errors = append(st.Errors, "etcdserver: no leader")
	}
	return st
}

func memberID(cs *pb.ClusterState, nodeID string) uint64 {
	for _, m := range cs.Members {
		if m.NodeId == nodeID {
			return m.MemberId
		}
	}
	return 0
}

// MembersFunc asks the elector for the members.
type MembersFunc func(context.Context) ([]*pb.Member, error)

// membersTimeout bounds the question to the elector; the last pushed view is good
// enough when it takes longer.
const membersTimeout = time.Second

func (b backend) Members(ctx context.Context) ([]*etcdpb.Member, error) {
	_, _, _, cs := b.n.state.view()
	members := cs.Members
	if b.n.o.Members != nil {
		ctx, cancel := context.WithTimeout(ctx, membersTimeout)
		defer cancel()
		if ms, err := b.n.o.Members(ctx); err == nil {
			members = ms
		} else {
			b.n.log.Debug("the elector did not answer; using the last pushed members", "error", err)
		}
	}
	out := make([]*etcdpb.Member, 0, len(members))
	for _, m := range members {
		out = append(out, &etcdpb.Member{ID: m.MemberId, Name: m.NodeId, ClientURLs: m.ClientUrls, PeerURLs: m.PeerUrls})
	}
	return out, nil
}
