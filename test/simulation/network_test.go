package simulation

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/rand/v2"
	"net/url"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"

	"github.com/netsy-io/netsy/pkg/identity"
)

// keepalive is how long a connection that carries nothing stands before its ends take
// it for dead: gRPC's ping and its timeout as pkg/peerapi sets them.
const keepalive = 15 * time.Second

// network carries calls between parties: each message with a delay of its own, in
// order within a stream. Links may be cut, one way or both, and parties held; what is
// under way waits then, and if that lasts, the call breaks.
type network struct {
	calls sync.WaitGroup // goroutines that serve calls

	mu      sync.Mutex
	rng     *rand.Rand
	parties map[string]*party // by name: the living
	cut     map[link]bool
	open    map[*call]bool
	changed chan struct{} // closed and replaced when what may pass changes
	delay   delays
}

type link struct{ from, to string }

// delays of messages: mostly up to Usual, a share of Odd of them up to Most.
type delays struct {
	Usual, Most time.Duration
	Odd         float64
}

func newNetwork(rng *rand.Rand, d delays) *network {
	return &network{rng: rng, parties: map[string]*party{}, cut: map[link]bool{}, open: map[*call]bool{}, changed: make(chan struct{}), delay: d}
}

// party is one life of a process, or a client, as the network and the bucket know it.
type party struct {
	net      *network
	name     string
	info     credentials.AuthInfo // proves who it is
	services map[string]service
	guard    *identity.Authorizer // of calls to guarded services
	ctx      context.Context      // its life
	cancel   context.CancelFunc

	// Guarded by network.mu.
	dead, held bool
	serves     bool // its ports are open
}

type service struct {
	desc *grpc.ServiceDesc
	impl any
}

// join makes a party; it takes the place of one of the same name that has died.
func (n *network) join(name string, role identity.Role) *party {
	u := &url.URL{Scheme: "netsy", Host: clusterID, Path: "/" + string(role) + "/" + name}
	cert := &x509.Certificate{URIs: []*url.URL{u}}
	p := &party{net: n, name: name, services: map[string]service{}, info: credentials.TLSInfo{State: tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{cert}}}}}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	n.change(func() { n.parties[name] = p })
	return p
}

// RegisterService makes a party serve, as a grpc.Server would.
func (p *party) RegisterService(desc *grpc.ServiceDesc, impl any) {
	p.services[desc.ServiceName] = service{desc, impl}
}

// kill ends a party: nothing that it does from now on reaches anybody.
func (p *party) kill() {
	p.net.change(func() {
		p.dead = true
		if p.net.parties[p.name] == p {
			delete(p.net.parties, p.name)
		}
	})
	p.cancel()
	p.net.breakCalls(func(k *call) bool { return k.client == p }, func(k *call) { k.leave(errReset) })
}

// hold stops a party, as SIGSTOP would: nothing leaves or reaches it until it is let go.
func (p *party) hold(held bool) { p.net.change(func() { p.held = held }) }

func (p *party) isDead() bool {
	p.net.mu.Lock()
	defer p.net.mu.Unlock()
	return p.dead
}

// pass waits until the party isn't held. It fails when it is dead or ctx ends.
func (p *party) pass(ctx context.Context) error {
	for {
		p.net.mu.Lock()
		dead, held, changed := p.dead, p.held, p.net.changed
		p.net.mu.Unlock()
		switch {
		case dead:
			return fmt.Errorf("%s is dead", p.name)
		case !held:
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// change changes what may pass, and wakes what waits for it.
func (n *network) change(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
	close(n.changed)
	n.changed = make(chan struct{})
}

// sever cuts or mends the way from one name to another.
func (n *network) sever(from, to string, cut bool) {
	n.change(func() { n.cut[link{from, to}] = cut })
}

// mend removes all cuts and odd delays, and lets everybody go.
func (n *network) mend() {
	n.change(func() {
		clear(n.cut)
		n.delay.Odd = 0
		for _, p := range n.parties {
			p.held = false
		}
	})
}

// ways says whether messages get from one party to another, and back, and returns what
// is closed when that changes.
func (n *network) ways(a, b *party) (forth, back bool, changed <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	held := a.held || b.held
	return !held && !n.cut[link{a.name, b.name}], !held && !n.cut[link{b.name, a.name}], n.changed
}

// transit is the delay of one message.
func (n *network) transit() time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	most := n.delay.Usual
	if n.rng.Float64() < n.delay.Odd {
		most = n.delay.Most
	}
	return time.Duration(n.rng.Int64N(int64(most) + 1))
}

// breakSome breaks a share of the calls under way that sel selects.
func (n *network) breakSome(share float64, sel func(from, to string) bool) {
	n.breakCalls(func(k *call) bool { return sel(k.client.name, k.server.name) && n.rng.Float64() < share }, func(k *call) { k.fail(errReset) })
}

// breakCalls does how to the calls that sel, which is called with mu held, selects.
func (n *network) breakCalls(sel func(*call) bool, how func(*call)) {
	n.mu.Lock()
	var ks []*call
	for k := range n.open {
		if sel(k) {
			ks = append(ks, k)
		}
	}
	n.mu.Unlock()
	for _, k := range ks {
		how(k)
	}
}

// caller is the context in which a handler finds who calls.
func (p *party) caller(ctx context.Context) context.Context {
	return peer.NewContext(ctx, &peer.Peer{AuthInfo: p.info})
}
