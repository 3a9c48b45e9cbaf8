package kubernetes_test

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	writePause     = 20 * time.Millisecond // between writes: others use the same machine
	requestTimeout = 15 * time.Second      // of one request, which an outage may take
)

// write creates objects, changes every second, and deletes every fourth, until the context ends. It
// gives up no request for that, for kube-apiserver would log it.
func (w *witness) write(ctx context.Context, writer string) {
	for i := 0; ctx.Err() == nil; i++ {
		name := fmt.Sprintf("%s-%06d", writer, i)
		o := w.put(name, "1", func(ctx context.Context) (*corev1.ConfigMap, error) {
			return w.maps.Create(ctx, configMap(name, "1"), metav1.CreateOptions{})
		})
		if o != nil && i%2 == 1 {
			w.put(name, "2", func(ctx context.Context) (*corev1.ConfigMap, error) {
				o.Data["value"] = "2"
				return w.maps.Update(ctx, o, metav1.UpdateOptions{})
			})
		}
		if o != nil && i%4 == 3 {
			w.remove(name)
		}
		select {
		case <-ctx.Done():
		case <-time.After(writePause):
		}
	}
}

func (w *witness) put(name, value string, do func(context.Context) (*corev1.ConfigMap, error)) *corev1.ConfigMap {
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	o, err := do(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.unsure[name] = true
		if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) {
			w.faults = append(w.faults, fmt.Errorf("write of %s, which nobody else writes: %w", name, err))
		}
		return nil
	}
	w.note(ack{name: name, revision: revisionOf(o), value: value})
	return o
}

func (w *witness) remove(name string) {
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	err := w.maps.Delete(ctx, name, metav1.DeleteOptions{})
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.unsure[name] = true
		return
	}
	w.note(ack{name: name, deleted: true})
}

// note needs mu.
func (w *witness) note(a ack) {
	now := time.Now()
	w.pause, w.lastAck = max(w.pause, now.Sub(w.lastAck)), now
	w.acked = append(w.acked, a)
}
