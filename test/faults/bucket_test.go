//go:build linux

package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/netsy-io/netsy/test/internal/proc"
)

const (
	s3Access, s3Secret, s3Region = "netsy-test", "netsy-test-secret", "us-east-1"
	s3Bucket                     = "netsy"
)

// buildVersitygw has the pinned tool built, into go's own cache, and returns its path.
var buildVersitygw = sync.OnceValues(func() (string, error) {
	cmd := exec.Command("go", "tool", "-n", "versitygw")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go tool versitygw: %w\n%s", err, stderr.Bytes())
	}
	return strings.TrimSpace(string(out)), nil
})

// bucket is a running S3 server over a directory. Each member reaches it through a
// front of its own.
type bucket struct {
	t         testing.TB
	root      string
	transport *http.Transport

	// versitygw 1.8.0 checks and deletes in two steps, so that a conditional delete and a
	// conditional write of one version both succeed. So conditional deletes have the
	// server to themselves. All other races are the server's own to decide.
	writes sync.RWMutex
}

// newBucket starts versitygw, on a Unix socket.
func newBucket(t testing.TB, dir string) *bucket {
	t.Helper()
	bin, err := buildVersitygw()
	if err != nil {
		t.Fatal(err)
	}
	short, err := os.MkdirTemp("", "vgw") // a socket's path has at most 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(short) })
	socket := filepath.Join(short, "s")
	b := &bucket{t: t, root: filepath.Join(dir, "s3")}
	if err := os.MkdirAll(filepath.Join(b.root, s3Bucket), 0o755); err != nil {
		t.Fatal(err)
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}
	b.transport = &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64, DialContext: dial}
	p := proc.Start(t, proc.Config{
		Name: "versitygw", Binary: bin, LogFile: filepath.Join(dir, "versitygw.log"),
		Args: []string{"--quiet", "--port", socket, "--access", s3Access, "--secret", s3Secret, "--region", s3Region, "posix", b.root},
	})
	t.Cleanup(b.transport.CloseIdleConnections)
	proc.Until(t, t.Context(), "versitygw listens", func(ctx context.Context) error {
		if !p.Running() {
			t.Fatalf("versitygw ended: %v\n%s", p.State(), p.Out.String())
		}
		c, err := dial(ctx, "", "")
		if err == nil {
			c.Close()
		}
		return err
	})
	return b
}

// mood is how the object storage treats a member.
type mood string

const (
	well        mood = "well"
	refusing    mood = "refusing"    // 503 SlowDown, now and then
	losing      mood = "losing"      // requests happen and their answers are lost, now and then
	slow        mood = "slow"        // up to a second each
	unreachable mood = "unreachable" // requests wait; those given up meanwhile never happen
	late        mood = "late"        // requests wait, and happen afterwards even if given up
)

// front is one member's way to the bucket.
type front struct {
	URL  string
	b    *bucket
	next *httputil.ReverseProxy

	mu      sync.Mutex
	mood    mood
	changed chan struct{}
	served  int // requests
}

// front makes a member's way to the bucket.
func (b *bucket) front() *front {
	f := &front{b: b, mood: well, changed: make(chan struct{})}
	f.next = &httputil.ReverseProxy{
		Transport: again{b.transport},
		// The Host header stays: it is part of a request's signature.
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", "versitygw", r.In.Host
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { cut(w) },
	}
	s := httptest.NewServer(f)
	f.URL = s.URL
	b.t.Cleanup(func() {
		f.is(well)
		s.CloseClientConnections()
		s.Close()
	})
	return f
}

// is sets the mood.
func (f *front) is(m mood) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mood = m
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *front) now() (mood, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.served++
	return f.mood, f.changed
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// The whole request first: the server may refuse it before it has read the body, and
	// then the answer must not be lost in here.
	body, err := io.ReadAll(r.Body)
	if err != nil {
		cut(w)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	m, changed := f.now()
	switch m {
	case refusing:
		if rand.IntN(2) == 0 {
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>")
			return
		}
	case losing:
		if rand.IntN(3) == 0 {
			f.forward(httptest.NewRecorder(), r)
			cut(w)
			return
		}
	case slow:
		proc.Rest(r.Context(), time.Duration(rand.Int64N(int64(time.Second))))
	case unreachable:
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	case late:
		<-changed // at the end of the test, too
		r = r.WithContext(context.WithoutCancel(r.Context()))
	}
	f.forward(w, r)
}

// forward hands the request to the server. Whatever happens to its client, a request
// that has got so far is carried out.
func (f *front) forward(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodDelete && r.Header.Get("If-Match") != "":
		f.b.writes.Lock()
		defer f.b.writes.Unlock()
	case r.Method == http.MethodPut, r.Method == http.MethodPost, r.Method == http.MethodDelete:
		f.b.writes.RLock()
		defer f.b.writes.RUnlock()
	}
	f.next.ServeHTTP(w, r)
}

// cut closes the connection without a word.
func cut(w http.ResponseWriter) {
	if h, ok := w.(http.Hijacker); ok {
		if c, _, err := h.Hijack(); err == nil {
			c.Close()
		}
	}
}

// again repeats a request when the server closed the connection while its body was
// still being written. A server does that when it has refused the request from its
// header alone; whether its answer or the broken pipe is noticed first is a race within
// net/http, which a client that talks to the server directly would not lose so.
type again struct{ next http.RoundTripper }

// attempts bounds the repetitions; each one loses the race seldom.
const attempts = 20

func (p again) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return p.next.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	for i := 1; ; i++ {
		try := r.Clone(r.Context())
		try.Body = io.NopCloser(bytes.NewReader(body))
		resp, err := p.next.RoundTrip(try)
		broken := errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)
		if !broken || i == attempts {
			return resp, err
		}
	}
}
