//go:build linux

package iam

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc"

	"github.com/netsy-io/netsy/pkg/identity"
	"github.com/netsy-io/netsy/test/internal/proc"
)

// lifetime is a cluster's: everything that a role ever asks of the bucket is in it.
type lifetime struct {
	*cluster
	ctx     context.Context
	growOld func()
	get     func(key string) ([]byte, bool) // from the server itself, past the gate
	put     func(key string, body []byte)
	gate    *gate
	nodes   map[string]*proc.Proc
}

func (l *lifetime) begin(ids ...string) {
	for _, id := range ids {
		l.nodes[id] = l.startNode(id, keyPrefix)
	}
}

func (l *lifetime) end(ids ...string) {
	for _, id := range ids {
		l.stop(l.nodes[id])
		delete(l.nodes, id)
	}
}

// write writes through a node, more than a chunk's worth at once.
func (l *lifetime) write(id string, n int) {
	l.t.Helper()
	kv := l.client(id).KV
	for i := range n {
		if _, err := kv.Put(l.ctx, &pb.PutRequest{Key: fmt.Appendf(nil, "k%d", i), Value: []byte(strings.Repeat("v", 300<<10))}); err != nil {
			l.t.Fatal(err)
		}
	}
}

// live goes through all of it.
func (l *lifetime) live() {
	t := l.t
	electors := []*proc.Proc{l.startElector("elector-1", keyPrefix), l.startElector("elector-2", keyPrefix)}
	l.begin("node-1", "node-2")
	l.primary(l.ctx, l.nodes)
	l.begin("node-3") // a member more
	for range 4 {     // reigns, each with chunks of its own and a snapshot behind it
		primary := l.primary(l.ctx, l.nodes)
		l.write(primary, 8)
		l.end(primary)
		l.primary(l.ctx, l.nodes)
		l.begin(primary)
		l.growOld()
		l.compact("--dry-run")
		l.compact("--once")
	}
	primary := l.primary(l.ctx, l.nodes)
	l.write(primary, 2)
	l.ask()
	l.look()
	l.ctl("operator-admin", keyPrefix, "snapshot", "create")

	// A node that leaves is deregistered, and comes back.
	gone := "node-1"
	if gone == primary {
		gone = "node-2"
	}
	l.end(gone)
	proc.Until(t, l.ctx, gone+" is deregistered", func(context.Context) error {
		if _, there := l.get(keyPrefix + "nodes/" + gone + ".json"); there {
			return errors.New("it is there")
		}
		return nil
	})
	l.begin(gone)
	l.write(l.primary(l.ctx, l.nodes), 1)

	l.loss(electors)
	l.elsewhere()
}

// look runs every command that only reads.
func (l *lifetime) look() {
	ro := func(args ...string) string { return l.ctl("operator-readonly", keyPrefix, args...) }
	for _, args := range []string{"status", "nodes", "members", "cluster show", "log", "snapshot list", "snapshot verify --all", "verify", "restore --dry-run --to-revision 20"} {
		ro(strings.Fields(args)...)
	}
	chunk, snapshot := l.first("chunks"), l.first("snapshots")
	for _, args := range []string{"inspect bucket:" + chunk, "cat --values none bucket:" + snapshot, "verify bucket:" + chunk + " bucket:" + snapshot, "diff bucket:" + chunk + " bucket:" + chunk} {
		ro(append([]string{"datafile"}, strings.Fields(args)...)...)
	}
	ro("export", "etcd", "--out", l.path("etcd.db"))
}

// first names an object below a prefix, as netsyctl shows it.
func (l *lifetime) first(prefix string) string {
	l.t.Helper()
	args := []string{"log", "-o", "json"}
	if prefix == "snapshots" {
		args = []string{"snapshot", "list", "-o", "json"}
	}
	out := l.ctl("operator-readonly", keyPrefix, args...)
	i := strings.Index(out, prefix+"/0")
	if i < 0 {
		l.t.Fatalf("no object below %s: %s", prefix, out)
	}
	return out[i : i+len(prefix)+1+19+len(".netsy")]
}

// ask asks nodes and electors what they look up in the bucket for others.
func (l *lifetime) ask() {
	l.t.Helper()
	src, err := identity.Open(identity.Options{Files: identity.Files{CA: l.path("ca.crt"), Cert: l.path("client.crt"), Key: l.path("client.key")}})
	must(l.t, err)
	conn, err := grpc.NewClient("passthrough:///"+l.members["node-1"].client, grpc.WithTransportCredentials(src.ClientCredentials(identity.ExpectNode(clusterID, "node-1"))))
	must(l.t, err)
	defer conn.Close()
	m, err := pb.NewClusterClient(conn).MemberList(l.ctx, &pb.MemberListRequest{})
	must(l.t, err)
	if len(m.Members) != 3 {
		l.t.Errorf("members: %v", m.Members)
	}
	// The status page answers before it has read everything: it is looked at until it has.
	proc.Until(l.t, l.ctx, "the status pages have read the bucket", func(ctx context.Context) error {
		for _, id := range []string{"node-1", "elector-1", "elector-2"} {
			if _, _, err := proc.Page(ctx, l.members[id].health, "/"); err != nil {
				return err
			}
		}
		for _, want := range [][2]string{{"node", "members.json"}, {"node", "leader/compactor.json"}, {"elector", "leader/compactor.json"}, {"elector", "chunks/*"}} {
			if !slices.ContainsFunc(l.gate.of(want[0]), func(r request) bool {
				return r.Operation != "ListObjectsV2" && r.Operation != "objects.list" && classOf(r) == keyPrefix+want[1]
			}) {
				return fmt.Errorf("%s has not read %s", want[0], want[1])
			}
		}
		return nil
	})
}

// loss kills all nodes, of which one comes back: too few to go on, for what was
// acknowledged may be on the others.
func (l *lifetime) loss(electors []*proc.Proc) {
	id := l.primary(l.ctx, l.nodes)
	proc.Until(l.t, l.ctx, "all three vote and receipts may acknowledge", func(context.Context) error {
		l.write(id, 1)
		var doc struct {
			Durability struct {
				Mode   string
				Voters []any
			}
		}
		if b, _ := l.get(keyPrefix + "cluster.json"); json.Unmarshal(b, &doc) != nil || doc.Durability.Mode != "quorum" || len(doc.Durability.Voters) != 3 {
			return fmt.Errorf("cluster.json: %s", b)
		}
		return nil
	})
	for _, e := range electors { // the office changes hands, and then there is none
		l.stop(e)
	}
	l.nodes[id].Kill() // first: it would fall back to object storage when the others are gone
	delete(l.nodes, id)
	for _, p := range l.nodes {
		p.Kill()
	}
	l.nodes = map[string]*proc.Proc{}
	l.ctl("operator-admin", keyPrefix, "cluster", "forget", "node-3")
	l.begin("node-1")
	l.nodes["node-1"].AwaitHealth(l.ctx, l.members["node-1"].health, "/healthz", "is up", func(h proc.Health) bool { return h.OK })
	if out := l.ctl("operator-admin", keyPrefix, "cluster", "recover", "--accept-data-loss", "--yes"); !strings.Contains(out, "Done") {
		l.t.Errorf("nothing was recovered:\n%s", out)
	}
	e := l.startElector("elector-1", keyPrefix)
	l.primary(l.ctx, l.nodes)
	l.end("node-1")
	l.stop(e)
}

// elsewhere begins clusters under other prefixes: restored, imported, and from a
// bootstrap file, which somebody has put there who is none of Netsy's roles.
func (l *lifetime) elsewhere() {
	l.ctl("operator-admin", keyPrefix, "restore", "--to-revision", "20", "--into-config", l.config("operator-admin", "restored/"))
	l.ctl("operator-admin", "imported/", "import", "etcd", "--snapshot", l.path("etcd.db"))
	l.ctl("operator-readonly", "restored/", "restore", "--to-revision", "20", "--into-file", l.path("bootstrap"))
	b, err := os.ReadFile(l.path("bootstrap"))
	must(l.t, err)
	l.put("booted/bootstrap.netsy", b)
	for i, prefix := range []string{"restored/", "imported/", "booted/"} {
		id := fmt.Sprintf("new-%d", i)
		e := l.startElector("elector-1", prefix)
		p := l.startNode(id, prefix)
		l.primary(l.ctx, map[string]*proc.Proc{id: p})
		l.write(id, 1)
		l.stop(p)
		l.stop(e)
	}
}
