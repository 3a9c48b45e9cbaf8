package migration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/netsy-io/netsy/pkg/devcluster"
	"github.com/netsy-io/netsy/pkg/netsyctl"
)

// place is where a Netsy cluster lives.
type place struct{ dir, config string }

func newPlace(t testing.TB) *place {
	t.Helper()
	p := &place{dir: t.TempDir()}
	p.config = filepath.Join(p.dir, "cluster.jsonc")
	check(t, os.Mkdir(p.objects(), 0o700))
	check(t, os.WriteFile(p.config, fmt.Appendf(nil, `{"cluster_id": "dev-cluster", "storage": {"provider": "file", "bucket_name": %q}}`, p.objects()), 0o600))
	return p
}

func (p *place) objects() string { return filepath.Join(p.dir, "objects") }

// ctl runs netsyctl, and returns what it prints as JSON.
func (p *place) ctl(t testing.TB, args ...string) (result map[string]any, err error) {
	t.Helper()
	app := netsyctl.App()
	var out, log bytes.Buffer
	app.Writer, app.ErrWriter = &out, &log
	err = app.RunContext(t.Context(), append(append([]string{"netsyctl"}, args...), "--config", p.config, "-o", "json"))
	t.Logf("netsyctl %v: %v\n%s%s", args, err, &log, &out)
	if err == nil {
		check(t, json.Unmarshal(out.Bytes(), &result))
	}
	return result, err
}

func (p *place) mustCtl(t testing.TB, args ...string) map[string]any {
	t.Helper()
	result, err := p.ctl(t, args...)
	check(t, err)
	return result
}

// verify lets netsyctl read all that is in the bucket.
func (p *place) verify(t testing.TB) { p.mustCtl(t, "verify") }

func (p *place) export(t testing.TB, args ...string) (file string, result map[string]any) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "netsy.db")
	return file, p.mustCtl(t, append([]string{"export", "etcd", "--out", file}, args...)...)
}

// netsy is a running cluster.
type netsy struct {
	*clientv3.Client
	cluster *devcluster.Cluster
}

// start starts a cluster of one node, or of so many.
func (p *place) start(t testing.TB, nodes ...int) *netsy {
	t.Helper()
	c, err := devcluster.Start(within(t), devcluster.Options{Dir: p.dir, Nodes: append(nodes, 1)[0]})
	check(t, err)
	n := &netsy{cluster: c}
	t.Cleanup(func() { n.stop(t) })
	tls, err := c.ClientTLS()
	check(t, err)
	n.Client, err = clientv3.New(clientv3.Config{Endpoints: c.Endpoints(), TLS: tls, DialTimeout: patience, Logger: zap.NewNop()})
	check(t, err)
	return n
}

// stop ends it; a second time does nothing.
func (n *netsy) stop(t testing.TB) {
	if n.Client != nil {
		n.Client.Close()
	}
	if n.cluster != nil {
		if err := n.cluster.Close(); err != nil {
			t.Error(err)
		}
	}
	n.Client, n.cluster = nil, nil
}
