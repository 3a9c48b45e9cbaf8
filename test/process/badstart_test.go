//go:build linux

package process

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/netsy-io/netsy/pkg/daemon"
	"github.com/netsy-io/netsy/pkg/identity"
	"github.com/netsy-io/netsy/test/internal/proc"
)

// nobody is the user without any rights that tests run a process as when they are
// run by root, whom permissions don't stop.
const nobody = 65534

// badStart is a start that must fail.
type badStart struct {
	name    string
	elector bool
	// spoil changes what the process is told or finds. The cluster has a node-1, which
	// has run, if ran is set, and is running if running is.
	spoil   func(t *testing.T, c *cluster, n *nodeSpec)
	ran     bool
	running bool
	say     []string // what the message must contain
	config  bool     // it is the configuration that is wrong: the exit status is another
	args    []string
}

var badStarts = []badStart{
	{name: "no cluster file", say: []string{"none.jsonc", "can't be read", "no such file"}, spoil: func(t *testing.T, c *cluster, n *nodeSpec) { n.env["NETSY_CONFIG"] = c.path("none.jsonc") }},
	{name: "cluster file cut short", say: []string{"cluster.jsonc", "unexpected EOF"}, spoil: func(t *testing.T, c *cluster, n *nodeSpec) {
		n.env["NETSY_CONFIG"] = c.path("cut-cluster.jsonc")
		c.must(os.WriteFile(n.env["NETSY_CONFIG"], []byte(`{"cluster_id": "process-te`), 0o644))
	}},
	{name: "no settings", config: true, say: []string{"NETSY_CONFIG (--config)", "NETSY_NODE_ID (--node-id)", "NETSY_TLS_CERT (--tls-cert)", "is required"}, spoil: func(t *testing.T, c *cluster, n *nodeSpec) {
		n.env["NETSY_CONFIG"], n.env["NETSY_NODE_ID"], n.env["NETSY_TLS_CERT"] = "", "", ""
	}},
	{name: "bad cluster file", config: true, say: []string{"heartbeat_interval", "storage.provider", "typo"}, spoil: func(t *testing.T, c *cluster, n *nodeSpec) {
		c.writeConfig(func(m map[string]any) {
			m["heartbeat_interval"], m["storage"].(map[string]any)["provider"], m["typo"] = "never", "tape", 1
		})
	}},
	{name: "no such flag", config: true, args: []string{"--typo"}, say: []string{"-typo"}, spoil: func(*testing.T, *cluster, *nodeSpec) {}},
	{name: "bad cluster file, and a certificate yet to come", config: true, say: []string{"heartbeat_interval", "no such file"}, spoil: func(t *testing.T, c *cluster, n *nodeSpec) {
		c.writeConfig(func(m map[string]any) { m["heartbeat_interval"] = "never" })
		c.must(os.Remove(c.path("node-1.crt")))
	}},
	{name: "elector with a bad cluster file", elector: true, config: true, say: []string{"typo"}, spoil: func(t *testing.T, c *cluster, n *nodeSpec) {
		c.writeConfig(func(m map[string]any) { m["typo"] = 1 })
	}},
	{name: "elector without cluster file", elector: true, say: []string{"none.jsonc", "can't be read", "no such file"}, spoil: func(t *testing.T, c *cluster, n *nodeSpec) { n.env["NETSY_CONFIG"] = c.path("none.jsonc") }},
	{name: "no certificate", say: []string{"NETSY_TLS_CERT", "node-1.crt", "no such file"}, spoil: func(t *testing.T, c *cluster, n *nodeSpec) {
		c.must(os.Remove(c.path("node-1.crt")))
	}},
	{name: "another node's certificate", say: []string{"NETSY_TLS_CERT", "netsy://process-test/peer/node-2", "netsy://process-test/peer/node-1"}, spoil: func(t *testing.T, c *cluster, n *nodeSpec) {
		c.issue("node-1", identity.RolePeer, "node-2")
	}},
	{name: "a client's certificate", say: []string{"NETSY_TLS_CERT", "netsy://process-test/client/node-1"}, spoil: func(t *testing.T, c *cluster, n *nodeSpec) {
		c.issue("node-1", identity.RoleClient, "node-1")
	}},
	{name: "another CA's certificate", say: []string{"NETSY_TLS_CERT", "node-1.crt", "ca.crt"}, spoil: func(t *testing.T, c *cluster, n *nodeSpec) {
		other, err := identity.NewCA(clusterID, time.Hour)
		c.must(err)
		c.must(other.WriteFiles(c.path("ca.crt"), c.path("ca.key"), true))
	}},
	{name: "a node's certificate for the elector", elector: true, say: []string{"NETSY_TLS_CERT", "netsy://process-test/peer/elector-1", "netsy://process-test/elector/elector-1"}, spoil: func(t *testing.T, c *cluster, n *nodeSpec) {
		c.issue("elector-1", identity.RolePeer, "elector-1")
	}},
	{name: "another node's data directory", ran: true, say: []string{"data directory", "node_id", `"node-1"`, `"node-2"`, "its own data directory"}, spoil: func(t *testing.T, c *cluster, n *nodeSpec) {
		data := n.data
		*n = *c.node("node-2")
		n.data = data
	}},
	{name: "data directory in use", running: true, say: []string{"data directory", "in use by another process", "netsy.lock"}, spoil: func(t *testing.T, c *cluster, n *nodeSpec) {
		data := n.data
		*n = *c.node("node-2")
		n.data = data
	}},
	{name: "node id of another address", ran: true, say: []string{`"node-1" is registered at`, "nodes/node-1.json", "id of its own"}, spoil: func(t *testing.T, c *cluster, n *nodeSpec) {
		n.client, n.peer, n.data = proc.FreeAddr(t), proc.FreeAddr(t), c.path("elsewhere")
	}},
	{name: "port in use", say: []string{"listening on", "address already in use"}, spoil: func(t *testing.T, c *cluster, n *nodeSpec) {
		l, err := net.Listen("tcp", n.peer)
		c.must(err)
		n.peer = l.Addr().String()
		t.Cleanup(func() { l.Close() })
	}},
	{name: "object store that may not be written", say: []string{"object storage", "permission denied", "objects"}, spoil: func(t *testing.T, c *cluster, n *nodeSpec) {
		c.must(os.MkdirAll(c.objects, 0o755))
		c.giveTo(t, n, c.objects)
	}},
	{name: "elector and object store that may not be written", elector: true, say: []string{"object storage", "permission denied", "objects"}, spoil: func(t *testing.T, c *cluster, n *nodeSpec) {
		c.must(os.MkdirAll(c.objects, 0o755))
		c.giveTo(t, n, c.objects)
	}},
	{name: "data directory that may not be written", say: []string{"data directory", "permission denied", "node-1"}, spoil: func(t *testing.T, c *cluster, n *nodeSpec) {
		c.must(os.MkdirAll(c.objects, 0o755))
		c.must(os.MkdirAll(n.data, 0o755))
		c.giveTo(t, n, n.data)
	}},
	{name: "another cluster's object store", ran: true, say: []string{"belongs to", "process-test", "other-test"}, spoil: func(t *testing.T, c *cluster, n *nodeSpec) {
		c.writeConfig(func(m map[string]any) { m["cluster_id"] = "other-test" })
		ca, err := identity.NewCA("other-test", time.Hour)
		c.must(err)
		c.ca = ca
		c.must(ca.WriteFiles(c.path("ca.crt"), c.path("ca.key"), true))
		c.issue("node-1", identity.RolePeer, "node-1")
		n.data = c.path("fresh")
	}},
}

// giveTo makes everything in the cluster's directory readable and writable by the
// process's user, except that forbidden can't be written.
func (c *cluster) giveTo(t *testing.T, n *nodeSpec, forbidden string) {
	if os.Getuid() == 0 {
		n.attr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		c.must(filepath.WalkDir(c.dir, func(path string, _ os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Lchown(path, nobody, nobody)
		}))
	}
	c.must(os.Chmod(forbidden, 0o555))
	t.Cleanup(func() { c.must(os.Chmod(forbidden, 0o755)) })
}

// TestBadStart: what can't be right ends the process at once, with one message that
// says what and where, and before any port answers.
func TestBadStart(t *testing.T) {
	t.Parallel()
	for _, b := range badStarts {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			b.run(t)
		})
	}
}

func (b badStart) run(t *testing.T) {
	c := newCluster(t)
	id, start := "node-1", func(id string) *proc.Proc { return c.startNode(id, b.args...) }
	if b.elector {
		id, start = "elector-1", c.startElector
		c.elector(id)
	}
	if b.ran || b.running {
		p := c.startNode(id, "--with-elector")
		c.awaitActive(t.Context(), p, id)
		if b.ran {
			p.Stop()
		}
	} else if !b.elector {
		c.node(id)
	}
	n := *c.nodes[id]
	n.env = map[string]string{}
	b.spoil(t, c, &n)
	c.nodes[n.id] = &n
	ports := watchPorts(n.client, n.peer, n.election, n.health)
	p := start(n.id)
	code := p.Exit(proc.EventTimeout)
	if open := ports.stop(); len(open) > 0 {
		t.Errorf("ports were open: %v", open)
	}
	want := daemon.StatusFailure // it may be there the next time
	if b.config {
		want = daemon.StatusConfig
	}
	if code != want {
		t.Errorf("exit status %d, want %d", code, want)
	}
	message := lastParagraph(p.Out.String())
	for _, s := range b.say {
		if !strings.Contains(message, s) {
			t.Errorf("the message does not contain %q", s)
		}
	}
	if name := p.Binary(); !strings.HasPrefix(message, name+": ") {
		t.Errorf("the message does not begin with %q", name+": ")
	}
	if strings.Contains(message, "goroutine ") {
		t.Error("the message is a stack trace")
	}
	t.Logf("the message:\n%s", message)
}

// lastParagraph is what follows the log.
func lastParagraph(out string) string {
	lines := strings.SplitAfter(out, "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		if strings.Contains(lines[i], "[INFO]") || strings.Contains(lines[i], "[DEBUG]") || strings.Contains(lines[i], "[WARN]") || strings.Contains(lines[i], "[ERROR]") {
			return strings.Join(lines[i+1:], "")
		}
	}
	return out
}

// tryEvery keeps a watch of ports from taking the machine to itself.
const tryEvery = 5 * time.Millisecond

// portWatch tries all the time whether a port answers.
type portWatch struct {
	cancel context.CancelFunc
	found  chan []string
}

func watchPorts(addrs ...string) *portWatch {
	ctx, cancel := context.WithCancel(context.Background())
	w := &portWatch{cancel: cancel, found: make(chan []string, 1)} // room for one: stop may not come
	go func() {                                                    // ends with stop
		open := map[string]bool{}
		var list []string
		for ctx.Err() == nil {
			for _, a := range addrs {
				if a != "" && !open[a] && answers(a) {
					open[a] = true
					list = append(list, a)
				}
			}
			proc.Rest(ctx, tryEvery)
		}
		w.found <- list
	}()
	return w
}

// answers reports whether somebody speaks at addr: a port that is bound and never
// served takes connections, but says nothing.
func answers(addr string) bool {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	if conn.SetDeadline(time.Now().Add(50*time.Millisecond)) != nil {
		return false
	}
	if _, err := conn.Write([]byte("GET / HTTP/1.0\r\n\r\n")); err != nil {
		return false
	}
	n, _ := conn.Read(make([]byte, 1))
	return n > 0
}

func (w *portWatch) stop() []string {
	w.cancel()
	return <-w.found
}
