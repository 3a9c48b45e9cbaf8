// Package node wires a data node together and runs its state machine: from the
// elector's word on who is Primary to reigns, and from those to what clients and
// electors are told.
package node

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"

	"github.com/netsy-io/netsy/pkg/etcdapi"
	pb "github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/registry"
)

// Options are plain values: where they come from (files, environment, tests) is
// the caller's business.
type Options struct {
	ClusterID, NodeID string
	Version           string // of the software, for nodes/{id}.json
	DataDir           string
	ValueCache        int64 // see mvcc.Options
	Store             objectstore.Store

	// Listeners; Run closes them. Without them nothing is served on the network: who
	// embeds the node calls API and PeerServer. Advertised URLs go into nodes/{id}.json.
	Client, Peer             net.Listener
	AdvertiseClient          []string
	AdvertisePeer            []string
	ClientServer, PeerServer []grpc.ServerOption // credentials and interceptors
	// ClientHTTP serves a handler, until ctx ends, to HTTP clients of the client port; nil:
	// the port speaks gRPC only.
	ClientHTTP func(ctx context.Context, h http.Handler) error

	// Peers connects to other nodes.
	Peers Dialer

	Profile            etcdapi.Profile
	HeartbeatInterval  time.Duration
	DegradationCount   int // missed heartbeats until a follower, or the Primary followed, counts as gone
	Quorum             int // as in primary.Config, as the next ones
	QuorumTimeout      time.Duration
	FlushBytes         int
	FlushAge           time.Duration
	CompactionInterval time.Duration // 0: never by itself
	CompactionWindow   time.Duration
	ProgressInterval   time.Duration // of watch progress notifications; 0: etcd's 10 min

	// Members asks the elector for the member list; nil or an error: the last
	// pushed view is used.
	Members MembersFunc

	Logger  hclog.Logger
	Metrics *prometheus.Registry // served at /metrics of HealthHandler
}

// Dialer connects to nodes' peer ports; peerapi.Dialer in life.
type Dialer interface {
	// Dial makes a client for the node at address (host:port). It need not wait for
	// the connection. The caller closes the Closer.
	Dial(ctx context.Context, node registry.NodeRef, address string) (pb.PeerClient, io.Closer, error)
}

// Defaults of Options, those of the cluster file.
const (
	defaultHeartbeatInterval = 500 * time.Millisecond
	defaultDegradationCount  = 2
	DefaultCompactionWindow  = 5 * time.Minute
)

func (o *Options) complete() error {
	if o.HeartbeatInterval == 0 {
		o.HeartbeatInterval = defaultHeartbeatInterval
	}
	if o.DegradationCount == 0 {
		o.DegradationCount = defaultDegradationCount
	}
	if o.CompactionWindow == 0 {
		o.CompactionWindow = DefaultCompactionWindow
	}
	if o.Profile == "" {
		o.Profile = etcdapi.ProfileKubernetes
	}
	if o.Metrics == nil {
		o.Metrics = prometheus.NewRegistry()
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	switch {
	case o.ClusterID == "" || o.NodeID == "" || o.DataDir == "" || o.Store == nil || o.Peers == nil:
		return errors.New("node: ClusterID, NodeID, DataDir, Store and Peers are required")
	case o.HeartbeatInterval < 0 || o.CompactionInterval < 0 || o.CompactionWindow < 0 || o.ProgressInterval < 0:
		return errors.New("node: intervals can't be negative")
	}
	return nil
}

// numericClusterID is the cluster id that etcd's response headers carry.
func numericClusterID(clusterID string) uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, clusterID)
	return max(h.Sum64(), 1)
}

// leaderlessGrace is how long watch streams that ask for a leader are spared the
// news that there is none: etcd's three election timeouts of 1 s.
const leaderlessGrace = 3 * time.Second

// drainTimeout bounds each step of a graceful stop; what is not finished by then
// is cut off, which is safe, only less polite.
const drainTimeout = 5 * time.Second
