// Package devcluster runs a whole cluster, nodes and an elector, within one
// process on loopback: for `netsyctl dev` and for tests. Everything is real: TLS
// with certificates of its own, gRPC between the parts, the file object store.
package devcluster

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/netsy-io/netsy/pkg/compactor"
	"github.com/netsy-io/netsy/pkg/config"
	"github.com/netsy-io/netsy/pkg/etcdapi"
	"github.com/netsy-io/netsy/pkg/identity"
	"github.com/netsy-io/netsy/pkg/node"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/file"
)

// Options describe the cluster. Dir is required; the rest has defaults.
type Options struct {
	Dir       string // holds everything: objects/, certs/, one data directory a node
	ClusterID string // default "dev-cluster"
	Nodes     int    // default 1
	MaxNodes  int    // how many nodes there may ever be; default Nodes
	Profile   etcdapi.Profile
	// ClientPort and PeerPort are the first node's ports, the next node has the
	// next ones; 0 means any free ones, kept in Dir for the next start.
	ClientPort, PeerPort int

	// ValueCache bounds the memory for values of each node, in bytes; 0 is a node's default.
	ValueCache int64

	// ProgressNotifyInterval is that of watches; 0 is etcd's.
	ProgressNotifyInterval time.Duration
	CompactionInterval     time.Duration // 0: never by itself
	CompactionWindow       time.Duration

	// Compactor, if set, makes snapshots and frees what they supersede. Store, ClusterID,
	// ID and Logger are filled in; Interval is between its passes.
	Compactor *Compactor

	// Wrap, if set, stands between the processes and the object store; tests put
	// faults there.
	Wrap func(objectstore.Store) objectstore.Store
	// WrapNode, if set, stands between the i-th node (from 0) alone and the object store.
	WrapNode func(i int, s objectstore.Store) objectstore.Store

	Logger   hclog.Logger
	Progress func(string) // told what is being done, for people
}

// Compactor says how a cluster's compactor works.
type Compactor struct {
	compactor.Options
	Interval time.Duration
}

// DefaultCompactor is one as the cluster file has it by default.
func DefaultCompactor() *Compactor {
	s := config.Defaults().Snapshot
	return &Compactor{
		Options: compactor.Options{
			Thresholds: compactor.Thresholds{Records: int64(s.ThresholdRecords), Size: int64(s.ThresholdSizeMB) << 20, Age: time.Duration(s.ThresholdAgeMinutes) * time.Minute},
			Retention:  s.Retention, Keep: s.Keep,
		},
		Interval: compactor.DefaultInterval,
	}
}

// Cluster is a running cluster.
type Cluster struct {
	o     Options
	certs certs
	store objectstore.Store

	cancel context.CancelCauseFunc
	ctx    context.Context
	wg     sync.WaitGroup

	mu    sync.Mutex
	nodes []*member
	err   error
}

// Start starts the cluster and returns once it has an active Primary. ctx bounds
// the start only; Close ends the cluster.
func Start(ctx context.Context, o Options) (_ *Cluster, err error) {
	o.setDefaults()
	c := &Cluster{o: o}
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("devcluster: %w", err)
	}
	if c.certs, err = makeCerts(filepath.Join(o.Dir, "certs"), o); err != nil {
		return nil, fmt.Errorf("devcluster: certificates: %w", err)
	}
	if err := c.openStore(ctx); err != nil {
		return nil, err
	}
	for i := range o.Nodes {
		o.Progress(fmt.Sprintf("starting node-%d", i+1))
		m, err := c.startNode(ctx, i)
		if err != nil {
			return nil, fmt.Errorf("devcluster: node-%d: %w", i+1, err)
		}
		c.place(i, m)
	}
	o.Progress("starting the elector")
	if err := c.startElector(); err != nil {
		return nil, fmt.Errorf("devcluster: elector: %w", err)
	}
	if o.Compactor != nil {
		c.startCompactor()
	}
	o.Progress("waiting for a Primary")
	return c, c.awaitActive(ctx)
}

func (o *Options) setDefaults() {
	if o.ClusterID == "" {
		o.ClusterID = "dev-cluster"
	}
	if o.Nodes == 0 {
		o.Nodes = 1
	}
	o.MaxNodes = max(o.MaxNodes, o.Nodes)
	if o.Profile == "" {
		o.Profile = etcdapi.ProfileEtcd
	}
	if o.Logger == nil {
		o.Logger = hclog.NewNullLogger()
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
}

func (c *Cluster) openStore(ctx context.Context) error {
	st, err := file.Open(ctx, file.Config{Dir: filepath.Join(c.o.Dir, "objects")})
	if err != nil {
		return fmt.Errorf("devcluster: object store: %w", err)
	}
	c.store = st
	if c.o.Wrap != nil {
		c.store = c.o.Wrap(c.store)
	}
	return nil
}

// awaitActive waits until every node can answer requests.
func (c *Cluster) awaitActive(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.ctx, cancel)()
	for i, m := range c.members() {
		if err := m.node.AwaitLeader(ctx); err != nil {
			return fmt.Errorf("devcluster: %s has no Primary: %w", nodeID(i), errors.Join(err, c.Err()))
		}
	}
	return nil
}

// StopNode stops the i-th node (from 0) gracefully and waits for it.
func (c *Cluster) StopNode(i int) error {
	m := c.members()[i]
	m.end()
	<-m.stopped
	return c.Err()
}

// StartNode starts the i-th node again after StopNode, or the next new one.
func (c *Cluster) StartNode(ctx context.Context, i int) error {
	m, err := c.startNode(ctx, i)
	if err != nil {
		return fmt.Errorf("devcluster: %s: %w", nodeID(i), err)
	}
	c.place(i, m)
	return nil
}

// place makes m the i-th node.
func (c *Cluster) place(i int, m *member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i == len(c.nodes) {
		c.nodes = append(c.nodes, nil)
	}
	c.nodes[i] = m
}

func (c *Cluster) members() []*member {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.nodes)
}

// goRun runs f until the cluster ends; its failing ends the cluster.
func (c *Cluster) goRun(what string, f func(context.Context) error, stopped <-chan struct{}) {
	c.wg.Go(func() {
		err := f(c.ctx)
		asked := c.ctx.Err() != nil
		select {
		case <-stopped:
			asked = true
		default:
		}
		switch {
		case !asked:
			err = fmt.Errorf("%s ended: %w", what, err)
			c.note(err)
			c.cancel(err)
		case err != nil && !errors.Is(err, context.Canceled):
			c.note(fmt.Errorf("%s: %w", what, err))
		}
	})
}

func (c *Cluster) note(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = errors.Join(c.err, err)
}

// Done is closed when the cluster has ended or is ending.
func (c *Cluster) Done() <-chan struct{} { return c.ctx.Done() }

// Err says what has gone wrong with any part.
func (c *Cluster) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close stops every part gracefully and waits for it: the nodes first, which take leave
// of the elector.
func (c *Cluster) Close() error {
	for _, m := range c.members() {
		m.end()
	}
	for _, m := range c.members() {
		<-m.stopped
	}
	c.cancel(context.Canceled)
	c.wg.Wait()
	return c.Err()
}

// Endpoints are the client URLs, one a node.
func (c *Cluster) Endpoints() []string {
	var out []string
	for _, m := range c.members() {
		out = append(out, "https://"+m.client)
	}
	return out
}

// Node returns the i-th node, from 0.
func (c *Cluster) Node(i int) *node.Node { return c.members()[i].node }

// Store is the object store that the cluster lives in.
func (c *Cluster) Store() objectstore.Store { return c.store }

// CertFiles names the CA and the client certificate and key of a user.
func (c *Cluster) CertFiles() (ca, cert, key string) {
	f := c.certs.files("client")
	return f.CA, f.Cert, f.Key
}

// ClientTLS is the configuration of an etcd client.
func (c *Cluster) ClientTLS() (*tls.Config, error) {
	src, err := identity.Open(identity.Options{Files: c.certs.files("client")})
	if err != nil {
		return nil, err
	}
	return src.ClientTLS(identity.ExpectAnyNode(c.o.ClusterID)), nil
}
