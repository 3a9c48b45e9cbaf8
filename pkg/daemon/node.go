package daemon

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sync/errgroup"

	"github.com/netsy-io/netsy/pkg/config"
	"github.com/netsy-io/netsy/pkg/elector"
	"github.com/netsy-io/netsy/pkg/etcdapi"
	"github.com/netsy-io/netsy/pkg/identity"
	"github.com/netsy-io/netsy/pkg/node"
	"github.com/netsy-io/netsy/pkg/peerapi"
	"github.com/netsy-io/netsy/pkg/version"
)

// compactionWindow is how much history revision compaction leaves: what
// kube-apiserver itself keeps with its defaults.
const compactionWindow = node.DefaultCompactionWindow

// progressInterval is how often a quiet watch is told the revision, if it asked to be. It is what
// kubeadm sets for etcd, whose own default of 10 minutes is longer than kube-apiserver keeps history:
// a watch of something that rarely changes would resume, after a node went away, at a revision that
// is compacted, and its cache would have to be read anew.
const progressInterval = 5 * time.Second

// RunNode runs a data node, and with withElector an elector beside it in the same
// process, until ctx ends or it can't go on.
func RunNode(ctx context.Context, p *config.Process, withElector bool, log hclog.Logger) (err error) {
	d, err := newProcess(ctx, p, log)
	if err != nil {
		return unlessGivenUp(ctx, log, err)
	}
	electors := &electorClient{d: d}
	defer func() { err = errors.Join(err, electors.close()) }()
	health, err := listen(d.BindHealth)
	if err != nil {
		return err
	}
	d.tellStatus("opening the data directory and registering the node")
	n, err := d.newNode(ctx, electors.members)
	if err != nil {
		return errors.Join(unlessGivenUp(ctx, log, err), closeAll(health))
	}
	g, ctx := errgroup.WithContext(ctx)
	var e *elector.Elector      // nil: none here
	var electorState func() any // nil: none here
	if withElector {
		// The data directory is locked, so no other process lives under this name:
		// after a crash the office needn't be waited for.
		if e, err = d.newElector("node-"+p.NodeID+"/"+n.Incarnation(), true); err != nil {
			g.Go(func() error { return err }) // which ends the node in order
		} else {
			electorState = func() any { return d.electorReadiness(e) }
		}
	}
	// The elector goes last: the node takes leave of it, and it finds the next Primary.
	electing, endElecting := context.WithCancel(context.WithoutCancel(ctx))
	defer endElecting()
	g.Go(func() error {
		defer endElecting()
		err := n.Run(ctx)
		if e != nil && err == nil {
			e.SeeOut(electing, p.NodeID)
		}
		return err
	})
	if e != nil {
		g.Go(func() error { return d.serveElector(electing, e) })
	}
	pages, closePage := d.withStatusPage(n.HealthHandler(electorState), config.NodeProgram, n.ClusterState, nil)
	defer closePage()
	g.Go(func() error { return serveHTTP(electing, health[0], pages) }) // it says so while the node hands over
	g.Go(func() error { return d.watchCertificates(ctx) })
	g.Go(func() error {
		return d.tellManager(ctx, func() (bool, string) { r := n.Readiness(); return r.OK(), r.Line() })
	})
	return g.Wait()
}

func (d *process) newNode(ctx context.Context, members node.MembersFunc) (*node.Node, error) {
	clientOpts, err := d.serverOptions(identity.ClientPort, etcdapi.Policy)
	if err != nil {
		return nil, err
	}
	shared, clientHTTP, err := d.source.SharedPort(identity.ClientPort, etcdapi.Policy, d.log, d.tls)
	if err != nil {
		return nil, err
	}
	peerOpts, err := d.serverOptions(identity.PeerPort, peerapi.Policy)
	if err != nil {
		return nil, err
	}
	ls, err := listen(d.BindClient, d.BindPeer)
	if err != nil {
		return nil, err
	}
	interval := d.Cluster.CompactionInterval
	if d.Cluster.EtcdAPI == config.APIEtcd {
		interval = 0 // its clients say when, by the Compact RPC
	}
	n, err := node.New(ctx, node.Options{
		ClusterID: d.Cluster.ClusterID, NodeID: d.NodeID, Version: version.String(), DataDir: d.DataDir, ValueCache: d.ValueCache(), Store: d.store,
		Client: ls[0], Peer: ls[1],
		AdvertiseClient: []string{"https://" + d.AdvertiseClient}, AdvertisePeer: []string{"https://" + d.AdvertisePeer},
		ClientServer: append(clientOpts, shared), ClientHTTP: clientHTTP.Serve, PeerServer: peerOpts,
		Peers:   peerapi.Dialer{Source: d.source, ClusterID: d.Cluster.ClusterID},
		Profile: etcdapi.Profile(d.Cluster.EtcdAPI), HeartbeatInterval: d.Cluster.HeartbeatInterval,
		DegradationCount: d.Cluster.Replication.DegradationCount,
		Quorum:           d.Cluster.Replication.Quorum, QuorumTimeout: d.Cluster.Replication.QuorumTimeout,
		FlushBytes:         d.Cluster.Replication.ChunkBuffer.ThresholdSizeMB << 20,
		FlushAge:           time.Duration(d.Cluster.Replication.ChunkBuffer.ThresholdAgeMinutes) * time.Minute,
		CompactionInterval: interval, CompactionWindow: compactionWindow, ProgressInterval: progressInterval,
		Members: members,
		Logger:  d.log, Metrics: d.metrics,
	})
	if err != nil {
		return nil, errors.Join(err, closeAll(ls))
	}
	return n, nil
}

func closeAll(ls []net.Listener) error {
	var errs []error
	for _, l := range ls {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}
