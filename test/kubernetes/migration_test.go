package kubernetes_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/netsy-io/netsy/test/kubernetes/harness"
)

// TestMigration moves a Kubernetes from etcd to Netsy as docs/migration.md says. To its
// clients kube-apiserver was away for a while.
func TestMigration(t *testing.T) {
	if target != harness.TargetNetsy {
		t.Skip("it moves to Netsy")
	}
	both, err := harness.Build(harness.TargetEtcd)
	check(t, err)
	both.Node, both.Elector, both.Ctl = binaries.Node, binaries.Elector, binaries.Ctl

	old := startOn(t, both, harness.TargetEtcd)
	ns := old.namespace(t, "moved")
	maps := old.client.CoreV1().ConfigMaps(ns)
	for i := range 30 {
		_, err := maps.Create(t.Context(), configMap(fmt.Sprintf("map-%02d", i), "first"), metav1.CreateOptions{})
		check(t, err)
	}
	_, err = old.client.CoreV1().Events(ns).Create(t.Context(), event("short", ns), metav1.CreateOptions{})
	check(t, err)
	before, err := maps.List(t.Context(), metav1.ListOptions{})
	check(t, err)
	page, err := maps.List(t.Context(), metav1.ListOptions{Limit: 10})
	check(t, err)
	for i := range 10 {
		_, err := maps.Update(t.Context(), configMap(fmt.Sprintf("map-%02d", i), "second"), metav1.UpdateOptions{})
		check(t, err)
		check(t, maps.Delete(t.Context(), fmt.Sprintf("map-%02d", 10+i), metav1.DeleteOptions{}))
	}
	last, err := maps.List(t.Context(), metav1.ListOptions{})
	check(t, err)
	check(t, old.api.Stop())
	keys, revision := everyKey(t, old.store)
	file := save(t, old.store)
	check(t, old.store.Stop())

	moved := prepareOn(t, both, harness.TargetNetsy)
	importEtcd(t, both, moved.dir, file)
	check(t, moved.store.Start())
	check(t, moved.store.Nodes[0].Ready(t.Context()))
	got, now := everyKey(t, moved.store)
	if !reflect.DeepEqual(got, keys) || now <= revision {
		t.Errorf("%d keys at revision %d became %d keys at %d, or they differ", len(keys), revision, len(got), now)
	}
	moved.startAPI(t)
	maps = moved.client.CoreV1().ConfigMaps(ns)
	t.Run("objects", func(t *testing.T) {
		all, err := maps.List(t.Context(), metav1.ListOptions{})
		check(t, err)
		sameMaps(t, all.Items, last.Items)
	})
	t.Run("history", func(t *testing.T) {
		all, err := maps.List(t.Context(), metav1.ListOptions{ResourceVersion: before.ResourceVersion, ResourceVersionMatch: metav1.ResourceVersionMatchExact})
		check(t, err)
		sameMaps(t, all.Items, before.Items)
		rest, err := maps.List(t.Context(), metav1.ListOptions{Continue: page.Continue})
		check(t, err)
		sameMaps(t, append(page.Items, rest.Items...), before.Items)
	})
	t.Run("watch", func(t *testing.T) { moved.testWatchGoesOn(t, ns, before.ResourceVersion, last) })
	t.Run("writes", func(t *testing.T) { moved.testWritesGoOn(t, ns, before, last) })
	t.Run("events expire", func(t *testing.T) {
		await(t, "the event goes with its lease", func(ctx context.Context) (bool, error) {
			_, err := moved.client.CoreV1().Events(ns).Get(ctx, "short", metav1.GetOptions{})
			if apierrors.IsNotFound(err) {
				return true, nil
			}
			return false, err
		})
	})
}

// onStore is a cluster in a directory of its own.
type onStore struct {
	*cluster
	dir string
}

func prepareOn(t *testing.T, b harness.Binaries, target string) *onStore {
	t.Helper()
	c := &onStore{dir: t.TempDir()}
	shape := harness.Shape{Nodes: 1, Electors: 1}
	store, err := harness.NewStore(t.Context(), b, target, c.dir, "etcd", shape)
	check(t, err)
	api, err := harness.NewAPIServer(b, c.dir, store, harness.Options{EventTTL: eventTTL, CompactionInterval: 0})
	check(t, err)
	c.cluster = &cluster{store: store, api: api}
	t.Cleanup(func() { c.finish(t, c.dir, append(explainedAPIRestart, explainedAlways...)) })
	return c
}

func (c *onStore) startAPI(t *testing.T) {
	t.Helper()
	check(t, c.api.Start(t.Context()))
	var err error
	c.client, err = kubernetes.NewForConfig(c.api.Config)
	check(t, err)
}

func startOn(t *testing.T, b harness.Binaries, target string) *onStore {
	t.Helper()
	c := prepareOn(t, b, target)
	check(t, c.store.Start())
	c.startAPI(t)
	return c
}

func event(name, namespace string) *corev1.Event {
	return &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Name: name},
		InvolvedObject: corev1.ObjectReference{Kind: "Namespace", Name: namespace, Namespace: namespace},
	}
}

func storeClient(t *testing.T, s *harness.Store) *clientv3.Client {
	t.Helper()
	tls, err := s.ClientTLS()
	check(t, err)
	c, err := clientv3.New(clientv3.Config{Endpoints: s.Endpoints, TLS: tls, DialTimeout: patience})
	check(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// stored is a key's value but for its lease, whose id changes.
type stored struct {
	value                string
	create, mod, version int64
	leased               bool
}

func everyKey(t *testing.T, s *harness.Store) (map[string]stored, int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	resp, err := storeClient(t, s).Get(ctx, "/registry/", clientv3.WithPrefix())
	check(t, err)
	keys := map[string]stored{}
	for _, kv := range resp.Kvs {
		keys[string(kv.Key)] = stored{string(kv.Value), kv.CreateRevision, kv.ModRevision, kv.Version, kv.Lease != 0}
	}
	return keys, resp.Header.Revision
}

// save does what `etcdctl snapshot save` does; the server sends the hash.
func save(t *testing.T, s *harness.Store) string {
	t.Helper()
	r, err := storeClient(t, s).Snapshot(t.Context())
	check(t, err)
	defer r.Close()
	b, err := io.ReadAll(r)
	check(t, err)
	path := filepath.Join(t.TempDir(), "etcd.db")
	check(t, os.WriteFile(path, b, 0o600))
	return path
}

func importEtcd(t *testing.T, b harness.Binaries, dir, file string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), b.Ctl, "import", "etcd", "--snapshot", file, "--config", filepath.Join(dir, "cluster.jsonc")).CombinedOutput()
	t.Logf("netsyctl import etcd:\n%s", out)
	check(t, err)
}

// sameMaps compares down to the resourceVersions.
func sameMaps(t *testing.T, got, want []corev1.ConfigMap) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d objects, want %d", len(got), len(want))
		return
	}
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("got %+v\nwant %+v", got[i], want[i])
		}
	}
}

// testWatchGoesOn watches from resourceVersions given out by the old kube-apiserver. The new
// one knows no events from before its start, on whatever store, and may say so; then its
// client lists and watches from there.
func (c *onStore) testWatchGoesOn(t *testing.T, ns, before string, last *corev1.ConfigMapList) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	maps := c.client.CoreV1().ConfigMaps(ns)
	for _, rv := range []string{before, last.ResourceVersion} {
		w, err := maps.Watch(ctx, metav1.ListOptions{ResourceVersion: rv})
		if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
			t.Logf("a watch from %s: %v", rv, err)
			continue
		}
		check(t, err)
		if rv == last.ResourceVersion {
			_, err := maps.Create(ctx, configMap("after-"+rv, ""), metav1.CreateOptions{})
			check(t, err)
		}
		ev := <-w.ResultChan()
		w.Stop()
		if status, ok := ev.Object.(*metav1.Status); ok && status.Reason == metav1.StatusReasonExpired {
			t.Logf("a watch from %s: %s", rv, status.Message)
			continue
		}
		m, ok := ev.Object.(*corev1.ConfigMap)
		if !ok || number(t, m.ResourceVersion) <= number(t, rv) {
			t.Errorf("a watch from %s begins with %+v", rv, ev)
		}
	}
	now, err := maps.List(ctx, metav1.ListOptions{ResourceVersion: last.ResourceVersion})
	check(t, err)
	w, err := maps.Watch(ctx, metav1.ListOptions{ResourceVersion: now.ResourceVersion})
	check(t, err)
	defer w.Stop()
	made, err := maps.Create(ctx, configMap("watched", ""), metav1.CreateOptions{})
	check(t, err)
	if m, ok := (<-w.ResultChan()).Object.(*corev1.ConfigMap); !ok || m.ResourceVersion != made.ResourceVersion {
		t.Errorf("saw %+v of %+v", m, made)
	}
}

// testWritesGoOn updates objects as they were read from the old kube-apiserver.
func (c *onStore) testWritesGoOn(t *testing.T, ns string, before, last *corev1.ConfigMapList) {
	maps := c.client.CoreV1().ConfigMaps(ns)
	if _, err := maps.Update(t.Context(), &before.Items[0], metav1.UpdateOptions{}); !apierrors.IsConflict(err) {
		t.Errorf("an update of an old version: %v", err)
	}
	m := last.Items[0].DeepCopy()
	m.Data["value"] = "third"
	m, err := maps.Update(t.Context(), m, metav1.UpdateOptions{})
	check(t, err)
	if number(t, m.ResourceVersion) <= number(t, last.ResourceVersion) {
		t.Errorf("resourceVersion %s after %s", m.ResourceVersion, last.ResourceVersion)
	}
	version := last.Items[1].ResourceVersion
	check(t, maps.Delete(t.Context(), last.Items[1].Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{ResourceVersion: &version}}))
}

func number(t *testing.T, resourceVersion string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(resourceVersion, 10, 64)
	check(t, err)
	return n
}
