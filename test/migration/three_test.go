package migration

import (
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// TestThreeNodes imports into a cluster of three, each of which has everything, and exports
// what they acknowledged by a quorum.
func TestThreeNodes(t *testing.T) {
	e := startEtcd(t, t.TempDir())
	w := newWorkload(t, e.Client, false)
	w.run(60)
	compacted := revision(t, e.Client)
	_, err := e.Compact(within(t), compacted)
	check(t, err)
	w.run(40)
	h := remember(t, e, compacted+1)
	e.stop()
	p := newPlace(t)
	p.mustCtl(t, "import", "etcd", "--snapshot", h.file)
	n := p.start(t, 3)
	_, err = n.Put(within(t), "/registry/new", "")
	check(t, err)
	tls, err := n.cluster.ClientTLS()
	check(t, err)
	for _, endpoint := range n.cluster.Endpoints() {
		one, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, TLS: tls, DialTimeout: patience, Logger: zap.NewNop()})
		check(t, err)
		t.Log(endpoint)
		h.check(t, one)
		check(t, one.Close())
	}
	newWorkload(t, n.Client, true).run(50)
	want, seen := stateAt(t, n.Client, 0), revision(t, n.Client)
	n.stop(t)
	file, _ := p.export(t)
	back := restore(t, file)
	equal(t, "keys", stateAt(t, back.Client, 0), want)
	if got := revision(t, back.Client); got < seen {
		t.Errorf("etcd is at revision %d, clients saw %d", got, seen)
	}
	h.check(t, back.Client)
}
