package elector

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc/credentials"

	"github.com/netsy-io/netsy/pkg/leaderlock"
	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/registry"
)

// LockKey is the lock object of the electors.
const LockKey = "leader/elector.json"

// Defaults of Options, those of the cluster file among them.
//
// Together they bound how long writes wait when a Primary dies. Killed, its streams
// break and it counts as gone at once; gone with its host, after missedAfter, 1.25 s.
// Either way the last lease has to run out, primary_prior_timeout after the last heartbeat
// was answered: that is 1.5 to 2 s after the death, so the silence costs nothing
// beside it. Then the election: one swap, one promise, one swap, and the preflight.
const (
	defaultHeartbeatInterval     = 500 * time.Millisecond
	defaultDegradationCount      = 2
	defaultPrimaryPriorTimeout   = 2 * time.Second // config.MinPrimaryPriorTimeout is 1.67 s
	defaultDeregistrationTimeout = 3 * time.Minute
	defaultRetryEvery            = 500 * time.Millisecond
	defaultDiscoverEvery         = 20 * time.Second // idle: 6 requests a minute
	defaultRequestTimeout        = 2 * time.Second  // one fsync on a busy disk, one round trip
)

// Dialer connects to nodes. The far side must prove to be the node with that id, in
// this cluster; its incarnation is what it says of itself.
type Dialer interface {
	// Dial makes a client for the node at address (host:port). It need not wait
	// for the connection. The caller closes the Closer.
	Dial(ctx context.Context, node registry.NodeRef, address string) (peerpb.PeerClient, io.Closer, error)
}

// Options are plain values; zero durations take their defaults. Store, ClusterID,
// LeaderID and Dialer are required.
type Options struct {
	Store     objectstore.Store
	ClusterID string
	LeaderID  string // names this process among the electors

	// SoleLeaderID: no other live process can have this LeaderID, so that a lock
	// left behind under it needn't be waited for. True of a node that has locked
	// its data directory and has its incarnation in the id.
	SoleLeaderID  bool
	AdvertiseAddr string // where this elector's Election service can be reached

	// Quorum is written into cluster.json when it is first created, and never read
	// again: elections go by what cluster.json says.
	Quorum int

	HeartbeatInterval     time.Duration
	DegradationCount      int // missed heartbeats until a node counts as gone
	PrimaryPriorTimeout   time.Duration
	DeregistrationTimeout time.Duration // without a heartbeat, until a node is deregistered
	LeaseDuration         time.Duration // shorter than PrimaryPriorTimeout; 0: no leases
	LockRenewEvery        time.Duration // 0: leaderlock's default
	LockTimeout           time.Duration // 0: leaderlock's default
	RetryEvery            time.Duration // between elections, and looks at nodes/, while there is no Primary; first interval of looks after a change
	DiscoverEvery         time.Duration // between looks at nodes/ and cluster.json at peace
	RequestTimeout        time.Duration // of one request to a node

	Dialer Dialer

	// ElectorCredentials are for asking the elector that has the lock whether it is
	// in office, once a second while waiting for its place. nil: it isn't asked, and the lock
	// looked at instead, which costs each waiting elector 24 requests a minute instead of 3.
	ElectorCredentials credentials.TransportCredentials
	ask                func(context.Context, leaderlock.Holder) (renewal string, err error) // instead, for tests

	Logger  hclog.Logger // nil: none
	Metrics *Metrics     // nil: unregistered
}

func (o *Options) complete() error {
	setDefault(&o.HeartbeatInterval, defaultHeartbeatInterval)
	setDefault(&o.PrimaryPriorTimeout, defaultPrimaryPriorTimeout)
	setDefault(&o.DeregistrationTimeout, defaultDeregistrationTimeout)
	setDefault(&o.RetryEvery, defaultRetryEvery)
	setDefault(&o.DiscoverEvery, defaultDiscoverEvery)
	setDefault(&o.RequestTimeout, defaultRequestTimeout)
	setDefault(&o.DegradationCount, defaultDegradationCount)
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
	switch {
	case o.Store == nil || o.ClusterID == "" || o.LeaderID == "" || o.Dialer == nil:
		return errors.New("elector: Store, ClusterID, LeaderID and Dialer are required")
	case min(o.HeartbeatInterval, o.PrimaryPriorTimeout, o.DeregistrationTimeout, o.RetryEvery, o.DiscoverEvery, o.RequestTimeout) < 0 || o.DegradationCount < 1 || o.LeaseDuration < 0:
		return errors.New("elector: durations and counts must be positive")
	case o.DeregistrationTimeout <= o.PrimaryPriorTimeout:
		return fmt.Errorf("elector: deregistration_timeout %v must be longer than primary_prior_timeout, which is %v", o.DeregistrationTimeout, o.PrimaryPriorTimeout)
	case o.LeaseDuration >= o.PrimaryPriorTimeout:
		return fmt.Errorf("elector: read leases of %v must be shorter than primary_prior_timeout, which is %v", o.LeaseDuration, o.PrimaryPriorTimeout)
	}
	return nil
}

// missedAfter is how long after a heartbeat so many are missed that the node
// counts as gone: half an interval of grace for the last one.
func (o *Options) missedAfter() time.Duration {
	return time.Duration(o.DegradationCount)*o.HeartbeatInterval + o.HeartbeatInterval/2
}

func setDefault[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}
