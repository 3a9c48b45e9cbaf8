package devcluster

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/netsy-io/netsy/pkg/compactor"
	"github.com/netsy-io/netsy/pkg/config"
	"github.com/netsy-io/netsy/pkg/elector"
	"github.com/netsy-io/netsy/pkg/etcdapi"
	"github.com/netsy-io/netsy/pkg/identity"
	"github.com/netsy-io/netsy/pkg/node"
	"github.com/netsy-io/netsy/pkg/peerapi"
	"github.com/netsy-io/netsy/pkg/version"
)

// member is one node with its addresses.
type member struct {
	node         *node.Node
	client, peer string // host:port

	stop    chan struct{} // closed to stop it alone, by end
	once    sync.Once
	stopped chan struct{} // closed when it has ended
}

// end asks the node to stop, any number of times.
func (m *member) end() { m.once.Do(func() { close(m.stop) }) }

// run runs the node until it is stopped or ctx ends.
func (m *member) run(ctx context.Context) error {
	defer close(m.stopped)
	run, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan struct{})
	go func() { // ends with run
		select {
		case <-m.stop:
			cancel()
		case <-ended:
		}
	}()
	err := m.node.Run(run)
	close(ended)
	return err
}

// quorum is what a new cluster is made with: a majority of the voters, once there are several.
const quorum = -1

// leaseDuration goes with the default primary_prior_timeout.
var leaseDuration = config.Defaults().LeaseDuration()

func (c *Cluster) startNode(ctx context.Context, i int) (*member, error) {
	id := nodeID(i)
	src, err := identity.Open(identity.Options{Files: c.certs.files(id), Logger: c.o.Logger})
	if err != nil {
		return nil, err
	}
	clientOpts, err := src.ServerOptions(identity.ClientPort, etcdapi.Policy, c.o.Logger, nil)
	if err != nil {
		return nil, err
	}
	shared, clientHTTP, err := src.SharedPort(identity.ClientPort, etcdapi.Policy, c.o.Logger, nil)
	if err != nil {
		return nil, err
	}
	peerOpts, err := src.ServerOptions(identity.PeerPort, peerapi.Policy, c.o.Logger, nil)
	if err != nil {
		return nil, err
	}
	client, peer, err := c.listen(i)
	if err != nil {
		return nil, err
	}
	store := c.store
	if c.o.WrapNode != nil {
		store = c.o.WrapNode(i, store)
	}
	m := &member{client: client.Addr().String(), peer: peer.Addr().String(), stop: make(chan struct{}), stopped: make(chan struct{})}
	m.node, err = node.New(ctx, node.Options{
		ClusterID: c.o.ClusterID, NodeID: id, Version: version.String(),
		DataDir: filepath.Join(c.o.Dir, id), ValueCache: cmp.Or(c.o.ValueCache, config.DefaultValueCacheMB<<20), Store: store,
		Client: client, Peer: peer,
		AdvertiseClient: []string{"https://" + m.client}, AdvertisePeer: []string{"https://" + m.peer},
		ClientServer: append(clientOpts, shared), ClientHTTP: clientHTTP.Serve, PeerServer: peerOpts,
		Peers: peerapi.Dialer{Source: src, ClusterID: c.o.ClusterID}, Quorum: quorum,
		Profile: c.o.Profile, ProgressInterval: c.o.ProgressNotifyInterval,
		CompactionInterval: c.o.CompactionInterval, CompactionWindow: c.o.CompactionWindow,
		Logger: c.o.Logger.Named(id),
	})
	if err != nil {
		return nil, errors.Join(err, client.Close(), peer.Close())
	}
	c.goRun(id, m.run, m.stop)
	return m, nil
}

func (c *Cluster) startElector() error {
	src, err := identity.Open(identity.Options{Files: c.certs.files("elector"), Logger: c.o.Logger})
	if err != nil {
		return err
	}
	e, err := elector.New(elector.Options{
		Store: c.store, ClusterID: c.o.ClusterID, Quorum: quorum,
		// The nodes' data directories are locked by this process, so no other
		// elector of this cluster lives.
		LeaderID: "elector", SoleLeaderID: true,
		LeaseDuration: leaseDuration,
		Dialer:        peerapi.Dialer{Source: src, ClusterID: c.o.ClusterID},
		Logger:        c.o.Logger.Named("elector"),
	})
	if err != nil {
		return err
	}
	c.goRun("elector", e.Run, nil)
	return nil
}

func (c *Cluster) startCompactor() {
	o := c.o.Compactor.Options
	o.Store, o.ClusterID, o.ID, o.Logger = c.store, c.o.ClusterID, "compactor", c.o.Logger.Named("compactor")
	c.goRun("compactor", func(ctx context.Context) error { return compactor.New(o).Run(ctx, c.o.Compactor.Interval) }, nil)
}

// listen opens node i's two ports: the configured ones, those of the last start,
// or any. They are remembered, for a node can't come back under another address.
func (c *Cluster) listen(i int) (client, peer net.Listener, err error) {
	file := filepath.Join(c.o.Dir, nodeID(i)+".addresses.json")
	ports := [2]int{}
	if c.o.ClientPort != 0 {
		ports[0] = c.o.ClientPort + i
	}
	if c.o.PeerPort != 0 {
		ports[1] = c.o.PeerPort + i
	}
	var kept [2]int
	if b, err := os.ReadFile(file); err == nil {
		if err := json.Unmarshal(b, &kept); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", file, err)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	for j := range ports {
		if ports[j] == 0 {
			ports[j] = kept[j]
		}
	}
	if client, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[0]))); err != nil {
		return nil, nil, fmt.Errorf("%w (another cluster may be running; choose another port)", err)
	}
	if peer, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[1]))); err != nil {
		return nil, nil, errors.Join(err, client.Close())
	}
	got := [2]int{client.Addr().(*net.TCPAddr).Port, peer.Addr().(*net.TCPAddr).Port}
	b, err := json.Marshal(got)
	if err == nil {
		err = os.WriteFile(file, b, 0o600)
	}
	if err != nil {
		return nil, nil, errors.Join(err, client.Close(), peer.Close())
	}
	return client, peer, nil
}
