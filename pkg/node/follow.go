package node

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/netsy-io/netsy/pkg/forward"
	"github.com/netsy-io/netsy/pkg/loading"
	"github.com/netsy-io/netsy/pkg/logevent"
	"github.com/netsy-io/netsy/pkg/mvcc"
	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
	"github.com/netsy-io/netsy/pkg/replication"
)

// leadership is who is Primary of which epoch.
type leadership struct {
	epoch   record.Epoch
	primary registry.NodeRef
}

func leadershipOf(cs *pb.ClusterState) leadership {
	return leadership{record.Epoch(cs.Epoch), registry.NodeRef{NodeID: cs.Primary.GetNodeId(), Incarnation: cs.Primary.GetIncarnation()}}
}

// toFollow returns whose reign this node should follow; ok is false if there is none
// that it knows of and may follow.
func (n *Node) toFollow() (l leadership, address string, ok bool) {
	_, _, _, cs := n.state.view()
	l = leadershipOf(cs)
	if l.primary.IsZero() || l.primary.NodeID == n.o.NodeID || l.epoch < n.mvcc.ElectionState().Promised {
		return l, "", false
	}
	for _, m := range cs.Members {
		if m.NodeId == l.primary.NodeID && len(m.PeerUrls) > 0 {
			u, err := url.Parse(m.PeerUrls[0])
			return l, u.Host, err == nil && u.Host != ""
		}
	}
	return l, "", false
}

// followRetry is the pause before a Primary is followed again after the stream to it broke.
const followRetry = 50 * time.Millisecond

// diskRetry is the pause when it is the local disk that can't be written: each attempt
// makes the Primary read and send what can't be stored.
const diskRetry = time.Second

// follow follows l's reign until it is over, as far as this node knows, or ctx ends.
// It returns an error only if the node can't go on.
func (n *Node) follow(ctx context.Context, l leadership, address string) error {
	n.meters.replicaRole.Enter()
	defer n.meters.replicaRole.Leave()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watched := make(chan struct{})
	go func() { // ends with follow
		defer close(watched)
		n.whileLeads(ctx, l)
		cancel()
	}()
	defer func() { cancel(); <-watched }()

	client, closer, err := n.o.Peers.Dial(ctx, l.primary, address)
	if err != nil {
		n.log.Warn("can't connect to the Primary", "event", logevent.FollowFailed, "primary", l.primary, "address", address, "error", err)
		_ = pauseFor(ctx, followRetry) // whoever called looks whether ctx has ended
		return nil
	}
	defer closer.Close()
	log := n.log.With("epoch", l.epoch, "primary", l.primary)
	unloaded := backoff{least: followRetry, most: loadRetryMost}
	if n.mvcc.Tail().Revision == 0 { // nobody has to send what is in object storage anyway
		if fatal := n.followFailed(n.catchUp(ctx)); fatal != nil {
			return fatal
		}
	}
	for last := ""; ctx.Err() == nil; {
		err := n.followOrLoad(ctx, l, client)
		if ctx.Err() != nil {
			return nil
		}
		if fatal := n.followFailed(err); fatal != nil {
			return fatal
		}
		if err != nil && err.Error() != last { // a lasting failure is logged once
			last = err.Error()
			level := hclog.Warn
			if status.Code(errors.Unwrap(err)) == codes.FailedPrecondition {
				level = hclog.Debug // it is still starting, or no longer Primary: news will come
			}
			log.Log(level, "not following the Primary, trying again", "event", logevent.FollowFailed, "error", err)
		}
		pause := followRetry
		switch {
		case errors.Is(err, mvcc.ErrDisk):
			pause = diskRetry
		case errors.Is(err, errNotLoaded):
			pause = unloaded.next()
		default:
			unloaded.reset()
		}
		if pauseFor(ctx, pause) != nil {
			return nil
		}
	}
	return nil
}

// loadRetryMost bounds the pauses between attempts to load: each may read a whole
// snapshot.
const loadRetryMost = 15 * time.Second

// errNotLoaded: the object log could not be loaded.
var errNotLoaded = errors.New("node: the object log could not be loaded")

// followOrLoad follows over one stream, and loads the object log if the copy is too far
// behind.
func (n *Node) followOrLoad(ctx context.Context, l leadership, client pb.PeerClient) error {
	err := n.followOnce(ctx, l, client)
	if errors.Is(err, replication.ErrBehind) || errors.Is(err, replication.ErrPurged) {
		return n.catchUp(ctx)
	}
	return err
}

// backoff gives pauses that double.
type backoff struct{ least, most, last time.Duration }

func (b *backoff) next() time.Duration {
	b.last = min(max(2*b.last, b.least), b.most)
	return b.last
}

func (b *backoff) reset() { b.last = 0 }

// followOnce follows over one stream.
func (n *Node) followOnce(ctx context.Context, l leadership, client pb.PeerClient) error {
	following, over := context.WithCancel(ctx)
	fwd := forward.NewClient(client, n.log.Named("forward"), n.meters.forward)
	defer fwd.Close()
	defer n.state.setRemote(nil)
	defer over()
	return replication.Follow(ctx, replication.FollowConfig{
		Store: n.mvcc, Self: n.ref(), Epoch: l.epoch, Primary: client, Applier: n.applier,
		HeartbeatInterval: n.o.HeartbeatInterval, DegradationCount: n.o.DegradationCount,
		Following: func() {
			n.state.setRemote(&remote{Client: fwd, store: n.mvcc, following: following})
		},
		Logger: n.log.Named("follow"), Metrics: n.meters.replication,
	})
}

// catchUp brings the local copy to the end of the object log: the Primary's memory and
// SQLite don't reach back to where this copy ends. Watches that still needed what a
// snapshot no longer has are told so.
func (n *Node) catchUp(ctx context.Context) error {
	n.loading.Store(true)
	defer n.loading.Store(false)
	end, err := loading.CatchUp(ctx, loading.Config{
		Store: n.mvcc, Log: n.objectLog, Snapshots: n.snapshots, Limit: loading.AnyEpoch, Logger: n.log.Named("loading"), Metrics: n.meters.loading,
	})
	n.hub.Compacted(n.mvcc.CompactRevision())
	if err != nil {
		return fmt.Errorf("%w: %w", errNotLoaded, err)
	}
	n.log.Info("loaded the object log", "event", logevent.LogLoaded, "revision", end.Last.Revision)
	return nil
}

// followFailed looks at why following failed for what the node can't outlive.
func (n *Node) followFailed(err error) error {
	var gone *mvcc.TruncateError
	if errors.As(err, &gone) {
		// The Primary lacks what this node knows to be committed. Going on would hide it.
		n.fail(fmt.Errorf("node: this copy and the Primary's contradict each other: %w", err))
		return n.fatal()
	}
	if err == nil {
		return nil
	}
	return n.storeFailed(err)
}

// whileLeads returns when another leadership is known, or a later epoch is promised,
// or ctx ends.
func (n *Node) whileLeads(ctx context.Context, l leadership) {
	for {
		changed := n.state.Changed()
		_, _, _, cs := n.state.view()
		if leadershipOf(cs) != l || n.mvcc.ElectionState().Promised > l.epoch {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

// pauseFor returns nil after d, or ctx's error when it ends first.
func pauseFor(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
