package netsyctl

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/netsy-io/netsy/pkg/clusterview"
	"github.com/netsy-io/netsy/pkg/devcluster"
	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/objectlog"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/registry"

	clientpb "go.etcd.io/etcd/api/v3/etcdserverpb"
)

// freeze gives every object of a directory the same time.
func freeze(t *testing.T, dir string) {
	t.Helper()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	err := filepath.Walk(dir, func(path string, _ os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		return os.Chtimes(path, at, at)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (l *lab) tls() []string {
	return []string{"--tls-ca", l.path("ca.crt"), "--tls-cert", l.path("admin-alice.crt"), "--tls-key", l.path("admin-alice.key")}
}

// hidden are what differs from run to run: the directory, ports and member ids.
func (l *lab) hidden() []string {
	hide := []string{l.dir, "/LAB"}
	for id, n := range l.nodes {
		hide = append(hide, n.addr, id+":1")
	}
	return hide
}

func (l *lab) top(args ...string) (string, error) {
	l.t.Helper()
	return split(l.t, append(args, "--config", l.path("cluster.jsonc"))...)
}

func TestStatus(t *testing.T) {
	l := newLab(t)
	freeze(t, l.path("objects"))
	l.start("n1", 9, func(s *peerpb.NodeState) {
		s.PrimaryState, s.CommittedRevision = peerpb.PrimaryState_PRIMARY_STATE_ACTIVE, 8
		s.Unflushed = &peerpb.Unflushed{Revisions: 7, Bytes: 421, OldestAgeNanos: 12_345e6}
	})
	l.start("n2", 5, func(s *peerpb.NodeState) {
		s.Health, s.HealthReason = peerpb.Health_HEALTH_DEGRADED, "the disk is full"
	})
	out, err := l.top(append([]string{"status"}, l.tls()...)...)
	if err != nil {
		t.Error(err)
	}
	unreachable := regexp.MustCompile(`(unreachable .*v1 +)\S.*`)
	golden(t, "status.txt", unreachable.ReplaceAllString(out, "${1}WHY"), l.hidden()...)

	out, err = l.top("status")
	if err != nil {
		t.Error(err)
	}
	golden(t, "status_bucket.txt", out, l.hidden()...)

	var v clusterview.View
	out, err = l.top(append([]string{"status", "-o", "json"}, l.tls()...)...)
	l.must(errors.Join(err, json.Unmarshal([]byte(out), &v)))
	if !v.Asked || v.Unflushed == nil || *v.Unflushed != 7 || *v.OldestUnflushedSeconds != 12.345 || v.Nodes[0].State.Lag != 0 || v.Nodes[1].State.Lag != 3 || v.Nodes[2].State != nil || v.Nodes[2].Error == "" {
		t.Errorf("%s", out)
	}
	if out, err = l.top("status", "-o", "yaml"); err != nil || !strings.HasPrefix(out, "cluster_id: lab\n") {
		t.Errorf("%v\n%s", err, out)
	}

	// Half a certificate, or a wrong one, is a mistake, and no reason to think the nodes dead.
	if _, err = l.top("status", "--tls-ca", l.path("ca.crt")); ExitStatus(err) != exitUnjudged {
		t.Error(err)
	}
	if _, err = l.top("status", "--tls-ca", l.path("ca.crt"), "--tls-cert", l.path("client-app.crt"), "--tls-key", l.path("client-app.key")); err == nil {
		t.Error("an app's certificate is taken")
	}
}

// A context names the certificate as well.
func TestStatusByContext(t *testing.T) {
	l := newLab(t)
	l.start("n1", 1, nil)
	b, err := json.Marshal(contextFile{Current: "lab", Contexts: map[string]contextOfFiles{
		"lab": {l.path("cluster.jsonc"), l.path("ca.crt"), l.path("admin-alice.crt"), l.path("admin-alice.key")}}})
	l.must(err)
	withContexts(t, string(b))
	if out, err := split(t, "status"); err != nil || !strings.Contains(out, "1 of 3 answer") {
		t.Errorf("%v\n%s", err, out)
	}
}

// An answer of another life of the node isn't that of the registered one.
func TestStatusOfAnotherLife(t *testing.T) {
	l := newLab(t)
	l.start("n2", 5, func(s *peerpb.NodeState) { s.Incarnation = "i-new" })
	out, err := l.top(append([]string{"status"}, l.tls()...)...)
	if err != nil || !strings.Contains(out, "incarnation i-new answers at its address") || !strings.Contains(out, "0 of 3 answer") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestStatusOfDamage(t *testing.T) {
	l := newLab(t)
	put := func(key, body string) {
		_, err := l.store.Put(t.Context(), key, []byte(body), objectstore.Always())
		l.must(err)
	}
	put(objectlog.ChunkKey(1), "x")
	put(registry.NodeKey("n2"), "{")
	put("leader/elector.json", "[]")
	out, err := l.top("status")
	if ExitStatus(err) != exitFailed || !strings.Contains(err.Error(), "3 problems") {
		t.Error(err)
	}
	for _, says := range []string{"object log  unknown", objectlog.ChunkKey(1), "nodes/n2.json", "leader/elector.json", "n3"} {
		if !strings.Contains(out, says) {
			t.Errorf("%q is not in\n%s", says, out)
		}
	}
	put(registry.ClusterKey, "{")
	if _, err = l.top("status"); ExitStatus(err) != exitFailed || !strings.Contains(err.Error(), registry.ClusterKey) {
		t.Error(err)
	}
}

func TestNodesAndMembers(t *testing.T) {
	l := newLab(t)
	l.start("n1", 1, func(s *peerpb.NodeState) { s.StartTimeUnixNano = 1_700_000_000e9 })
	l.must(l.store.Delete(t.Context(), registry.NodeKey("n3"), objectstore.Always()))
	m, err := l.reg.Members(t.Context())
	l.must(err)
	out, err := l.top(append([]string{"nodes"}, l.tls()...)...)
	l.must(err)
	golden(t, "nodes.txt", out, l.hidden()...)
	out, err = l.top("members")
	l.must(err)
	for _, id := range m.IDs {
		if len(member(id)) > 16 || !strings.Contains(out, member(id)) {
			t.Errorf("%x is not in\n%s", id, out)
		}
	}
	golden(t, "members.txt", regexp.MustCompile(`(?m)^[0-9a-f]{8,16} +`).ReplaceAllString(out, "ID         "), l.hidden()...)

	_, err = l.store.Put(t.Context(), registry.NodeKey("n2"), []byte("{"), objectstore.Always())
	l.must(err)
	for _, command := range []string{"nodes", "members"} {
		if out, err = l.top(command); ExitStatus(err) != exitFailed || !strings.Contains(out, "n1") {
			t.Errorf("%s: %v\n%s", command, err, out)
		}
	}
}

func member(id uint64) string { return strconv.FormatUint(id, 16) }

func TestEvery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 11*time.Second)
		defer cancel()
		n := 0
		if err := every(ctx, 2*time.Second, func(context.Context) error { n++; return nil }); err != nil || n != 6 {
			t.Errorf("%v after %d", err, n)
		}
		ended, end := context.WithCancel(t.Context())
		if err := every(ended, time.Second, func(ctx context.Context) error { end(); return ctx.Err() }); err != nil {
			t.Error(err)
		}
		broken := errors.New("broken pipe")
		if err := every(t.Context(), time.Second, func(context.Context) error { return broken }); !errors.Is(err, broken) {
			t.Error(err)
		}
	})
}

// notify is a writer that says when it was written to.
type notify chan string

func (n notify) Write(b []byte) (int, error) { n <- string(b); return len(b), nil }

// The picture is replaced, also by what is wrong for a while, and Ctrl-C is a good end.
func TestStatusWatch(t *testing.T) {
	l := newLab(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seen, done := make(notify), make(chan error, 1)
	app := App()
	app.Writer = seen
	go func() { // ends by ctx
		done <- app.RunContext(ctx, []string{"netsyctl", "status", "--watch", "--interval", "100ms", "--config", l.path("cluster.jsonc")})
	}()
	if s := <-seen; !strings.HasPrefix(s, toTop) || !strings.Contains(s, "n1/i-n1") {
		t.Errorf("%q", s)
	}
	l.must(os.Rename(l.path("objects/cluster.json"), l.path("kept")))
	for s := range seen {
		if strings.Contains(s, "no elector has begun work") {
			break
		}
	}
	l.must(os.Rename(l.path("kept"), l.path("objects/cluster.json")))
	for s := range seen {
		if strings.Contains(s, "n1/i-n1") {
			break
		}
	}
	cancel()
	for {
		select {
		case <-seen:
			continue
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		}
		return
	}
}

// A real cluster, while it runs and after.
func TestStatusRealCluster(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*realTimeout)
	defer cancel()
	dir := t.TempDir()
	c, err := devcluster.Start(ctx, devcluster.Options{Dir: dir, Nodes: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	put, err := kv(t, c, 0).Put(ctx, &clientpb.PutRequest{Key: []byte("k"), Value: []byte("v")})
	if err != nil {
		t.Fatal(err)
	}
	config := configNamed(t, "dev-cluster", filepath.Join(dir, "objects"))
	certs := filepath.Join(dir, "certs")
	args := []string{"status", "-o", "json", "--config", config, "--tls-ca", filepath.Join(certs, "ca.crt"), "--tls-cert", filepath.Join(certs, "admin.crt"), "--tls-key", filepath.Join(certs, "admin.key")}
	eventually(t, ctx, "all nodes are healthy and hold the write", func() error {
		var v clusterview.View
		out, err := split(t, args...)
		if err == nil {
			err = json.Unmarshal([]byte(out), &v)
		}
		if err == nil && (len(v.Nodes) != 3 || v.Elector == nil || v.Unflushed == nil || v.OldestUnflushedSeconds == nil) {
			err = errors.New(out)
		}
		for _, n := range v.Nodes {
			if err == nil && (n.State == nil || n.State.Health != "healthy" || n.State.Lag != 0 || int64(n.State.Revision) < put.Header.Revision) {
				err = errors.New(out)
			}
		}
		return err
	})
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	out, err := split(t, append(args, "-o", "table")...)
	if err != nil || !strings.Contains(out, "0 of ") || strings.Contains(out, "  healthy  ") {
		t.Errorf("%v\n%s", err, out)
	}
}
