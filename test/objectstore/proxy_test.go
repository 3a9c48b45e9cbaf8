package objectstoretest

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
)

// proxy stands between a store and a real server. It records what passes and
// misbehaves as it is told.
type proxy struct {
	URL string

	// Neither server checks and deletes in one step: versitygw 1.8.0 lets a conditional
	// delete and a conditional write of one version both succeed, fake-gcs-server
	// 1.56.1 ignores ifGenerationMatch on a delete. So conditional deletes have the
	// server to themselves. All other races are the servers' own to decide.
	writes sync.RWMutex
	// refuse may answer a request in the server's place.
	refuse func(w http.ResponseWriter, r *http.Request) bool

	mu       sync.Mutex
	behave   func(w http.ResponseWriter, r *http.Request, forward http.HandlerFunc)
	over     context.Context // ends with the behaviour, and ends the requests under it
	end      context.CancelFunc
	requests []*http.Request // headers and URL only
	servers  []string        // the Server header of each answer
}

// newProxy forwards to target; with a socket, through that Unix socket.
func newProxy(t *testing.T, target, socket string) *proxy {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{}
	p.over, p.end = context.WithCancel(context.Background())
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64}
	if socket != "" {
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		}
	}
	reverse := &httputil.ReverseProxy{
		Transport: patient{transport},
		// The Host header stays: it is part of a request's signature.
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = u.Scheme, u.Host, r.In.Host
		},
		ModifyResponse: func(r *http.Response) error {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.servers = append(p.servers, r.Header.Get("Server"))
			return nil
		},
	}
	forward := func(w http.ResponseWriter, r *http.Request) {
		defer p.exclude(r)()
		if p.refuse != nil && p.refuse(w, r) {
			return
		}
		// A server may refuse a write before it has read the body. Reading the rest
		// keeps the connection, and with it the answer, from being lost in the proxy.
		body := r.Body
		r.Body = io.NopCloser(body)
		reverse.ServeHTTP(w, r)
		_, _ = io.Copy(io.Discard, body)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.requests = append(p.requests, r.Clone(context.Background()))
		behave, over := p.behave, p.over
		p.mu.Unlock()
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		defer context.AfterFunc(over, cancel)()
		r = r.WithContext(ctx)
		if behave == nil {
			forward(w, r)
			return
		}
		behave(w, r, forward)
	}))
	t.Cleanup(func() {
		p.misbehave(nil)
		server.CloseClientConnections()
		server.Close()
		transport.CloseIdleConnections()
	})
	p.URL = server.URL
	return p
}

// exclude takes the lock that a request needs and returns how to give it back.
func (p *proxy) exclude(r *http.Request) func() {
	switch {
	case r.Method == http.MethodDelete && (r.Header.Get("If-Match") != "" || r.URL.Query().Has("ifGenerationMatch")):
		p.writes.Lock()
		return p.writes.Unlock
	case r.Method == http.MethodPut, r.Method == http.MethodPost, r.Method == http.MethodDelete:
		p.writes.RLock()
		return p.writes.RUnlock
	default:
		return func() {}
	}
}

// misbehave replaces forwarding; nil brings it back.
func (p *proxy) misbehave(f func(w http.ResponseWriter, r *http.Request, forward http.HandlerFunc)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.end()
	p.over, p.end = context.WithCancel(context.Background())
	p.behave = f
}

// take returns the requests since the last call.
func (p *proxy) take() []*http.Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.requests
	p.requests = nil
	return r
}

// answer answers every request itself, without the server.
func answer(status int, contentType, body string) func(http.ResponseWriter, *http.Request, http.HandlerFunc) {
	return func(w http.ResponseWriter, r *http.Request, _ http.HandlerFunc) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		if r.Method != http.MethodHead {
			_, _ = w.Write([]byte(body))
		}
	}
}

// cut closes the connection without a word.
func cut(w http.ResponseWriter, _ *http.Request, _ http.HandlerFunc) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		c.Close()
	}
}

// loseReply lets the server do its work, and then cuts the connection.
func loseReply(w http.ResponseWriter, r *http.Request, forward http.HandlerFunc) {
	forward(httptest.NewRecorder(), r)
	cut(w, r, forward)
}
