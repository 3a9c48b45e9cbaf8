package kubernetes_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
)

const (
	pagedObjects = 60
	pageSize     = 7
)

// testPages lists in pages while every object is changed, and others come and go: all pages must
// be of one moment, that of the first.
func (c *cluster) testPages(t *testing.T) {
	maps := c.client.CoreV1().ConfigMaps(c.namespace(t, "pages"))
	for i := range pagedObjects {
		_, err := maps.Create(t.Context(), configMap(fmt.Sprintf("object-%03d", i), "before"), metav1.CreateOptions{})
		check(t, err)
	}
	want, err := maps.List(t.Context(), metav1.ListOptions{})
	check(t, err)

	first, err := maps.List(t.Context(), metav1.ListOptions{Limit: pageSize})
	check(t, err)
	got, revision := first.Items, first.ResourceVersion
	for page := first; page.Continue != ""; {
		changeEverything(t, maps, len(got))
		page, err = maps.List(t.Context(), metav1.ListOptions{Limit: pageSize, Continue: page.Continue})
		check(t, err)
		if page.ResourceVersion != revision {
			t.Fatalf("a page at %s of a list at %s", page.ResourceVersion, revision)
		}
		got = append(got, page.Items...)
	}
	if len(got) != pagedObjects || len(want.Items) != pagedObjects {
		t.Fatalf("%d objects in pages, %d at once, of %d", len(got), len(want.Items), pagedObjects)
	}
	for i := range got {
		if got[i].Name != want.Items[i].Name || got[i].ResourceVersion != want.Items[i].ResourceVersion || got[i].Data["value"] != "before" {
			t.Errorf("object %d: got %s at %s, want %s at %s", i, got[i].Name, got[i].ResourceVersion, want.Items[i].Name, want.Items[i].ResourceVersion)
		}
	}
	c.listAt(t, maps, revision)
}

// listAt reads the whole list again as it was.
func (c *cluster) listAt(t *testing.T, maps typedcorev1.ConfigMapInterface, revision string) {
	then, err := maps.List(t.Context(), metav1.ListOptions{ResourceVersion: revision, ResourceVersionMatch: metav1.ResourceVersionMatchExact})
	if apierrors.IsResourceExpired(err) {
		return // compacted meanwhile, which testCompaction is about
	}
	check(t, err)
	if then.ResourceVersion != revision || len(then.Items) != pagedObjects {
		t.Errorf("%d objects at %s", len(then.Items), then.ResourceVersion)
	}
	for _, o := range then.Items {
		if o.Data["value"] != "before" {
			t.Errorf("%s: value %q at an older revision", o.Name, o.Data["value"])
		}
	}
}

// changeEverything updates all objects, deletes one that hasn't been listed and one that has, and
// makes another.
func changeEverything(t *testing.T, maps typedcorev1.ConfigMapInterface, listed int) {
	t.Helper()
	all, err := maps.List(t.Context(), metav1.ListOptions{})
	check(t, err)
	for _, o := range all.Items {
		o.Data["value"] = "after"
		_, err := maps.Update(t.Context(), &o, metav1.UpdateOptions{})
		check(t, err)
	}
	_, err = maps.Create(t.Context(), configMap("object-between-"+strconv.Itoa(listed), "after"), metav1.CreateOptions{})
	check(t, err)
	for _, i := range []int{listed - 1, listed} {
		check(t, maps.Delete(t.Context(), fmt.Sprintf("object-%03d", i), metav1.DeleteOptions{}))
	}
}

// testCompaction waits until an old revision is gone, and that a paged list begun before it can
// only be begun again.
func (c *cluster) testCompaction(t *testing.T) {
	maps := c.client.CoreV1().ConfigMaps(c.namespace(t, "compaction"))
	for i := range 3 {
		_, err := maps.Create(t.Context(), configMap(strconv.Itoa(i), ""), metav1.CreateOptions{})
		check(t, err)
	}
	first, err := maps.List(t.Context(), metav1.ListOptions{Limit: 1})
	check(t, err)
	exact := metav1.ListOptions{ResourceVersion: first.ResourceVersion, ResourceVersionMatch: metav1.ResourceVersionMatchExact}
	if first.Continue == "" {
		t.Fatal("no second page")
	}
	i := 0
	await(t, "the revision of the list is compacted", func(ctx context.Context) (bool, error) {
		i++ // revisions must go on for the next compaction to be later than the list
		if _, err := maps.Create(ctx, configMap("more-"+strconv.Itoa(i), ""), metav1.CreateOptions{}); err != nil {
			return false, err
		}
		_, err := maps.List(ctx, exact)
		if apierrors.IsResourceExpired(err) {
			return true, nil
		}
		return false, err
	})
	if _, err := maps.List(t.Context(), metav1.ListOptions{Limit: 1, Continue: first.Continue}); !apierrors.IsResourceExpired(err) {
		t.Errorf("the second page after the compaction: %v", err)
	}
}
