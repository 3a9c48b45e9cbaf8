package node

import (
	"sync"
	"time"
)

// leaveTimeout bounds the wait for others to take note that this node leaves. Those who
// don't find out by themselves, later.
const leaveTimeout = 3 * time.Second

// takeLeave waits until an elector has heard that this node leaves, so that it need not
// wait for it to be found missing, and until replicas have turned to the next Primary:
// what they send meanwhile is refused, which is certain, where a broken stream isn't.
func (n *Node) takeLeave() {
	t := time.NewTimer(leaveTimeout)
	defer t.Stop()
	if n.heardLately() {
		select {
		case <-n.leaving:
		case <-t.C:
			return
		}
	}
	select {
	case <-n.forwards.none():
	case <-t.C:
	}
}

// heardLately: an elector has answered a heartbeat not long ago.
func (n *Node) heardLately() bool {
	return time.Since(n.started)-time.Duration(n.heard.Load()) < 3*n.o.HeartbeatInterval
}

// alone: no other node is known, so no other will be Primary.
func (n *Node) alone() bool {
	_, _, _, cs := n.state.view()
	for _, m := range cs.Members {
		if m.NodeId != n.o.NodeID {
			return false
		}
	}
	return true
}

// gauge counts what is open and tells when nothing is. Safe for concurrent use.
type gauge struct {
	mu   sync.Mutex
	n    int
	idle chan struct{} // closed while n is 0; nil: nobody has asked yet
}

func (g *gauge) add(d int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	before := g.n
	g.n += d
	switch {
	case g.idle == nil:
	case before == 0 && g.n > 0:
		g.idle = make(chan struct{})
	case before > 0 && g.n == 0:
		close(g.idle)
	}
}

// none returns a channel that is closed once nothing is open.
func (g *gauge) none() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.idle == nil {
		g.idle = make(chan struct{})
		if g.n == 0 {
			close(g.idle)
		}
	}
	return g.idle
}
