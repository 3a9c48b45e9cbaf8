package identity

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
)

func newHTTP(t *testing.T) *HTTP {
	t.Helper()
	ca := newTestCA(t, testCluster)
	_, h, err := sourceOf(t, ca, ca.mustIssue(t, RolePeer, "node-1")).SharedPort(ClientPort, Policy{"/http/*": {RolePeer}}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// closed is closed when the other end of the connection is.
func closed(c net.Conn) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = c.Read(make([]byte, 1))
	}()
	return done
}

// TestHTTPConnectionsEnd: one that is silent ends after a while, and gives its place back.
func TestHTTPConnectionsEnd(t *testing.T) {
	h := newHTTP(t)
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var ends []<-chan struct{}
		for i := range httpConnections + 1 {
			ours, theirs := net.Pipe()
			err := h.give(theirs, tls.ConnectionState{})
			if full := i == httpConnections; errors.Is(err, errHTTPFull) != full {
				t.Fatalf("connection %d: %v", i, err)
			}
			if err == nil {
				ends = append(ends, closed(ours))
			}
		}
		for _, e := range ends {
			<-e
		}
		if d := time.Since(began); d != httpLifetime {
			t.Errorf("they ended after %s, want %s", d, httpLifetime)
		}
		for range ends {
			(<-h.conns).Close() // a second time, which frees nothing
		}
		if n := len(h.slots); n != 0 {
			t.Errorf("%d places are still taken", n)
		}
	})
}

// TestHTTPFullIsNoRefusal: that there is no room says nothing of who came.
func TestHTTPFullIsNoRefusal(t *testing.T) {
	ca, log, m := newTestCA(t, testCluster), &strings.Builder{}, NewMetrics(nil)
	src := sourceOf(t, ca, ca.mustIssue(t, RolePeer, "node-1"))
	src.log, src.metrics = hclog.New(&hclog.LoggerOptions{Output: log}), m
	_, h, err := src.SharedPort(ClientPort, Policy{"/http/*": {RolePeer}}, nil, m)
	if err != nil {
		t.Fatal(err)
	}
	creds := &sharedCredentials{tls: src.serverTLS(ClientPort, []string{"http/1.1"}), http: h, refused: newRefusals(src.log, m)}
	pair := ca.mustIssue(t, RolePeer, "node-2")
	caller, err := tls.X509KeyPair(pair.CertPEM, pair.KeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	handshake := func() error {
		ours, theirs := net.Pipe()
		defer ours.Close()
		defer theirs.Close()
		client := tls.Client(ours, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}, Certificates: []tls.Certificate{caller}})
		done := make(chan struct{})
		go func() { // ends with the pipe
			defer close(done)
			_ = client.Handshake()
			_, _ = client.Read(make([]byte, 1))
		}()
		_, _, err := creds.ServerHandshake(theirs)
		ours.Close()
		<-done
		return err
	}
	for range httpConnections {
		h.slots <- struct{}{}
	}
	if err := handshake(); !errors.Is(err, errHTTPFull) {
		t.Errorf("without room: %v", err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if err := handshake(); !errors.Is(err, errHTTPStopped) {
		t.Errorf("after the stop: %v", err)
	}
	if n := valueOf(m.refusals.WithLabelValues("server", "handshake")); n != 0 || log.Len() > 0 {
		t.Errorf("%v refusals are counted, and logged: %s", n, log)
	}
}

// TestHTTPStops: Serve returns when the last request is done, and nothing is left.
func TestHTTPStops(t *testing.T) {
	h, ca := newHTTP(t), newTestCA(t, testCluster)
	ctx, stop := context.WithCancel(t.Context())
	began, served := make(chan struct{}), make(chan error, 1)
	var done atomic.Bool
	go func() {
		served <- h.Serve(ctx, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			close(began)
			<-r.Context().Done()
			time.Sleep(50 * time.Millisecond) // so that a Serve that doesn't wait returns first
			done.Store(true)
		}))
	}()
	ours, theirs := net.Pipe()
	caller := sourceOf(t, ca, ca.mustIssue(t, RolePeer, "node-2")).current().pair.Leaf
	if err := h.give(theirs, tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{caller}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := ours.Write([]byte("GET /x HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	<-began
	stop()
	if err := <-served; err != nil || !done.Load() {
		t.Errorf("Serve returned %v, the request is done: %v", err, done.Load())
	}
	late, theirs := net.Pipe()
	if err := h.give(theirs, tls.ConnectionState{}); !errors.Is(err, errHTTPStopped) {
		t.Errorf("after the stop: %v", err)
	}
	for _, c := range []net.Conn{ours, late, theirs} {
		c.Close()
	}
}
