package kubernetes_test

import (
	"context"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/typed/core/v1"
)

// testWatch watches from a revision, again from one in the middle, and until a bookmark.
func (c *cluster) testWatch(t *testing.T) {
	maps := c.client.CoreV1().ConfigMaps(c.namespace(t, "watch"))
	start, err := maps.List(t.Context(), metav1.ListOptions{})
	check(t, err)
	const n = 10
	want := change(t, maps, n)
	got := collect(t, maps, start.ResourceVersion, len(want))
	for i := range want {
		if got[i].seen != want[i] {
			t.Errorf("event %d: got %s, want %s", i, got[i].seen, want[i])
		}
	}
	// Again after each event: the rest, and nothing twice.
	for i := range got[:len(got)-1] {
		rest := collect(t, maps, got[i].revision, len(want)-i-1)
		for j := range rest {
			if rest[j] != got[i+1+j] {
				t.Errorf("watch after event %d: got %v, want %v", i, rest[j], got[i+1+j])
			}
		}
	}
	c.awaitBookmark(t, maps, got[len(got)-1].revision)
}

// change creates, updates and deletes objects, and returns the events to expect.
func change(t *testing.T, maps v1.ConfigMapInterface, n int) (want []string) {
	t.Helper()
	for i := range n {
		name := fmt.Sprintf("object-%d", i)
		o, err := maps.Create(t.Context(), configMap(name, "1"), metav1.CreateOptions{})
		check(t, err)
		o.Data["value"] = "2"
		_, err = maps.Update(t.Context(), o, metav1.UpdateOptions{})
		check(t, err)
		check(t, maps.Delete(t.Context(), name, metav1.DeleteOptions{}))
		want = append(want, "ADDED "+name+" 1", "MODIFIED "+name+" 2", "DELETED "+name+" 2")
	}
	return want
}

type observed struct{ seen, revision string }

// collect watches from a revision until it has n events.
func collect(t *testing.T, maps v1.ConfigMapInterface, from string, n int) []observed {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	w, err := maps.Watch(ctx, metav1.ListOptions{ResourceVersion: from})
	check(t, err)
	defer w.Stop()
	var got []observed
	for len(got) < n {
		e, ok := <-w.ResultChan()
		if !ok {
			t.Fatalf("the watch ended after %d of %d events", len(got), n)
		}
		o, isMap := e.Object.(*corev1.ConfigMap)
		if !isMap {
			t.Fatalf("%s: %v", e.Type, apierrors.FromObject(e.Object))
		}
		got = append(got, observed{fmt.Sprintf("%s %s %s", e.Type, o.Name, o.Data["value"]), o.ResourceVersion})
	}
	return got
}

// awaitBookmark uses that a watch gets a bookmark shortly before its time is over, if something
// was written since its start that it doesn't see.
func (c *cluster) awaitBookmark(t *testing.T, maps v1.ConfigMapInterface, from string) {
	t.Helper()
	seconds := int64(5)
	w, err := maps.Watch(t.Context(), metav1.ListOptions{ResourceVersion: from, AllowWatchBookmarks: true, TimeoutSeconds: &seconds})
	check(t, err)
	defer w.Stop()
	elsewhere := c.client.CoreV1().ConfigMaps(metav1.NamespaceDefault)
	made, err := elsewhere.Create(t.Context(), configMap("unseen-after-"+from, ""), metav1.CreateOptions{})
	check(t, err)
	for e := range w.ResultChan() {
		o, ok := e.Object.(*corev1.ConfigMap)
		if !ok || e.Type != watch.Bookmark {
			t.Fatalf("got %s %v", e.Type, e.Object)
		}
		if revisionOf(o) < revisionOf(made) {
			t.Errorf("a bookmark at %s after a write at %s", o.ResourceVersion, made.ResourceVersion)
		}
		return
	}
	t.Error("the watch ended without a bookmark")
}

// testEventsExpire sees an event go by itself.
func (c *cluster) testEventsExpire(t *testing.T) {
	events := c.client.CoreV1().Events(c.namespace(t, "events"))
	made, err := events.Create(t.Context(), &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Name: "expires"},
		InvolvedObject: corev1.ObjectReference{Namespace: "events", Name: "thing"}, Reason: "Tested", Message: "gone soon",
	}, metav1.CreateOptions{})
	check(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	w, err := events.Watch(ctx, metav1.ListOptions{ResourceVersion: made.ResourceVersion})
	check(t, err)
	defer w.Stop()
	e, ok := <-w.ResultChan()
	if !ok {
		t.Fatal("the watch ended before the event did")
	}
	if gone, isEvent := e.Object.(*corev1.Event); e.Type != watch.Deleted || !isEvent || gone.Message != made.Message {
		t.Errorf("got %s %v", e.Type, e.Object)
	}
	if _, err := events.Get(t.Context(), "expires", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("a get after the expiry: %v", err)
	}
}
