package kubernetes_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
)

const (
	writePause     = 20 * time.Millisecond // between writes: others use the same machine
	requestTimeout = 15 * time.Second      // of one request, which an outage may take
)

// witness writes and watches through outages, and remembers what was acknowledged and what was
// seen. Its two goroutines run from newWitness to finish.
type witness struct {
	maps   typedcorev1.ConfigMapInterface
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex
	acked   []ack
	unsure  map[string]bool // names of objects with a write of unknown outcome
	seen    map[string]bool // by event: "TYPE name revision", and "DELETED name"
	current map[string]string
	lastRV  uint64
	relists []span // what of the history was skipped by listing anew
	faults  []error
}

// ack is one acknowledged write. The revision of a delete isn't told.
type ack struct {
	name     string
	deleted  bool
	revision uint64
	value    string
}

// span is a part of the history: after from, and up to to.
type span struct{ from, to uint64 }

func newWitness(t *testing.T, client kubernetes.Interface, namespace string) *witness {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	w := &witness{
		maps: client.CoreV1().ConfigMaps(namespace), cancel: cancel,
		unsure: map[string]bool{}, seen: map[string]bool{}, current: map[string]string{},
	}
	check(t, w.list(ctx))
	w.wg.Go(func() { w.write(ctx) })
	w.wg.Go(func() { w.watch(ctx) })
	t.Cleanup(w.stop)
	return w
}

func (w *witness) stop() {
	w.cancel()
	w.wg.Wait()
}

// write creates objects, changes every second, and deletes every fourth.
func (w *witness) write(ctx context.Context) {
	for i := 0; ctx.Err() == nil; i++ {
		name := fmt.Sprintf("object-%06d", i)
		o := w.put(ctx, name, "1", func(ctx context.Context) (*corev1.ConfigMap, error) {
			return w.maps.Create(ctx, configMap(name, "1"), metav1.CreateOptions{})
		})
		if o != nil && i%2 == 1 {
			w.put(ctx, name, "2", func(ctx context.Context) (*corev1.ConfigMap, error) {
				o.Data["value"] = "2"
				return w.maps.Update(ctx, o, metav1.UpdateOptions{})
			})
		}
		if o != nil && i%4 == 3 {
			w.remove(ctx, name)
		}
		select {
		case <-ctx.Done():
		case <-time.After(writePause):
		}
	}
}

func (w *witness) put(ctx context.Context, name, value string, do func(context.Context) (*corev1.ConfigMap, error)) *corev1.ConfigMap {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
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
	w.acked = append(w.acked, ack{name: name, revision: revisionOf(o), value: value})
	return o
}

func (w *witness) remove(ctx context.Context, name string) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	err := w.maps.Delete(ctx, name, metav1.DeleteOptions{})
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.unsure[name] = true
		return
	}
	w.acked = append(w.acked, ack{name: name, deleted: true})
}

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

// writes returns how many writes were acknowledged so far.
func (w *witness) writes() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.acked)
}

// goesOn waits until both goroutines are past an outage.
func (w *witness) goesOn(t *testing.T, after string) {
	t.Helper()
	const enough = 20
	before := w.writes()
	await(t, "writes go on after "+after, func(context.Context) (bool, error) { return w.writes() >= before+enough, nil })
	w.mu.Lock()
	last := w.lastPut()
	w.mu.Unlock()
	await(t, "the watch goes on after "+after, func(context.Context) (bool, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.lastRV >= last, nil
	})
}

func (w *witness) lastPut() uint64 {
	for i := len(w.acked) - 1; i >= 0; i-- {
		if !w.acked[i].deleted {
			return w.acked[i].revision
		}
	}
	return 0
}

// finish stops the witness and checks what it has seen: every acknowledged write is there and
// was watched, in order. maxRelists is how often the watch may have had to begin anew.
func (w *witness) finish(t *testing.T, maxRelists int) {
	t.Helper()
	w.goesOn(t, "everything")
	w.stop()
	check(t, errors.Join(w.faults...))
	if n := len(w.relists) - 1; n > maxRelists { // the first is the start
		t.Errorf("the watch had to begin anew %d times, at most %d may be: %v", n, maxRelists, w.relists)
	}
	list, err := w.maps.List(t.Context(), metav1.ListOptions{})
	check(t, err)
	stored := map[string]string{}
	for _, o := range list.Items {
		stored[o.Name] = o.Data["value"]
	}
	final := map[string]ack{}
	missed := 0
	for _, a := range w.acked {
		final[a.name] = a
		if !w.watched(a) {
			missed++
			t.Errorf("no event for %+v", a)
		}
	}
	for name, a := range final {
		if value, ok := stored[name]; !w.unsure[name] && (ok == a.deleted || ok && value != a.value) {
			t.Errorf("%s is there: %v, with value %q; acknowledged was %+v", name, ok, value, a)
		}
	}
	t.Logf("%d writes acknowledged, %d objects with a write of unknown outcome, %d relists, %d events missed",
		len(w.acked), len(w.unsure), len(w.relists)-1, missed)
	if len(w.acked) == 0 {
		t.Error("nothing was acknowledged")
	}
}

// watched tells whether there was an event for a write, or a list anew in its stead.
func (w *witness) watched(a ack) bool {
	if a.deleted {
		_, there := w.current[a.name]
		return w.seen["DELETED "+a.name] || len(w.relists) > 1 && !there || w.beyond(a)
	}
	for _, s := range w.relists {
		if a.revision > s.from && a.revision <= s.to {
			return true
		}
	}
	return w.seen[fmt.Sprintf("ADDED %s %d", a.name, a.revision)] || w.seen[fmt.Sprintf("MODIFIED %s %d", a.name, a.revision)] || a.revision > w.lastRV
}

// beyond tells whether a delete is so late that the watch had ended.
func (w *witness) beyond(a ack) bool {
	for i := len(w.acked) - 1; i >= 0; i-- {
		if !w.acked[i].deleted && w.acked[i].revision <= w.lastRV {
			return false
		}
		if w.acked[i] == a {
			return true
		}
	}
	return false
}

func revisionOf(o *corev1.ConfigMap) uint64 {
	n, err := strconv.ParseUint(o.ResourceVersion, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
