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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
)

// witness writes and watches through outages, and remembers what was acknowledged and what was
// seen. Its goroutines, one a writer and one that watches, run from newWitness to finish.
type witness struct {
	maps                      typedcorev1.ConfigMapInterface
	stopWriting, stopWatching context.CancelFunc
	writers, watcher          sync.WaitGroup

	mu      sync.Mutex
	acked   []ack
	lastAck time.Time
	pause   time.Duration   // the longest time without an acknowledged write, since goesOn
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

func newWitness(t *testing.T, client kubernetes.Interface, namespace string, writers int) *witness {
	t.Helper()
	w := &witness{
		maps:   client.CoreV1().ConfigMaps(namespace),
		unsure: map[string]bool{}, seen: map[string]bool{}, current: map[string]string{}, lastAck: time.Now(),
	}
	check(t, w.list(t.Context()))
	writing, stopWriting := context.WithCancel(t.Context())
	watching, stopWatching := context.WithCancel(t.Context())
	w.stopWriting, w.stopWatching = stopWriting, stopWatching
	for i := range writers {
		w.writers.Go(func() { w.write(writing, fmt.Sprintf("writer-%d", i+1)) })
	}
	w.watcher.Go(func() { w.watch(watching) })
	t.Cleanup(func() {
		stopWriting()
		w.writers.Wait()
		stopWatching()
		w.watcher.Wait()
	})
	return w
}

// goesOn waits until writers and watch are past an outage, and tells how long it was.
func (w *witness) goesOn(t *testing.T, after string) {
	t.Helper()
	const enough = 20
	before := w.writes()
	await(t, "writes go on after "+after, func(context.Context) (bool, error) { return w.writes() >= before+enough, nil })
	w.mu.Lock()
	last, pause := w.lastPut(), w.pause
	w.pause = 0
	w.mu.Unlock()
	t.Logf("%s: at most %s without an acknowledged write", after, pause.Round(time.Millisecond))
	w.awaitWatched(t, last, after)
}

func (w *witness) awaitWatched(t *testing.T, revision uint64, after string) {
	t.Helper()
	await(t, "the watch goes on after "+after, func(context.Context) (bool, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.lastRV >= revision, nil
	})
}

// writes returns how many writes were acknowledged so far.
func (w *witness) writes() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.acked)
}

// lastPut is the highest revision that was acknowledged.
func (w *witness) lastPut() (last uint64) {
	for _, a := range w.acked {
		last = max(last, a.revision)
	}
	return last
}

// finish stops the witness and checks what it has seen: every acknowledged write is there and
// was watched, in order. maxRelists is how often the watch may have had to begin anew.
func (w *witness) finish(t *testing.T, maxRelists int) {
	t.Helper()
	w.goesOn(t, "everything")
	w.stopWriting()
	w.writers.Wait()
	end, err := w.maps.Create(t.Context(), configMap("end", ""), metav1.CreateOptions{})
	check(t, err)
	w.awaitWatched(t, revisionOf(end), "the end of all writes")
	w.stopWatching()
	w.watcher.Wait()
	check(t, errors.Join(w.faults...))
	if n := len(w.relists) - 1; n > maxRelists { // the first is the start
		t.Errorf("the watch had to begin anew %d times, at most %d may be: %v", n, maxRelists, w.relists)
	}
	missed := w.missed(t)
	w.compare(t)
	t.Logf("%d writes acknowledged, %d objects with a write of unknown outcome, %d relists, %d events missed",
		len(w.acked), len(w.unsure), len(w.relists)-1, missed)
	if len(w.acked) == 0 {
		t.Error("nothing was acknowledged")
	}
}

// missed counts the acknowledged writes that have no event.
func (w *witness) missed(t *testing.T) (missed int) {
	t.Helper()
	for _, a := range w.acked {
		if !w.watched(a) {
			missed++
			t.Errorf("no event for %+v", a)
		}
	}
	return missed
}

// watched tells whether there was an event for a write, or a list anew in its stead.
func (w *witness) watched(a ack) bool {
	if a.deleted {
		_, there := w.current[a.name]
		return w.seen["DELETED "+a.name] || len(w.relists) > 1 && !there
	}
	for _, s := range w.relists {
		if a.revision > s.from && a.revision <= s.to {
			return true
		}
	}
	return w.seen[fmt.Sprintf("ADDED %s %d", a.name, a.revision)] || w.seen[fmt.Sprintf("MODIFIED %s %d", a.name, a.revision)]
}

// compare checks that what was acknowledged last of each object is there.
func (w *witness) compare(t *testing.T) {
	t.Helper()
	list, err := w.maps.List(t.Context(), metav1.ListOptions{})
	check(t, err)
	stored := map[string]string{}
	for _, o := range list.Items {
		stored[o.Name] = o.Data["value"]
	}
	final := map[string]ack{}
	for _, a := range w.acked {
		final[a.name] = a
	}
	for name, a := range final {
		if value, ok := stored[name]; !w.unsure[name] && (ok == a.deleted || ok && value != a.value) {
			t.Errorf("%s is there: %v, with value %q; acknowledged was %+v", name, ok, value, a)
		}
	}
}

// revisionOf returns the revision at which an object was written.
func revisionOf(o *corev1.ConfigMap) uint64 {
	n, err := strconv.ParseUint(o.ResourceVersion, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
