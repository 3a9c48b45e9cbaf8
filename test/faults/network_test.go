//go:build linux

package faults

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/netsy-io/netsy/test/internal/proc"
)

// link is one direction between two members.
type link struct{ from, to string }

// network stands before every port at which members reach each other. What can't pass
// is held, as by a network that loses packets: connections stay open, and what was sent
// arrives when the link is whole again, however late.
type network struct {
	t    testing.TB
	ctx  context.Context // ends with the test
	busy sync.WaitGroup

	mu      sync.Mutex
	members map[int]string // by pid
	cut     map[link]bool
	delay   map[link]time.Duration
	changed chan struct{} // closed and replaced when cut changes
	open    map[net.Conn]bool
}

func newNetwork(t testing.TB) *network {
	ctx, cancel := context.WithCancel(context.Background())
	n := &network{
		t: t, ctx: ctx, members: map[int]string{}, cut: map[link]bool{}, delay: map[link]time.Duration{},
		changed: make(chan struct{}), open: map[net.Conn]bool{},
	}
	t.Cleanup(func() {
		cancel()
		n.mu.Lock()
		for c := range n.open {
			c.Close()
		}
		n.mu.Unlock()
		n.busy.Wait()
	})
	return n
}

// joins says that the process is of this member.
func (n *network) joins(pid int, member string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.members[pid] = member
}

// left says that the process has ended.
func (n *network) left(pid int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.members, pid)
}

// front listens in front of target, a port of member to, and returns its address.
func (n *network) front(to, target string) string {
	addr := proc.FreeAddr(n.t)
	l, err := net.Listen("tcp4", addr)
	if err != nil {
		n.t.Fatal(err)
	}
	n.busy.Go(func() {
		defer context.AfterFunc(n.ctx, func() { l.Close() })()
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n.busy.Go(func() { n.serve(c.(*net.TCPConn), to, target) })
		}
	})
	return addr
}

// serve carries one connection to target.
func (n *network) serve(c *net.TCPConn, to, target string) {
	defer n.keep(c)()
	from, err := n.source(c)
	if err != nil {
		return // its process has ended
	}
	if !n.pass(link{from, to}) || !n.pass(link{to, from}) {
		return
	}
	d := net.Dialer{Timeout: 10 * time.Second}
	out, err := d.DialContext(n.ctx, "tcp4", target)
	if err != nil {
		_ = c.SetLinger(0) // as refused
		return
	}
	defer n.keep(out)()
	var back sync.WaitGroup
	back.Go(func() { n.carry(link{to, from}, out.(*net.TCPConn), c) })
	n.carry(link{from, to}, c, out.(*net.TCPConn))
	back.Wait()
}

// keep has the connection closed at the end of the test, or when the returned function
// is called.
func (n *network) keep(c net.Conn) (done func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ctx.Err() != nil {
		c.Close()
	}
	n.open[c] = true
	return func() {
		n.mu.Lock()
		delete(n.open, c)
		n.mu.Unlock()
		c.Close()
	}
}

var errUnknownSource = errors.New("the connection is of no member")

func (n *network) source(c net.Conn) (string, error) {
	n.mu.Lock()
	var pids []int
	for pid := range n.members {
		pids = append(pids, pid)
	}
	n.mu.Unlock()
	pid, err := sourceOf(c, pids)
	if err != nil {
		return "", err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	name, ok := n.members[pid]
	if !ok {
		return "", errUnknownSource
	}
	return name, nil
}

// carry copies until the sender has closed its side, and then closes the receiver's.
func (n *network) carry(l link, src, dst *net.TCPConn) {
	buf := make([]byte, 64<<10)
	for {
		k, err := src.Read(buf)
		if !n.pass(l) {
			return
		}
		if k > 0 {
			if _, werr := dst.Write(buf[:k]); werr != nil {
				_ = src.SetLinger(0)
				src.Close()
				return
			}
		}
		switch {
		case err == nil:
		case errors.Is(err, io.EOF):
			_ = dst.CloseWrite()
			return
		default: // reset
			_ = dst.SetLinger(0)
			dst.Close()
			return
		}
	}
}

// pass waits as long as the link is cut, and then as long as it takes. It is false at
// the end of the test.
func (n *network) pass(l link) bool {
	for {
		n.mu.Lock()
		cut, changed, delay := n.cut[l], n.changed, n.delay[l]
		n.mu.Unlock()
		if !cut {
			proc.Rest(n.ctx, delay)
			return n.ctx.Err() == nil
		}
		select {
		case <-changed:
		case <-n.ctx.Done():
			return false
		}
	}
}

// split cuts the links, or mends them.
func (n *network) split(cut bool, links ...link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, l := range links {
		if cut {
			n.cut[l] = true
		} else {
			delete(n.cut, l)
		}
	}
	close(n.changed)
	n.changed = make(chan struct{})
}

// slow delays whatever takes the links; 0: no more.
func (n *network) slow(d time.Duration, links ...link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, l := range links {
		n.delay[l] = d
	}
}

// between returns the links between any of a and any of b, both ways.
func between(a, b []string) (links []link) {
	for _, x := range a {
		for _, y := range b {
			if x != y {
				links = append(links, link{x, y}, link{y, x})
			}
		}
	}
	return links
}
