package kubernetes_test

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/netsy-io/netsy/test/kubernetes/harness"
)

// TestUse is a cluster's ordinary life, without faults.
func TestUse(t *testing.T) {
	c := startCluster(t, oneNode, "etcd", harness.Options{EventTTL: eventTTL, CompactionInterval: compactionInterval})
	t.Run("objects", c.testObjects)
	t.Run("pages", c.testPages)
	t.Run("watch", c.testWatch)
	t.Run("events expire", c.testEventsExpire)
	t.Run("own endpoints", c.testOwnEndpoints)
	t.Run("custom resources", c.testCustomResources)
	t.Run("namespace deletion", c.testNamespaceDeletion)
	t.Run("compaction", c.testCompaction)
	t.Run("consistent reads", c.testConsistentReads)
}

// TestKubernetesProfile is what the default etcd_api must be enough for; the store compacts by
// itself.
func TestKubernetesProfile(t *testing.T) {
	c := startCluster(t, oneNode, "kubernetes", harness.Options{EventTTL: eventTTL})
	t.Run("objects", c.testObjects)
	t.Run("pages", c.testPages)
	t.Run("watch", c.testWatch)
	t.Run("events expire", c.testEventsExpire)
}

func namespaceNamed(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

func configMap(name, value string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string]string{"value": value}}
}

func (c *cluster) testObjects(t *testing.T) {
	ctx, maps := t.Context(), c.client.CoreV1().ConfigMaps(c.namespace(t, "objects"))
	first, err := maps.Create(ctx, configMap("one", "1"), metav1.CreateOptions{})
	check(t, err)
	if _, err := maps.Create(ctx, configMap("one", "1"), metav1.CreateOptions{}); !apierrors.IsAlreadyExists(err) {
		t.Errorf("a second create: %v", err)
	}
	second := first.DeepCopy()
	second.Data["value"] = "2"
	second, err = maps.Update(ctx, second, metav1.UpdateOptions{})
	check(t, err)
	if _, err := maps.Update(ctx, first, metav1.UpdateOptions{}); !apierrors.IsConflict(err) {
		t.Errorf("an update of an old version: %v", err)
	}
	patched, err := maps.Patch(ctx, "one", types.MergePatchType, []byte(`{"data":{"more":"3"}}`), metav1.PatchOptions{})
	check(t, err)
	got, err := maps.Get(ctx, "one", metav1.GetOptions{})
	check(t, err)
	if got.Data["value"] != "2" || got.Data["more"] != "3" || got.ResourceVersion != patched.ResourceVersion {
		t.Errorf("got %v at %s", got.Data, got.ResourceVersion)
	}
	old := metav1.NewPreconditionDeleteOptions(string(second.UID))
	old.Preconditions.ResourceVersion = &second.ResourceVersion
	if err := maps.Delete(ctx, "one", *old); !apierrors.IsConflict(err) {
		t.Errorf("a delete of an old version: %v", err)
	}
	check(t, maps.Delete(ctx, "one", metav1.DeleteOptions{}))
	if _, err := maps.Get(ctx, "one", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("a get after the delete: %v", err)
	}
}

// testNamespaceDeletion does the namespace controller's part, which doesn't run here.
func (c *cluster) testNamespaceDeletion(t *testing.T) {
	ctx, namespaces := t.Context(), c.client.CoreV1().Namespaces()
	name := c.namespace(t, "going")
	_, err := c.client.CoreV1().ConfigMaps(name).Create(ctx, configMap("inside", ""), metav1.CreateOptions{})
	check(t, err)
	check(t, namespaces.Delete(ctx, name, metav1.DeleteOptions{}))
	ns, err := namespaces.Get(ctx, name, metav1.GetOptions{})
	check(t, err)
	if ns.Status.Phase != corev1.NamespaceTerminating {
		t.Errorf("phase %s", ns.Status.Phase)
	}
	await(t, "creation in the namespace is refused", func(ctx context.Context) (bool, error) {
		_, err := c.client.CoreV1().ConfigMaps(name).Create(ctx, configMap("late", ""), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause), nil
	})
	check(t, c.client.CoreV1().ConfigMaps(name).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{}))
	ns.Spec.Finalizers = nil
	_, err = namespaces.Finalize(ctx, ns, metav1.UpdateOptions{})
	check(t, err)
	if _, err := namespaces.Get(ctx, name, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("a get after the deletion: %v", err)
	}
}

// testOwnEndpoints sees the address that kube-apiserver keeps under a lease.
func (c *cluster) testOwnEndpoints(t *testing.T) {
	await(t, "kube-apiserver is an endpoint of its own service", func(ctx context.Context) (bool, error) {
		slices, err := c.client.DiscoveryV1().EndpointSlices(metav1.NamespaceDefault).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err
		}
		for _, s := range slices.Items {
			for _, e := range s.Endpoints {
				if len(e.Addresses) == 1 && e.Addresses[0] == harness.AdvertiseAddress {
					return true, nil
				}
			}
		}
		return false, nil
	})
}
