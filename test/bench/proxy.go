package main

import (
	"context"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync"
)

// counter stands between Netsy and the S3 server, and counts what passes: each try, whether Netsy
// knows of it or not.
type counter struct {
	url    string
	server *http.Server

	mu    sync.Mutex
	kinds map[string]int
}

// counterBefore starts one on loopback.
func counterBefore(gw *gateway) (*counter, error) {
	u, err := url.Parse(gw.url)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &counter{url: "http://" + l.Addr().String(), kinds: map[string]int{}}
	p := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(u)
			r.Out.Host = r.In.Host // which is signed
		},
		Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
	}
	c.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.count(s3Kind(r))
		p.ServeHTTP(w, r)
	})}
	go c.server.Serve(l) // until close
	return c, nil
}

func (c *counter) close() error { return c.server.Shutdown(context.Background()) }

func (c *counter) count(kind string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kinds[kind]++
}

// counts are the requests so far, by kind.
func (c *counter) counts() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.kinds)
}

// s3Kind names a request as Netsy's metrics name operations; what they have no name for,
// uploads in parts among it, goes by its method.
func s3Kind(r *http.Request) string {
	q := r.URL.Query()
	parts := q.Has("uploads") || q.Has("uploadId")
	switch {
	case q.Get("list-type") == "2":
		return "list"
	case parts:
		return "part " + r.Method
	}
	kinds := map[string]string{http.MethodGet: "get", http.MethodHead: "stat", http.MethodPut: "put", http.MethodDelete: "delete"}
	if kind := kinds[r.Method]; kind != "" {
		return kind
	}
	return r.Method
}

// minusCounts is what was added from b to a.
func minusCounts(a, b map[string]int) map[string]int {
	d := map[string]int{}
	for kind, n := range a {
		d[kind] = n - b[kind]
	}
	return d
}

func sortedKinds(counts map[string]int) []string { return slices.Sorted(maps.Keys(counts)) }
