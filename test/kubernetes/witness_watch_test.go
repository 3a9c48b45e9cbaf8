package kubernetes_test

import (
	"context"
	"fmt"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// watch follows the namespace, over any number of watches, each from where the last one ended.
func (w *witness) watch(ctx context.Context) {
	for ctx.Err() == nil {
		err := w.watchOnce(ctx)
		if apierrors.IsResourceExpired(err) || apierrors.IsGone(err) {
			err = w.list(ctx)
		}
		if err != nil {
			select {
			case <-ctx.Done():
			case <-time.After(writePause):
			}
		}
	}
}

func (w *witness) watchOnce(ctx context.Context) error {
	w.mu.Lock()
	from := strconv.FormatUint(w.lastRV, 10)
	w.mu.Unlock()
	stream, err := w.maps.Watch(ctx, metav1.ListOptions{ResourceVersion: from, AllowWatchBookmarks: true})
	if err != nil {
		return err
	}
	defer stream.Stop()
	for e := range stream.ResultChan() {
		o, ok := e.Object.(*corev1.ConfigMap)
		if !ok {
			return apierrors.FromObject(e.Object)
		}
		w.observe(e.Type, o)
	}
	return nil
}

func (w *witness) observe(kind watch.EventType, o *corev1.ConfigMap) {
	w.mu.Lock()
	defer w.mu.Unlock()
	revision := revisionOf(o)
	if revision < w.lastRV || revision == w.lastRV && kind != watch.Bookmark {
		w.faults = append(w.faults, fmt.Errorf("%s %s at %d after revision %d", kind, o.Name, revision, w.lastRV))
	}
	w.lastRV = revision
	switch kind {
	case watch.Bookmark:
		return
	case watch.Deleted:
		w.seen["DELETED "+o.Name] = true
		delete(w.current, o.Name)
	default:
		w.seen[fmt.Sprintf("%s %s %d", kind, o.Name, revision)] = true
		w.current[o.Name] = o.Data["value"]
	}
}

// list begins anew, where a watch can't go on.
func (w *witness) list(ctx context.Context) error {
	list, err := w.maps.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	revision, err := strconv.ParseUint(list.ResourceVersion, 10, 64)
	if err != nil {
		return err
	}
	if revision < w.lastRV {
		w.faults = append(w.faults, fmt.Errorf("a list at %d after revision %d", revision, w.lastRV))
	}
	w.relists = append(w.relists, span{w.lastRV, revision})
	w.lastRV = revision
	clear(w.current)
	for _, o := range list.Items {
		w.current[o.Name] = o.Data["value"]
	}
	return nil
}
