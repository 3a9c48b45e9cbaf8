package netsyctl

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/netsy-io/netsy/pkg/clusterview"
	"github.com/netsy-io/netsy/pkg/datafile"
	"github.com/netsy-io/netsy/pkg/identity"
	"github.com/netsy-io/netsy/pkg/leaderlock"
	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/file"
	"github.com/netsy-io/netsy/pkg/peerapi"
	"github.com/netsy-io/netsy/pkg/record"
	"github.com/netsy-io/netsy/pkg/registry"
)

// lab is a bucket in a directory, with certificates, and nodes that answer one
// question over real connections.
type lab struct {
	t     *testing.T
	dir   string
	store objectstore.Store
	reg   *registry.Registry
	nodes map[string]*labNode
}

type labNode struct {
	peerpb.UnimplementedPeerServer
	ref   registry.NodeRef
	state *peerpb.NodeState
	addr  string

	refusal *peerpb.StepDownRefusal // why it doesn't step down; nil: it does
	broken  bool                    // it says nothing to that
}

func (n *labNode) StepDown(context.Context, *peerpb.StepDownRequest) (*peerpb.StepDownResponse, error) {
	if n.broken {
		return nil, status.Error(codes.Unavailable, "gone")
	}
	if r := n.refusal; r != nil {
		return nil, (&peerapi.StepDownRefused{Reason: r.Reason, Primary: r.Primary, Err: errors.New("refused")}).GRPCStatus().Err()
	}
	return &peerpb.StepDownResponse{Epoch: 4, Tail: n.state.Tail}, nil
}

func (n *labNode) GetNodeState(context.Context, *peerpb.GetNodeStateRequest) (*peerpb.NodeState, error) {
	return n.state, nil
}

// newLab makes three voters, of which the first is Primary, in mode quorum; none answers.
func newLab(t *testing.T) *lab {
	t.Helper()
	l := &lab{t: t, dir: t.TempDir(), nodes: map[string]*labNode{}}
	objects := filepath.Join(l.dir, "objects")
	l.must(os.Mkdir(objects, 0o755))
	l.must(os.WriteFile(l.path("cluster.jsonc"), fmt.Appendf(nil, `{"cluster_id": "lab", "storage": {"provider": "file", "bucket_name": %q}}`, objects), 0o600))
	mustRun(t, "cert", "ca", "--cluster-id", "lab", "--dir", l.dir)
	mustRun(t, "cert", "admin", "--dir", l.dir, "alice")
	mustRun(t, "cert", "client", "--dir", l.dir, "app")
	st, err := file.Open(t.Context(), file.Config{Dir: objects})
	l.must(err)
	l.store, l.reg = st, registry.New(st, "lab")
	_, err = l.reg.EnsureCluster(t.Context(), registry.QuorumMajority)
	l.must(err)
	var voters []registry.NodeRef
	for i := range 3 {
		n := l.register(fmt.Sprintf("n%d", i+1))
		voters = append(voters, n.ref)
	}
	_, err = l.reg.AssignMembers(t.Context(), []string{"n1", "n2", "n3"})
	l.must(err)
	_, err = l.reg.UpdateCluster(t.Context(), func(c *registry.Cluster) error {
		c.Epoch, c.Primary = 4, voters[0]
		c.Durability = registry.Durability{Mode: registry.ModeQuorum, Quorum: -1, Voters: voters}
		return nil
	})
	l.must(err)
	recs := []record.Record{{Revision: 1, Epoch: 4, Key: []byte("k"), Created: true, CreateRevision: 1, Version: 1, LeaderID: "n1"}}
	b, err := datafile.EncodeChunk(datafile.Header{LeaderID: "n1", Epoch: 4, ChunkID: "planted"}, recs)
	l.must(err)
	_, err = l.store.Put(t.Context(), objectlog.ChunkKey(1), b, objectstore.Always())
	l.must(err)
	return l
}

func (l *lab) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) path(name string) string { return filepath.Join(l.dir, name) }

func (l *lab) register(id string) *labNode {
	l.t.Helper()
	mustRun(l.t, "cert", "node", "--dir", l.dir, "--ip", "127.0.0.1", id)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	l.must(err)
	n := &labNode{ref: registry.NodeRef{NodeID: id, Incarnation: "i-" + id}, addr: ln.Addr().String()}
	l.must(ln.Close())
	l.nodes[id] = n
	l.must(l.reg.RegisterNode(l.t.Context(), registry.Node{NodeID: id, Incarnation: n.ref.Incarnation, StartCount: 2, Version: "v1",
		ClientURLs: []string{"https://" + id + ":2378"}, PeerURLs: []string{"https://" + n.addr}}))
	return n
}

// start makes a node answer, as a healthy replica; change may make it say something else.
func (l *lab) start(id string, tail record.Revision, change func(*peerpb.NodeState)) {
	l.t.Helper()
	n := l.nodes[id]
	n.state = &peerpb.NodeState{NodeId: id, Incarnation: n.ref.Incarnation, Health: peerpb.Health_HEALTH_HEALTHY,
		PrimaryState: peerpb.PrimaryState_PRIMARY_STATE_REPLICA, ServedEpoch: 4, Tail: &peerpb.Pos{Epoch: 4, Revision: int64(tail)}}
	if change != nil {
		change(n.state)
	}
	src, err := identity.Open(identity.Options{Files: identity.Files{CA: l.path("ca.crt"), Cert: l.path(id + ".crt"), Key: l.path(id + ".key")}})
	l.must(err)
	opts, err := src.ServerOptions(identity.PeerPort, peerapi.Policy, hclog.NewNullLogger(), nil)
	l.must(err)
	ln, err := net.Listen("tcp", n.addr)
	l.must(err)
	srv := grpc.NewServer(opts...)
	peerpb.RegisterPeerServer(srv, n)
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	l.t.Cleanup(func() {
		srv.Stop()
		if err := <-served; err != nil {
			l.t.Error(err)
		}
	})
}

// run runs a cluster subcommand as alice, with input to read.
func (l *lab) run(input, command string, args ...string) (string, error) {
	l.t.Helper()
	line := []string{"netsyctl", "cluster", command, "--config", l.path("cluster.jsonc")}
	if command != "show" {
		line = append(line, "--tls-ca", l.path("ca.crt"), "--tls-cert", l.path("admin-alice.crt"), "--tls-key", l.path("admin-alice.key"))
	}
	var out bytes.Buffer
	app := App()
	app.Reader, app.Writer, app.ErrWriter = strings.NewReader(input), &out, &out
	err := app.RunContext(l.t.Context(), append(line, args...))
	return out.String(), err
}

func (l *lab) cluster() registry.Cluster {
	l.t.Helper()
	c, err := l.reg.Cluster(l.t.Context())
	l.must(err)
	return c
}

func (l *lab) wants(out string, err error, fails string, says ...string) {
	l.t.Helper()
	if (err == nil) != (fails == "") || err != nil && !strings.Contains(err.Error(), fails) {
		l.t.Errorf("got %v, want %q", err, fails)
	}
	for _, s := range says {
		if !strings.Contains(out, s) {
			l.t.Errorf("%q is not in\n%s", s, out)
		}
	}
}

func TestClusterShow(t *testing.T) {
	l := newLab(t)
	lock, err := l.store.Put(t.Context(), "leader/elector.json", []byte(`{"cluster_id":"lab","leader_id":"e1","address":"h:8443","session":"s","seq":1,"write_id":"w"}`), objectstore.Always())
	l.must(err)
	if _, err := leaderlock.Read(t.Context(), l.store, "leader/elector.json", "lab"); err != nil {
		t.Fatal(err)
	}
	out, err := l.run("", "show")
	l.wants(out, err, "", "4 (office 0)", "n1/i-n1", "2 of the 3 voters", "e1 at h:8443", "revision 1 of epoch 4", "primary,voter", "https://n2:2378", "chunks/0000000000000000001.netsy")

	out, err = l.run("", "show", "-o", "json")
	l.must(err)
	var s clusterview.View
	l.must(json.Unmarshal([]byte(out), &s))
	if s.Epoch != 4 || len(s.Nodes) != 3 || !s.Nodes[0].Primary || s.Nodes[1].Primary || !s.Nodes[1].Voter || s.Nodes[2].MemberID == 0 ||
		s.Elector.LeaderID != "e1" || s.ObjectLog.Revision != 1 || s.ObjectLog.Written == nil || s.Durability.Promises != 2 || len(s.Problems) != 0 {
		t.Errorf("%+v", s)
	}

	// A wiped node: its lost life is still a voter. The lock is released.
	l.must(l.reg.RegisterNode(t.Context(), registry.Node{NodeID: "n3", Incarnation: "i-new", StartCount: 1, ClientURLs: []string{"https://n3:2378"}, PeerURLs: []string{"https://" + l.nodes["n3"].addr}}))
	l.must(l.store.Delete(t.Context(), "leader/elector.json", objectstore.IfMatch(lock)))
	out, err = l.run("", "show")
	l.wants(out, err, "", "not registered", "i-new", "none leads")

	// Damage is reported, and hides nothing else.
	_, err = l.store.Put(t.Context(), registry.MembersKey, []byte("{"), objectstore.Always())
	l.must(err)
	_, err = l.store.Put(t.Context(), registry.NodeKey("n2"), []byte("{"), objectstore.Always())
	l.must(err)
	out, err = l.run("", "show")
	l.wants(out, err, "2 problems", "members.json", "nodes/n2.json", "i-new", "revision 1 of epoch 4")
}

func TestClusterShowOfNothing(t *testing.T) {
	l := newLab(t)
	l.must(os.RemoveAll(l.path("objects")))
	l.must(os.Mkdir(l.path("objects"), 0o755))
	out, err := l.run("", "show")
	l.wants(out, err, "no elector has begun work")
}

func TestClusterRecover(t *testing.T) {
	l := newLab(t)
	l.start("n2", 7, nil)
	before := l.cluster()

	out, err := l.run("", "recover")
	l.wants(out, err, "", "2 of the 3 voters", "refused", "replica, healthy", "revision 7 of epoch 4 (n2)", "At risk", "--accept-data-loss")
	for _, answer := range []string{"", "no\n", "y\n"} {
		out, err = l.run(answer, "recover", "--accept-data-loss")
		l.wants(out, err, "not confirmed", "At risk", "Type the cluster's id, lab,")
	}
	if l.cluster().WriteID != before.WriteID {
		t.Fatal("something was written")
	}
	out, err = l.run("lab\n", "recover", "--accept-data-loss")
	l.wants(out, err, "", "Done: epoch 5")
	c := l.cluster()
	if c.Epoch != 5 || !c.Primary.IsZero() || c.Durability.Mode != registry.ModeQuorum || c.Durability.Quorum != 0 || len(c.Durability.Voters) != 1 || c.Durability.Voters[0] != l.nodes["n2"].ref {
		t.Errorf("%+v", c)
	}
	out, err = l.run("", "recover", "--accept-data-loss", "--yes")
	l.wants(out, err, `nothing to recover: 1 voters answer and an election needs 1`)
}

func TestClusterRecoverJSON(t *testing.T) {
	l := newLab(t)
	out, err := l.run("", "recover", "--accept-data-loss", "--yes", "-o", "json")
	l.must(err)
	var got loss
	l.must(json.Unmarshal([]byte(out), &got))
	if !got.Needed || !got.Recovered || got.Epoch != 5 || got.Held.Revision != 1 || got.Held.On != "object log" || len(got.Nodes) != 3 || got.Nodes[0].Answers || got.Nodes[0].Error == "" {
		t.Errorf("%+v", got)
	}
	if c := l.cluster(); c.Epoch != 5 || len(c.Durability.Voters) != 0 {
		t.Errorf("%+v", c)
	}
}

func TestClusterRecoverRefuses(t *testing.T) {
	l := newLab(t)
	l.start("n2", 7, nil)
	l.start("n3", 7, func(s *peerpb.NodeState) {
		s.Health, s.HealthReason = peerpb.Health_HEALTH_DEGRADED, "the disk is full"
	})
	before := l.cluster()
	out, err := l.run("", "recover", "--accept-data-loss", "--yes")
	l.wants(out, err, "2 voters answer and an election needs 2; mend what is not healthy: n3 is degraded: the disk is full")

	l.nodes["n2"].state.PrimaryState = peerpb.PrimaryState_PRIMARY_STATE_STARTING
	out, err = l.run("", "recover", "--accept-data-loss", "--yes")
	l.wants(out, err, "n2/i-n2 answers and says it is starting Primary of epoch 4")

	// A certificate that no node answers to is no reason to think the nodes dead.
	out, err = l.run("", "recover", "--tls-cert", l.path("client-app.crt"), "--tls-key", l.path("client-app.key"))
	l.wants(out, err, "make one with netsyctl cert admin")
	if l.cluster().WriteID != before.WriteID {
		t.Error("something was written")
	}
}

// A survivor that can't be elected as it is.
func TestClusterRecoverFromIllNode(t *testing.T) {
	l := newLab(t)
	l.start("n2", 7, func(s *peerpb.NodeState) { s.Health = peerpb.Health_HEALTH_DEGRADED })
	out, err := l.run("", "recover")
	l.wants(out, err, "", "Mend n2 first", "replica, degraded")
	l.nodes["n2"].state.Tail.Revision = 1
	out, err = l.run("", "recover")
	l.wants(out, err, "", "revision 1 of epoch 4 (object log)")
	if strings.Contains(out, "Mend") {
		t.Errorf("the object log needs no mending:\n%s", out)
	}
}

func TestClusterForget(t *testing.T) {
	l := newLab(t)
	l.start("n2", 7, nil)
	out, err := l.run("", "forget", "n2")
	l.wants(out, err, "stop it first")
	out, err = l.run("", "forget", "n9")
	l.wants(out, err, `"n9" isn't registered`)
	out, err = l.run("", "forget", "n3")
	l.wants(out, err, "", "forgotten", "n3/i-n3")
	out, err = l.run("", "show")
	l.wants(out, err, "", "not registered")
	if _, err := l.reg.Node(t.Context(), "n2"); err != nil {
		t.Error(err)
	}
}
