//go:build linux

package iam

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// request is one that passed the gate, or was refused at it.
type request struct {
	Role, Operation, Key string
	Prefix               string // the key prefix of its cluster
	Needs                []Need
	Denied               *Need // the first that the role's policy doesn't allow
	Status               int   // of the server's answer; 0: it wasn't asked
	Streamed             bool  // a body that the client didn't hash: it may be sent in parts
}

// cloud is what differs between S3 and GCS.
type cloud interface {
	// classify says what a request is and needs; ifMissing is what else it needs if the
	// answer is 404.
	classify(r *http.Request) (name, key string, needs, ifMissing []Need, err error)
	// refuse answers as the cloud does where need isn't allowed.
	refuse(w http.ResponseWriter, r *http.Request, need Need)
	// answered is told what came of a request.
	answered(r *http.Request, status int)
}

// gate stands before a server. Each role has a front of its own, which asks the role's
// grants, refuses what they don't allow, and records everything.
type gate struct {
	t         *testing.T
	cloud     cloud
	target    *url.URL
	transport http.RoundTripper

	// Neither server checks and deletes in one step (see test/objectstore): conditional
	// deletes have the server to themselves.
	writes sync.RWMutex

	mu       sync.Mutex
	requests []request
	strange  []string // requests that nobody can say the needs of
	// disturb may answer a request in the server's place.
	disturb func(w http.ResponseWriter, r *http.Request) bool
}

// front opens the way to the bucket for a role.
func (g *gate) front(role, prefix string, grants []Grant) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.serve(w, r, role, prefix, grants) }))
	g.t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

func (g *gate) serve(w http.ResponseWriter, r *http.Request, role, prefix string, grants []Grant) {
	name, key, needs, ifMissing, err := g.cloud.classify(r)
	rec := request{Role: role, Prefix: prefix, Operation: name, Key: key, Needs: needs, Streamed: r.Header.Get("X-Amz-Content-Sha256") == "UNSIGNED-PAYLOAD"}
	if err != nil {
		g.mu.Lock()
		g.strange = append(g.strange, role+": "+err.Error())
		g.mu.Unlock()
		http.Error(w, err.Error(), http.StatusTeapot)
		return
	}
	denied := func(n Need) bool { return !Allowed(grants, n) }
	if i := slices.IndexFunc(needs, denied); i >= 0 {
		rec.Denied = &needs[i]
		_, _ = io.Copy(io.Discard, r.Body)
		g.cloud.refuse(w, r, needs[i])
		g.record(rec)
		return
	}
	answer := g.forward(w, r, func() (refused bool) {
		rec.Needs = append(rec.Needs, ifMissing...)
		if i := slices.IndexFunc(ifMissing, denied); i >= 0 {
			rec.Denied = &ifMissing[i]
			return true
		}
		return false
	}, func(w http.ResponseWriter) { g.cloud.refuse(w, r, *rec.Denied) })
	rec.Status = answer
	g.cloud.answered(r, answer)
	g.record(rec)
}

func (g *gate) record(r request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.requests = append(g.requests, r)
}

// forward asks the server. missing is asked what to do with a 404; if it refuses, refuse
// writes the answer.
func (g *gate) forward(w http.ResponseWriter, r *http.Request, missing func() bool, refuse func(http.ResponseWriter)) (status int) {
	if r.Method == http.MethodDelete && (r.Header.Get("If-Match") != "" || r.URL.Query().Has("ifGenerationMatch")) {
		g.writes.Lock()
		defer g.writes.Unlock()
	} else if r.Method != http.MethodGet && r.Method != http.MethodHead {
		g.writes.RLock()
		defer g.writes.RUnlock()
	}
	g.mu.Lock()
	disturb := g.disturb
	g.mu.Unlock()
	if disturb != nil && disturb(w, r) {
		return 0
	}
	body := r.Body
	r.Body = io.NopCloser(body)
	held := &held{ResponseWriter: w, missing: missing, refuse: refuse}
	(&httputil.ReverseProxy{
		Transport: g.transport,
		// The Host header stays: it is part of a request's signature.
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = g.target.Scheme, g.target.Host, r.In.Host
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) { w.WriteHeader(http.StatusBadGateway) },
	}).ServeHTTP(held, r)
	// A server may refuse before it has read the body; what is left would cut the answer off.
	_, _ = io.Copy(io.Discard, body)
	return held.status
}

// held keeps a 404 back until it is known whether the role may be told so.
type held struct {
	http.ResponseWriter
	missing func() bool
	refuse  func(http.ResponseWriter)
	status  int
	refused bool
}

func (h *held) WriteHeader(status int) {
	h.status = status
	if h.refused = status == http.StatusNotFound && h.missing(); h.refused {
		for k := range h.Header() {
			h.Header().Del(k)
		}
		h.refuse(h.ResponseWriter)
		return
	}
	h.ResponseWriter.WriteHeader(status)
}

func (h *held) Write(b []byte) (int, error) {
	if h.refused {
		return len(b), nil
	}
	return h.ResponseWriter.Write(b)
}

// of returns what was recorded of a role.
func (g *gate) of(role string) (out []request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, r := range g.requests {
		if r.Role == role {
			out = append(out, r)
		}
	}
	return out
}

// misbehave has f asked before the server; nil ends it.
func (g *gate) misbehave(f func(w http.ResponseWriter, r *http.Request) bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.disturb = f
}

// normal returns n as it would be under the key prefix of the policies that are judged:
// some commands work under another one.
func normal(n Need, prefix string) Need {
	swap := func(s string) string { return strings.ReplaceAll(s, prefix, keyPrefix) }
	c := map[string]string{}
	for k, v := range n.Context {
		c[k] = swap(v)
	}
	return Need{Action: n.Action, Resource: swap(n.Resource), Context: c}
}

// dialUnix returns a transport over a Unix socket.
func dialUnix(socket string) *http.Transport {
	return &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64, DialContext: unixDialer(socket)}
}
