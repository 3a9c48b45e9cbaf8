package simulation

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/netsy-io/netsy/pkg/elector"
	"github.com/netsy-io/netsy/pkg/identity"
	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/registry"
)

// faultKind is one kind of thing that befalls a world.
type faultKind string

const (
	crashNode    faultKind = "crash-node"
	crashPrimary faultKind = "crash-primary"
	crashElector faultKind = "crash-elector"
	restartNode  faultKind = "restart-node"
	wipeNode     faultKind = "wipe-node"
	pauseNode    faultKind = "pause-node"
	pauseElector faultKind = "pause-elector"
	cutNode      faultKind = "cut-node"
	cutPair      faultKind = "cut-link"
	cutElector   faultKind = "cut-elector"
	splitAll     faultKind = "split"
	breakCalls   faultKind = "break-calls"
	outageOfOne  faultKind = "store-away-for-one"
	outageOfAll  faultKind = "store-away"
	badStore     faultKind = "bad-store"
	crashJanitor faultKind = "crash-compactor"
	pauseJanitor faultKind = "pause-compactor"
	joinNode     faultKind = "join-leave"
	corner       faultKind = "corner-primary"
	failTwice    faultKind = "fail-twice"
	deafen       faultKind = "deafen"
	ghost        faultKind = "ghost"
	handOver     faultKind = "hand-over"
)

var allKinds = []faultKind{
	crashNode, crashPrimary, crashElector, restartNode, wipeNode, pauseNode, pauseElector, cutNode, cutPair,
	cutElector, splitAll, breakCalls, outageOfOne, outageOfAll, badStore, joinNode, corner, failTwice, deafen, ghost, crashJanitor, pauseJanitor, handOver,
}

// nemesis does one thing after the other to a world. Everything that it does has an
// end of its own, so that several things are wrong at once.
type nemesis struct {
	w     *world
	rng   *rand.Rand
	wiped time.Time // when it last took a disk away
	ends  []ending
}

// ending is when something that the nemesis did is over.
type ending struct {
	at time.Time
	do func()
}

// rage runs until ctx ends.
func (n *nemesis) rage(ctx context.Context) {
	if len(n.w.swarm.Kinds) == 0 {
		<-ctx.Done()
		return
	}
	for {
		next := time.Now().Add(time.Duration(n.rng.Int64N(int64(2*n.w.swarm.Calm) + 1)))
		for len(n.ends) > 0 && n.first().at.Before(next) {
			e := n.first()
			if !sleep(ctx, time.Until(e.at)) {
				return
			}
			n.drop(e)
			e.do()
		}
		if !sleep(ctx, time.Until(next)) {
			return
		}
		if k := n.w.swarm.Kinds[n.rng.IntN(len(n.w.swarm.Kinds))]; len(n.ends) < n.w.swarm.AtOnce {
			n.do(ctx, k)
		}
	}
}

// first is the next ending.
func (n *nemesis) first() (first *ending) {
	for i := range n.ends {
		if e := &n.ends[i]; first == nil || e.at.Before(first.at) {
			first = e
		}
	}
	return &ending{first.at, first.do}
}

func (n *nemesis) drop(e *ending) {
	for i := range n.ends {
		if n.ends[i].at.Equal(e.at) {
			n.ends = append(n.ends[:i], n.ends[i+1:]...)
			return
		}
	}
}

// later does f after a while: mostly soon, sometimes long after.
func (n *nemesis) later(f func()) {
	d := time.Duration(n.rng.Int64N(int64(3 * time.Second)))
	if n.rng.IntN(3) == 0 {
		d = time.Duration(n.rng.Int64N(int64(30 * time.Second)))
	}
	n.ends = append(n.ends, ending{time.Now().Add(d), f})
}

func (n *nemesis) node() *machine    { return n.w.nodes[n.rng.IntN(len(n.w.nodes))] }
func (n *nemesis) elector() *machine { return n.w.electors[n.rng.IntN(len(n.w.electors))] }

// janitor is one of the compactors; nil if there is none.
func (n *nemesis) janitor() *machine {
	if len(n.w.janitors) == 0 {
		return nil
	}
	return n.w.janitors[n.rng.IntN(len(n.w.janitors))]
}

func (n *nemesis) do(ctx context.Context, k faultKind) {
	w := n.w
	switch k {
	case crashNode:
		n.down(n.node(), (*machine).crash)
	case restartNode:
		n.down(n.node(), (*machine).halt)
	case crashElector:
		n.down(n.elector(), (*machine).crash)
	case crashPrimary:
		if m := w.primary(); m != nil {
			n.down(m, (*machine).crash)
		}
	case wipeNode:
		n.wipe(n.node())
	case pauseNode:
		n.pause(n.node())
	case pauseElector:
		n.pause(n.elector())
	case crashJanitor:
		if m := n.janitor(); m != nil {
			n.down(m, (*machine).crash)
		}
	case pauseJanitor:
		if m := n.janitor(); m != nil {
			n.pause(m)
		}
	case cutNode:
		n.isolate(n.node())
	case cutElector:
		n.isolate(n.elector())
	case cutPair:
		all := w.machines()
		a, b := all[n.rng.IntN(len(all))], all[n.rng.IntN(len(all))]
		n.cut(a.name, b.name, n.rng.IntN(2) == 0)
	case splitAll:
		n.split()
	case breakCalls:
		w.note("calls break")
		w.net.breakSome(n.rng.Float64(), func(string, string) bool { return true })
	case outageOfOne:
		all := w.machines()
		n.outage(all[n.rng.IntN(len(all))].name)
	case outageOfAll:
		n.outage("")
	case badStore:
		w.note("the store is bad")
		r := storeRates{Refused: 0.3 * n.rng.Float64(), LostReply: 0.3 * n.rng.Float64(), LostWrite: 0.1 * n.rng.Float64(), Late: 0.3 * n.rng.Float64(), Echo: 0.2 * n.rng.Float64()}
		w.bucket.setRates(r)
		n.later(func() { w.bucket.setRates(w.swarm.Rates) })
	case joinNode:
		n.joinOrLeave()
	case corner:
		n.corner(ctx)
	case failTwice:
		n.failTwice(ctx)
	case deafen:
		n.deafen(ctx)
	case ghost:
		n.ghost(ctx)
	case handOver:
		n.handOver(ctx)
	}
}

// handOver asks the Primary to hand over, as an operator does: to anybody or to one node,
// fit for it or not, and sometimes hardly waits for the answer.
func (n *nemesis) handOver(ctx context.Context) {
	p := n.w.primary()
	if p == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(n.rng.Int64N(int64(2*time.Second))))
	defer cancel()
	operator := n.w.net.join("operator", identity.RoleAdmin)
	defer operator.kill()
	peer := peerpb.NewPeerClient(conn{operator, p.name})
	req := &peerpb.StepDownRequest{}
	if n.rng.IntN(2) == 0 {
		req.Successor = n.node().name
	}
	state, err := peer.GetNodeState(ctx, &peerpb.GetNodeStateRequest{})
	if err == nil {
		req.Epoch = state.ServedEpoch
		_, err = peer.StepDown(ctx, req)
	}
	n.w.note("%s is asked to hand over to %q: %v", p.name, req.Successor, err)
}

// corner does several things to the Primary, those who follow it and what lies between,
// in quick succession: most ways to lose something need more than one thing to fail.
func (n *nemesis) corner(ctx context.Context) {
	p := n.w.primary()
	if p == nil {
		return
	}
	n.w.note("%s is cornered", p.name)
	for range 2 + n.rng.IntN(3) {
		m := n.node()
		switch n.rng.IntN(9) {
		case 0:
			n.cut(p.name, m.name, true)
		case 1:
			n.wipe(m)
		case 2:
			n.down(m, (*machine).crash)
		case 3:
			n.cut(p.name, n.elector().name, true)
		case 4:
			n.isolate(p)
		case 5:
			n.pause(p)
		case 6:
			n.outage(p.name)
		case 7:
			n.down(p, (*machine).crash)
		case 8:
			n.split()
		}
		if !sleep(ctx, time.Duration(n.rng.Int64N(int64(2*time.Second)))) {
			return
		}
	}
}

// failTwice cuts a Primary off until another one reigns, and ends that one the moment
// the first is back with whatever it had begun: the copies that are left differ most.
func (n *nemesis) failTwice(ctx context.Context) {
	p := n.w.primary()
	if p == nil || len(n.w.nodes) < 2 {
		return
	}
	n.w.note("%s is cut off until another is Primary, which then goes down", p.name)
	set := func(cut bool) {
		for _, o := range n.w.machines() {
			if o != p {
				n.w.net.sever(p.name, o.name, cut)
				n.w.net.sever(o.name, p.name, cut)
			}
		}
	}
	if n.rng.IntN(2) == 0 {
		n.w.bucket.setOutage(p.name, []outage{outFail, outBlack, outMute}[n.rng.IntN(3)])
	}
	set(true)
	next := p
	for deadline := time.Now().Add(20 * time.Second); next == p && time.Now().Before(deadline); {
		if !sleep(ctx, 100*time.Millisecond) {
			return
		}
		if now := n.w.primary(); now != nil {
			next = now
		}
	}
	sleep(ctx, time.Duration(n.rng.Int64N(int64(4*time.Second))))
	if next != p {
		n.down(next, (*machine).crash)
	}
	set(false)
	n.w.bucket.setOutage(p.name, outNone)
}

// deafen cuts the Primary off from the electors and, the moment that one of the other
// nodes has promised the next epoch, that node from everybody but the Primary: it
// doesn't learn who is Primary next. The two could go on committing behind the back of
// the others, were it not for the promise.
func (n *nemesis) deafen(ctx context.Context) {
	p := n.w.primary()
	var others []*machine
	for _, m := range n.w.nodes {
		if m != p && m.member.Load() && m.up() {
			others = append(others, m)
		}
	}
	if p == nil || len(others) < 2 {
		return
	}
	deaf := others[n.rng.IntN(len(others))]
	n.w.note("%s is cut off, and %s as soon as it has promised", p.name, deaf.name)
	set := func(a *machine, cut bool, but *machine) {
		for _, o := range n.w.machines() {
			if o != a && o != but {
				n.w.net.sever(a.name, o.name, cut)
				n.w.net.sever(o.name, a.name, cut)
			}
		}
	}
	before := deaf.promised()
	for _, e := range n.w.electors {
		n.w.net.sever(p.name, e.name, true)
		n.w.net.sever(e.name, p.name, true)
	}
	for deadline := time.Now().Add(10 * time.Second); deaf.promised() <= before && time.Now().Before(deadline); {
		if !sleep(ctx, time.Millisecond) {
			break
		}
	}
	set(deaf, true, p)
	set(p, true, deaf)
	sleep(ctx, 2*time.Second+time.Duration(n.rng.Int64N(int64(4*time.Second))))
	set(deaf, false, p)
	set(p, false, deaf)
}

// ghost stops the Primary for so long that another reigns, and what the old one wanted to
// write next may have been merged and freed; then lets it go on, with nobody to tell it, but
// with clients and the bucket at hand.
func (n *nemesis) ghost(ctx context.Context) {
	p := n.w.primary()
	if p == nil || !p.up() || n.w.members() < 2 {
		return
	}
	n.w.note("%s is paused until it is a ghost", p.name)
	p.hold(true)
	sleep(ctx, 5*time.Second+time.Duration(n.rng.Int64N(int64(10*time.Second))))
	set := func(cut bool) {
		for _, o := range n.w.machines() {
			if o != p {
				n.w.net.sever(p.name, o.name, cut)
				n.w.net.sever(o.name, p.name, cut)
			}
		}
	}
	set(true)
	p.hold(false)
	sleep(ctx, 2*time.Second+time.Duration(n.rng.Int64N(int64(4*time.Second))))
	set(false)
}

// down ends a machine's process and starts it again later.
func (n *nemesis) down(m *machine, how func(*machine)) {
	if !m.up() || !m.member.Load() {
		return
	}
	n.w.note("%s goes down", m.name)
	how(m)
	n.later(func() {
		n.w.note("%s starts", m.name)
		m.start()
	})
}

// wipe takes a node's disk away, if what is acknowledged survives it by the rules:
// where receipts acknowledge, R of V voters may be lost and no more. What is decided
// here must stay true while the voters are being changed, so disks go one at a time.
func (n *nemesis) wipe(m *machine) {
	if !m.up() || !m.member.Load() || time.Since(n.wiped) < wipeEvery || !n.w.spares(m) {
		return
	}
	n.wiped = time.Now()
	n.w.note("%s loses its disk", m.name)
	m.crash()
	if err := m.wipe(); err != nil {
		n.w.fail("wiping %s: %v", m.name, err)
	}
	n.later(m.start)
}

// wipeEvery is long enough for a wiped node to be back and a voter again.
const wipeEvery = 20 * time.Second

func (n *nemesis) pause(m *machine) {
	if !m.up() {
		return
	}
	n.w.note("%s is paused", m.name)
	m.hold(true)
	n.later(func() {
		n.w.note("%s goes on", m.name)
		m.hold(false)
	})
}

// cut cuts the way from a to b, and back if both.
func (n *nemesis) cut(a, b string, both bool) {
	n.w.note("%s can't reach %s (both ways: %v)", a, b, both)
	n.w.net.sever(a, b, true)
	if both {
		n.w.net.sever(b, a, true)
	}
	n.later(func() {
		n.w.net.sever(a, b, false)
		n.w.net.sever(b, a, false)
	})
}

// isolate cuts a machine off from all others, or only its way out, or only in.
func (n *nemesis) isolate(m *machine) {
	way := n.rng.IntN(4) // 0: out, 1: in, else both
	n.w.note("%s is cut off (way %d)", m.name, way)
	set := func(cut bool) {
		for _, o := range n.w.machines() {
			if o != m && way != 1 {
				n.w.net.sever(m.name, o.name, cut)
			}
			if o != m && way != 0 {
				n.w.net.sever(o.name, m.name, cut)
			}
		}
	}
	set(true)
	n.later(func() { set(false) })
}

// split puts each machine on one of two sides.
func (n *nemesis) split() {
	side := map[string]bool{}
	for _, m := range n.w.machines() {
		side[m.name] = n.rng.IntN(2) == 0
	}
	n.w.note("the network is split: %v", side)
	set := func(cut bool) {
		for a := range side {
			for b := range side {
				if side[a] != side[b] {
					n.w.net.sever(a, b, cut)
				}
			}
		}
	}
	set(true)
	n.later(func() { set(false) })
}

func (n *nemesis) outage(name string) {
	o := []outage{outFail, outBlack, outMute}[n.rng.IntN(3)]
	n.w.note("no object store for %q (%d)", name, o)
	n.w.bucket.setOutage(name, o)
	n.later(func() { n.w.bucket.setOutage(name, outNone) })
}

// joinOrLeave makes a node a member, or lets one leave for good, with its disk.
func (n *nemesis) joinOrLeave() {
	m := n.node()
	switch {
	case !m.member.Load():
		n.w.note("%s joins", m.name)
		m.member.Store(true)
		m.start()
	case m.up() && n.w.members() > 1 && time.Since(n.wiped) >= wipeEvery && n.w.spares(m):
		n.wiped = time.Now()
		n.w.note("%s leaves", m.name)
		m.halt()
		m.member.Store(false)
		if err := m.wipe(); err != nil {
			n.w.fail("wiping %s: %v", m.name, err)
		}
	}
}

// spares says whether the cluster can lose m's disk, as cluster.json has it.
func (w *world) spares(m *machine) bool {
	c, err := registry.New(w.bucket.mem, clusterID).Cluster(context.Background())
	if err != nil {
		return false
	}
	d := c.Durability
	var left []registry.NodeRef
	for _, v := range d.Voters {
		if v.NodeID != m.name && w.intact(v) {
			left = append(left, v)
		}
	}
	return d.Mode != registry.ModeQuorum || elector.EnoughPromises(d, left)
}
