package statuspage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/netsy-io/netsy/pkg/bucket/buckettest"
	"github.com/netsy-io/netsy/pkg/netsypb/peerpb"
	"github.com/netsy-io/netsy/pkg/objectstore"
	"github.com/netsy-io/netsy/pkg/objectstore/fault"
	"github.com/netsy-io/netsy/pkg/registry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a bucket and its one node, which can be made to hang or fail.
type world struct {
	bed     *buckettest.Bed
	store   *fault.Store
	trace   fault.Trace
	asked   atomic.Int64
	mu      sync.Mutex
	answer  func(ctx context.Context, n registry.Node) (*peerpb.NodeState, error)
	storage func(ctx context.Context) error // asked before each request
	known   *peerpb.ClusterState
}

// newWorld is for synctest: what lives in the bubble must be made there.
func newWorld(t *testing.T) (*world, *Page) {
	w := &world{bed: buckettest.Long(t)}
	w.answer = active(17)
	w.store = fault.New(w.bed.Store, w.trace.Fault(), func(ctx context.Context, r *fault.Request, next fault.Next) (fault.Response, error) {
		w.mu.Lock()
		f := w.storage
		w.mu.Unlock()
		if f != nil {
			if err := f(ctx); err != nil {
				return fault.Response{}, err
			}
		}
		return next(ctx, r)
	})
	p := New(Options{ClusterID: "demo", Store: w.store, Role: "netsy-node", Name: "a", Known: func() *peerpb.ClusterState {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.known
	}, Ask: func(ctx context.Context, n registry.Node) (*peerpb.NodeState, error) {
		w.asked.Add(1)
		w.mu.Lock()
		f := w.answer
		w.mu.Unlock()
		return f(ctx, n)
	}})
	t.Cleanup(p.Close)
	return w, p
}

func (w *world) set(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

// requests says how many there were to the bucket, and begins anew.
func (w *world) requests() int {
	return strings.Count(w.trace.Take(), "\n")
}

// active answers as the Primary of epoch 4.
func active(committed int64) func(context.Context, registry.Node) (*peerpb.NodeState, error) {
	return func(_ context.Context, n registry.Node) (*peerpb.NodeState, error) {
		return &peerpb.NodeState{NodeId: n.NodeID, Incarnation: n.Incarnation, Health: peerpb.Health_HEALTH_HEALTHY, PrimaryState: peerpb.PrimaryState_PRIMARY_STATE_ACTIVE,
			ServedEpoch: 4, Tail: &peerpb.Pos{Epoch: 4, Revision: committed}, CommittedRevision: committed, StartTimeUnixNano: 1}, nil
	}
}

func get(p *Page, method, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	p.Handler(http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w
}

// A hundred viewers cost what one does; a page that stays open costs a few requests a minute, and
// one that nobody looks at none.
func TestCost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p := newWorld(t)
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if body := get(p, "GET", "/status?fragment").Body.String(); !strings.Contains(body, "node-1 is Primary; 1 of 1 node is healthy.") {
					t.Error(body)
				}
			})
		}
		wg.Wait()
		first := w.requests()
		if n := w.asked.Load(); n != 1 || first > 40 {
			t.Errorf("100 viewers: the node was asked %d times, object storage %d times", n, first)
		}
		w.asked.Store(0)
		for range 10 * 30 { // ten minutes of two viewers
			time.Sleep(time.Second)
			get(p, "GET", "/status")
			time.Sleep(time.Second)
			get(p, "GET", "/status.json")
		}
		n := w.requests()
		t.Logf("the first look: %d requests; then %.1f a minute", first, float64(n)/10)
		if n > 10*(2*6+3+1+1) || w.asked.Load() > 301 {
			t.Errorf("ten minutes: the nodes were asked %d times, object storage %d times", w.asked.Load(), n)
		}
		// At work: the log's end is looked for, once a minute.
		revision := int64(17)
		w.set(func() {
			w.answer = func(ctx context.Context, n registry.Node) (*peerpb.NodeState, error) {
				return active(atomic.AddInt64(&revision, 3))(ctx, n)
			}
		})
		for range 10 * 30 {
			time.Sleep(2 * time.Second)
			get(p, "GET", "/status")
		}
		n = w.requests()
		t.Logf("of a cluster at work: %.1f requests a minute", float64(n)/10)
		if n > 10*(2*6+3+1+9+1) {
			t.Errorf("ten minutes at work: object storage was asked %d times", n)
		}
		w.asked.Store(0)
		time.Sleep(24 * time.Hour)
		if n := w.requests(); n != 0 || w.asked.Load() != 0 {
			t.Errorf("nobody looks: %d requests, %d questions", n, w.asked.Load())
		}
	})
}

// One that hangs delays nobody for long, and what is shown says how old it is.
func TestHangs(t *testing.T) {
	hang := func(ctx context.Context) error {
		<-ctx.Done()
		return objectstore.Errorf(objectstore.ErrUnavailable, "get", "x", "%w", ctx.Err())
	}
	look := func(t *testing.T, p *Page, within time.Duration) string {
		t.Helper()
		begin := time.Now()
		body := get(p, "GET", "/status?fragment").Body.String()
		if d := time.Since(begin); d > within {
			t.Errorf("it took %s", d)
		}
		return body
	}
	says := func(t *testing.T, body string, want ...string) {
		t.Helper()
		for _, x := range want {
			if !strings.Contains(body, x) {
				t.Errorf("it doesn't say %q:\n%s", x, body)
			}
		}
	}
	t.Run("node", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, p := newWorld(t)
			look(t, p, 0)
			w.set(func() {
				w.answer = func(ctx context.Context, _ registry.Node) (*peerpb.NodeState, error) {
					<-ctx.Done()
					return nil, ctx.Err()
				}
			})
			time.Sleep(3 * time.Second)
			says(t, look(t, p, patience), "Something is wrong", "The Primary, node-1, doesn&#39;t answer this process: no answer in time.", "unreachable")
		})
	})
	t.Run("object storage later", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, p := newWorld(t)
			look(t, p, 0)
			w.set(func() { w.storage = hang })
			for range 15 {
				time.Sleep(2 * time.Second)
				look(t, p, laterPatience)
			}
			says(t, look(t, p, laterPatience), "Object storage doesn&#39;t answer this process; what is shown of the bucket is 3", "node-1 is Primary; 1 of 1 node is healthy.",
				"cluster.json was read 3")
			w.set(func() { w.storage = nil })
			for range 10 {
				time.Sleep(2 * time.Second)
				look(t, p, laterPatience)
			}
			if body := look(t, p, 0); strings.Contains(body, "Object storage") || !strings.Contains(body, "cluster.json was read ") {
				t.Error(body)
			}
		})
	})
	t.Run("object storage from the start", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, p := newWorld(t)
			w.set(func() { w.storage = hang })
			look(t, p, patience+laterPatience)
			time.Sleep(15 * time.Second)
			look(t, p, patience)
			time.Sleep(time.Second)
			body := look(t, p, patience)
			says(t, body, "Object storage doesn&#39;t answer this process; nothing of the bucket was read yet.", "cluster.json was read never")
			if strings.Contains(body, "There is no Primary:") {
				t.Error("it says that there is no Primary, which it can't know")
			}
			// What an elector told is known all the same.
			w.set(func() {
				w.known = &peerpb.ClusterState{ClusterId: "demo", Seq: 9, Epoch: 4, Primary: &peerpb.NodeRef{NodeId: "b", Incarnation: "i"},
					Members: []*peerpb.Member{{NodeId: "b", MemberId: 1, PeerUrls: []string{"https://b:1"}}}}
				w.answer = func(ctx context.Context, n registry.Node) (*peerpb.NodeState, error) {
					n.Incarnation = "i"
					return active(20)(ctx, n)
				}
			})
			time.Sleep(3 * time.Second)
			says(t, look(t, p, patience), "b is Primary; 1 of 1 node is healthy.", "as the elector says")
		})
	})
	t.Run("a viewer who leaves", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w, p := newWorld(t)
			w.set(func() { w.storage = hang })
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(10*time.Millisecond, cancel)
			begin := time.Now()
			p.Handler(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", "/status", nil))
			if d := time.Since(begin); d > time.Second {
				t.Error("it took", d)
			}
		})
	})
}

// When the Primary falls, what the page says of it is read anew at once.
func TestChangesAreSeenSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p := newWorld(t)
		get(p, "GET", "/status")
		w.requests()
		w.set(func() {
			w.answer = func(context.Context, registry.Node) (*peerpb.NodeState, error) {
				return nil, errors.New("connection refused by 10.1.1.1")
			}
		})
		time.Sleep(2 * time.Second)
		get(p, "GET", "/status") // learns that it doesn't answer
		for range 3 {
			w.requests()
			time.Sleep(2 * time.Second)
			get(p, "GET", "/status")
			synctest.Wait()
			if n := w.requests(); n < 2 {
				t.Errorf("%d requests while there is no Primary", n)
			}
		}
	})
}

// The age of the oldest record that isn't in object storage is the Primary's word.
func TestUnflushed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p := newWorld(t)
		w.set(func() {
			w.answer = func(ctx context.Context, n registry.Node) (*peerpb.NodeState, error) {
				s, err := active(90)(ctx, n)
				s.Unflushed = &peerpb.Unflushed{Revisions: 73, Bytes: 1, OldestAgeNanos: int64(4 * time.Minute)}
				return s, err
			}
		})
		body := get(p, "GET", "/status?fragment").Body.String()
		for _, want := range []string{"73 revisions", "the oldest waits for 4 min", "The oldest record that isn&#39;t in object storage has waited for 4 min."} {
			if !strings.Contains(body, want) {
				t.Errorf("it doesn't say %q:\n%s", want, body)
			}
		}
	})
}

// An elector that renews is there; one that doesn't is not.
func TestElectorThatStopsRenewing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, p := newWorld(t)
		body := ""
		for range 10 {
			body = get(p, "GET", "/status?fragment").Body.String()
			time.Sleep(2 * time.Second)
		}
		if !strings.Contains(body, "The elector e has not renewed its office for ") {
			t.Error(body)
		}
	})
}

func TestNotBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p := newWorld(t)
		w.bed.Remove("cluster.json")
		body := get(p, "GET", "/status?fragment").Body.String()
		if !strings.Contains(body, "The cluster hasn&#39;t begun: there is no <code>cluster.json</code>.") {
			t.Error(body)
		}
		w.bed.Documents("demo", 4, 10)
		time.Sleep(11 * time.Second)
		if body := get(p, "GET", "/status?fragment").Body.String(); strings.Contains(body, "hasn&#39;t begun") {
			t.Error(body)
		}
	})
}

func TestCloseWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p := newWorld(t)
		w.set(func() {
			w.storage = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		})
		done := make(chan struct{})
		go func() { get(p, "GET", "/status"); close(done) }()
		synctest.Wait()
		begin := time.Now()
		p.Close()
		<-done
		if d := time.Since(begin); d > 0 {
			t.Error("it took", d)
		}
		if c := get(p, "GET", "/status").Code; c != 200 { // with what is known
			t.Error(c)
		}
	})
}

func TestHTTP(t *testing.T) {
	w, p := newWorld(t)
	for _, path := range []string{"/", "/status", "/status?fragment", "/status.json"} {
		for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS"} {
			if r := get(p, method, path); r.Code != http.StatusMethodNotAllowed || r.Header().Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: %d", method, path, r.Code)
			}
		}
		for _, method := range []string{"GET", "HEAD"} {
			r := get(p, method, path)
			want := 200
			if path == "/" {
				want = 302
			}
			if r.Code != want {
				t.Errorf("%s %s: %d", method, path, r.Code)
			}
			for k, v := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY", "Cache-Control": "no-store"} {
				if r.Header().Get(k) != v {
					t.Errorf("%s %s: %s is %q", method, path, k, r.Header().Get(k))
				}
			}
			if csp := r.Header().Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none';") || strings.Contains(csp, "unsafe") || !strings.Contains(csp, "frame-ancestors 'none'") {
				t.Errorf("%s %s: %s", method, path, csp)
			}
		}
	}
	if l := get(p, "GET", "/").Header().Get("Location"); l != "status" {
		t.Error(l)
	}
	for _, path := range []string{"/metrics", "/readyz", "/statusx", "/status/x"} {
		if c := get(p, "GET", path).Code; c != 404 { // what the rest says
			t.Errorf("%s: %d", path, c)
		}
	}
	if w.asked.Load() != 1 {
		t.Errorf("asked %d times", w.asked.Load())
	}
}

// Over a real connection: a HEAD has no body, and a flood is told to come back.
func TestFlood(t *testing.T) {
	w, p := newWorld(t)
	gate, in := make(chan struct{}), make(chan struct{}, 1)
	w.set(func() {
		w.answer = func(ctx context.Context, n registry.Node) (*peerpb.NodeState, error) {
			in <- struct{}{}
			<-gate
			return active(17)(ctx, n)
		}
	})
	srv := httptest.NewServer(p.Handler(http.NotFoundHandler()))
	defer srv.Close()
	ask := func() int {
		r, err := srv.Client().Head(srv.URL + "/status")
		if err != nil {
			t.Error(err)
			return 0
		}
		defer r.Body.Close()
		if b, err := io.ReadAll(r.Body); err != nil || len(b) > 0 {
			t.Errorf("%d bytes, %v", len(b), err)
		}
		return r.StatusCode
	}
	var wg sync.WaitGroup
	for range maxViewers {
		p.viewers <- struct{}{} // as if they were here
	}
	if c := ask(); c != http.StatusServiceUnavailable {
		t.Error(c)
	}
	<-p.viewers
	wg.Go(func() {
		if c := ask(); c != 200 {
			t.Error(c)
		}
	})
	<-in
	if c := ask(); c != http.StatusServiceUnavailable {
		t.Error(c)
	}
	close(gate)
	wg.Wait()
	for range maxViewers - 1 {
		<-p.viewers
	}
	if c := ask(); c != 200 {
		t.Error(c)
	}
}

// While one reads, others look, and everything changes: for the race detector.
func TestRaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, p := newWorld(t)
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for j := range 30 {
					time.Sleep(time.Duration(i+1) * 700 * time.Millisecond)
					if j%5 == i%5 {
						w.set(func() {
							w.known = &peerpb.ClusterState{Seq: int64(j), Epoch: 4, Members: []*peerpb.Member{{NodeId: fmt.Sprint("m", j), PeerUrls: []string{"https://x:1"}}}}
						})
					}
					get(p, "GET", []string{"/status", "/status.json"}[j%2])
				}
			})
		}
		wg.Wait()
	})
}
