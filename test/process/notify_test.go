//go:build linux

package process

import (
	"context"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/netsy-io/netsy/test/internal/proc"
)

// manager is a service manager's end of the notifications.
type manager struct {
	t    testing.TB
	conn *net.UnixConn
	path string
}

func newManager(c *cluster, name string) *manager {
	c.t.Helper()
	m := &manager{t: c.t, path: c.path(name)}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.path, Net: "unixgram"})
	c.must(err)
	c.t.Cleanup(func() { conn.Close() })
	m.conn = conn
	return m
}

// until reads notifications up to one that begins with what, and returns those before it.
func (m *manager) until(what string) (before []string) {
	m.t.Helper()
	b := make([]byte, 4096)
	for {
		if err := m.conn.SetReadDeadline(time.Now().Add(proc.EventTimeout)); err != nil {
			m.t.Fatal(err)
		}
		n, err := m.conn.Read(b)
		if err != nil {
			m.t.Fatalf("waiting for %s after %q: %v", what, before, err)
		}
		if s := string(b[:n]); strings.HasPrefix(s, what) {
			return before
		} else {
			before = append(before, s)
		}
	}
}

// TestServiceManager: a node is started once it is ready, not before, and an elector once
// it stands by or leads.
func TestServiceManager(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	nodes, electors := newManager(c, "node.sock"), newManager(c, "elector.sock")
	c.node("node-1").env = map[string]string{"NOTIFY_SOCKET": nodes.path}
	n := c.startNode("node-1")
	for _, s := range nodes.until("STATUS=not ready (no_elector)") {
		if strings.HasPrefix(s, "READY") {
			t.Errorf("ready without a Primary")
		}
	}
	c.elector("elector-1").env = map[string]string{"NOTIFY_SOCKET": electors.path}
	e := c.startElector("elector-1")
	inOffice := func(s string) bool { return strings.HasPrefix(s, "STATUS=ready, in_office") }
	before := electors.until("READY=1")
	nodes.until("READY=1")
	ctx, cancel := context.WithTimeout(t.Context(), proc.EventTimeout)
	defer cancel()
	if h, err := proc.AskHealth(ctx, c.nodes["node-1"].health, "/readyz"); err != nil || h.Status != 200 {
		t.Errorf("it was called ready, and /readyz says %+v, %v", h, err)
	}
	if !slices.ContainsFunc(before, inOffice) { // it may have led already at the first look
		electors.until("STATUS=ready, in_office")
	}
	n.Stop()
	nodes.until("STOPPING=1")
	e.Stop()
	electors.until("STOPPING=1")
}
