package simulation

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/netsy-io/netsy/pkg/elector"
	"github.com/netsy-io/netsy/pkg/identity"
	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/node"
	"github.com/netsy-io/netsy/pkg/peerapi"
	"github.com/netsy-io/netsy/pkg/registry"
)

const clusterID = "simulated"

// machine is the host of one process, a node or an elector, and what starts it again
// when it ends, as systemd would. Its disk outlives the process. One goroutine (the
// nemesis) gives it orders.
type machine struct {
	w    *world
	name string
	run  func(ctx context.Context, p *party) error // one life of the process
	dir  string                                    // of a node; "" for an elector

	member atomic.Bool     // it is to be up, but for faults
	lost   map[string]bool // incarnations whose disk is gone
	life   *life           // nil while down
	node   atomic.Pointer[node.Node]
}

// life is a machine that is switched on: it may go through several processes.
type life struct {
	stop context.CancelFunc // asks the process to stop, and keeps it from starting again
	done chan struct{}
	now  chan *party // of capacity 1: the party of the present process
}

// restartAfter is the pause before a process that ended by itself is started again.
const restartAfter = time.Second

func (w *world) newNode(name string) *machine {
	m := &machine{w: w, name: name, dir: filepath.Join(w.dir, name), lost: map[string]bool{}}
	m.run = m.runNode
	return m
}

func (w *world) newElector(name string) *machine {
	m := &machine{w: w, name: name}
	m.run = m.runElector
	return m
}

func (w *world) newCompactor(name string) *machine {
	m := &machine{w: w, name: name}
	m.run = m.runCompactor
	return m
}

func (m *machine) up() bool { return m.life != nil }

// start switches the machine on.
func (m *machine) start() {
	if m.up() {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	l := &life{stop: cancel, done: make(chan struct{}), now: make(chan *party, 1)}
	m.life = l
	role := identity.RoleElector
	if m.dir != "" {
		role = identity.RolePeer
	}
	go func() { // ends with the life
		defer close(l.done)
		for ctx.Err() == nil {
			p := m.w.net.join(m.name, role)
			l.now <- p
			err := m.run(ctx, p)
			<-l.now
			dead := p.isDead()
			p.kill()
			if ctx.Err() == nil && !dead {
				m.w.note("%s ended by itself: %v", m.name, err)
				m.w.endedByItself(m.name, err)
				sleep(ctx, restartAfter)
			}
		}
	}()
}

// crash ends the process as kill -9 does: from this moment on nothing that it does
// reaches anybody. What is left of it in this program is then waited for.
func (m *machine) crash() {
	if !m.up() {
		return
	}
	select {
	case p := <-m.life.now:
		p.kill()
		m.life.now <- p
	default:
	}
	m.halt()
}

// halt asks the process to stop in good order, and waits.
func (m *machine) halt() {
	if !m.up() {
		return
	}
	m.life.stop()
	<-m.life.done
	m.life = nil
}

// hold stops the process for a while, as SIGSTOP does.
func (m *machine) hold(held bool) {
	if !m.up() {
		return
	}
	select {
	case p := <-m.life.now:
		p.hold(held)
		m.life.now <- p
	default:
	}
}

// wipe takes the disk of a machine that is off away.
func (m *machine) wipe() error {
	if n, err := registry.New(m.w.bucket.mem, clusterID).Node(context.Background(), m.name); err == nil {
		m.lost[n.Incarnation] = true // one that never registered is no voter
	}
	return os.RemoveAll(m.dir)
}

// dialer connects a process to others by the names in their addresses.
type dialer struct{ from *party }

func (d dialer) Dial(_ context.Context, _ registry.NodeRef, address string) (peerpb.PeerClient, io.Closer, error) {
	c := conn{d.from, host(address)}
	return peerpb.NewPeerClient(c), c, nil
}

const peerPort = ":2381"

// host is the party's name in an address.
func host(address string) string { return address[:len(address)-len(peerPort)] }

func (m *machine) runNode(ctx context.Context, p *party) error {
	s := m.w.swarm
	n, err := node.New(ctx, node.Options{
		ClusterID: clusterID, NodeID: m.name, Version: "simulation", DataDir: m.dir, ValueCache: m.w.swarm.ValueCache, Store: m.w.bucket.of(p),
		AdvertiseClient: []string{"https://" + m.name + ":2378"}, AdvertisePeer: []string{"https://" + m.name + peerPort},
		Peers: dialer{p}, Quorum: s.Quorum, QuorumTimeout: s.QuorumTimeout, FlushAge: s.FlushAge, FlushBytes: s.FlushBytes,
		HeartbeatInterval: s.Heartbeat, CompactionInterval: s.Compaction, CompactionWindow: s.Compaction, ProgressInterval: s.Progress,
		Logger: m.w.log.Named(m.name),
	})
	if err != nil {
		return fmt.Errorf("starting: %w", err)
	}
	m.node.Store(n)
	if p.guard, err = identity.NewAuthorizer(clusterID, peerapi.Policy, m.w.log.Named(m.name), nil); err != nil {
		return err
	}
	m.w.net.change(func() {
		peerpb.RegisterPeerServer(p, n.PeerServer())
		serveEtcd(p, n.API())
		p.serves = true
	})
	return n.Run(ctx)
}

// promised is the epoch that the node has promised; 0 if there is none to ask.
func (m *machine) promised() int64 {
	n := m.node.Load()
	if n == nil {
		return 0
	}
	s, err := n.PeerServer().GetNodeState(context.Background(), &peerpb.GetNodeStateRequest{})
	if err != nil {
		return 0
	}
	return s.PromisedEpoch
}

func (m *machine) runElector(ctx context.Context, p *party) error {
	s := m.w.swarm
	e, err := elector.New(elector.Options{
		Store: m.w.bucket.of(p), ClusterID: clusterID, LeaderID: m.name, AdvertiseAddr: m.name + ":8443", Quorum: s.Quorum,
		HeartbeatInterval: s.Heartbeat, PrimaryPriorTimeout: s.PriorTimeout, LeaseDuration: s.Lease, DeregistrationTimeout: s.Deregistration,
		Dialer: dialer{p}, Logger: m.w.log.Named(m.name),
	})
	if err != nil {
		return err
	}
	return e.Run(ctx)
}
