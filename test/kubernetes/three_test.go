package kubernetes_test

import (
	"cmp"
	"context"
	"os"
	"strconv"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/netsy-io/netsy/test/kubernetes/harness"
)

// pausedFor is longer than the store needs to choose another Primary.
const pausedFor = 10 * time.Second

// TestThreeNodes has kube-apiserver use three nodes, at first as people do, and then while they fail
// one after another: it goes on by itself each time, and no watch has to begin anew.
func TestThreeNodes(t *testing.T) {
	c := startCluster(t, threeNodes, "etcd", harness.Options{EventTTL: eventTTL, CompactionInterval: compactionInterval}, explainedOutage...)
	t.Run("pages", c.testPages)
	t.Run("watch", c.testWatch)
	t.Run("events expire", c.testEventsExpire)
	t.Run("compaction", c.testCompaction)
	t.Run("consistent reads", c.testConsistentReads)

	w := newWitness(t, c.client, c.namespace(t, "witness"), 3)
	w.goesOn(t, "the start")
	for range rounds(t) {
		c.killLeader(t, w)
		c.pauseLeader(t, w)
		c.restartEach(t, w)
		c.killElector(t, w)
		c.killEverything(t, w)
	}
	w.finish(t, 0)
	c.sameEverywhere(t)
	c.checkedItself(t)
}

// rounds is how many times everything fails: NETSY_TEST_ROUNDS, once by default.
func rounds(t *testing.T) int {
	n, err := strconv.Atoi(cmp.Or(os.Getenv("NETSY_TEST_ROUNDS"), "1"))
	check(t, err)
	return n
}

// recovers waits until everything works again.
func (c *cluster) recovers(t *testing.T, w *witness, after string) {
	t.Helper()
	w.goesOn(t, after)
	check(t, c.api.Ready(t.Context()))
}

func (c *cluster) leader(t *testing.T) *harness.Member {
	t.Helper()
	leader, err := harness.Leader(t.Context(), c.store.Nodes)
	check(t, err)
	return leader
}

func (c *cluster) killLeader(t *testing.T, w *witness) {
	t.Helper()
	leader := c.leader(t)
	check(t, leader.Kill())
	c.recovers(t, w, "a kill of the Primary")
	check(t, leader.Start())
	check(t, leader.Ready(t.Context()))
	c.recovers(t, w, "its return")
}

// pauseLeader stops the Primary where it is: its connections stay, but nothing comes from them.
func (c *cluster) pauseLeader(t *testing.T, w *witness) {
	t.Helper()
	leader, began := c.leader(t), time.Now()
	check(t, c.store.Pause(t.Context(), leader))
	var others []*harness.Member
	for _, m := range c.store.Nodes {
		if m != leader {
			others = append(others, m)
		}
	}
	_, err := harness.Leader(t.Context(), others)
	check(t, err)
	t.Logf("another Primary after %s", time.Since(began).Round(time.Millisecond))
	time.Sleep(time.Until(began.Add(pausedFor))) // that it lasts is what is tested
	check(t, c.store.Resume(leader))
	c.recovers(t, w, "a pause of the Primary")
	check(t, leader.Ready(t.Context()))
}

// restartEach restarts the nodes as an upgrade does: the next one when the last one is ready.
func (c *cluster) restartEach(t *testing.T, w *witness) {
	t.Helper()
	for _, m := range c.store.Nodes {
		check(t, m.Stop())
		check(t, m.Start())
		check(t, m.Ready(t.Context()))
		c.recovers(t, w, "a restart of "+m.Name)
	}
}

// killEverything kills the whole store: what was acknowledged by a majority alone is on its disks.
func (c *cluster) killEverything(t *testing.T, w *witness) {
	t.Helper()
	for _, m := range c.store.Members() {
		check(t, m.Kill())
	}
	check(t, c.store.Start())
	c.recovers(t, w, "a kill of everything")
}

// killElector kills the elector in office, which is nothing that a client notices.
func (c *cluster) killElector(t *testing.T, w *witness) {
	t.Helper()
	if len(c.store.Electors) == 0 {
		return
	}
	elector, err := harness.Leader(t.Context(), c.store.Electors)
	check(t, err)
	check(t, elector.Kill())
	c.recovers(t, w, "a kill of the elector in office")
	_, err = harness.Leader(t.Context(), c.store.Electors) // the other one
	check(t, err)
	check(t, elector.Start())
	c.recovers(t, w, "the other elector's taking office")
}

// sameEverywhere compares what kube-apiserver's watch cache holds with what each node does.
func (c *cluster) sameEverywhere(t *testing.T) {
	t.Helper()
	list, err := c.client.CoreV1().ConfigMaps(metav1.NamespaceAll).List(t.Context(), metav1.ListOptions{})
	check(t, err)
	at, err := strconv.ParseInt(list.ResourceVersion, 10, 64)
	check(t, err)
	want := map[string]uint64{}
	for _, o := range list.Items {
		want["/registry/configmaps/"+o.Namespace+"/"+o.Name] = revisionOf(&o)
	}
	if len(want) == 0 {
		t.Error("there is nothing to compare")
	}
	for i, m := range c.store.Nodes {
		got := c.keysOf(t, c.store.Endpoints[i], at)
		for key, revision := range got {
			if want[key] != revision {
				t.Errorf("%s: %s at %d, kube-apiserver has %d", m.Name, key, revision, want[key])
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s has %d objects, kube-apiserver %d", m.Name, len(got), len(want))
		}
	}
}

// keysOf reads from one node, at a revision, the keys of all config maps and when each was written.
func (c *cluster) keysOf(t *testing.T, endpoint string, revision int64) map[string]uint64 {
	t.Helper()
	tls, err := c.store.ClientTLS()
	check(t, err)
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, TLS: tls})
	check(t, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	resp, err := client.Get(ctx, "/registry/configmaps/", clientv3.WithPrefix(), clientv3.WithRev(revision), clientv3.WithKeysOnly())
	check(t, err)
	keys := map[string]uint64{}
	for _, kv := range resp.Kvs {
		keys[string(kv.Key)] = uint64(kv.ModRevision)
	}
	return keys
}
