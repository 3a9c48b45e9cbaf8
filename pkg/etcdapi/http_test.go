package etcdapi_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/codes"

	"github.com/netsy-io/netsy/pkg/etcdapi"
)

// httpClient is one that speaks HTTP/1.1 with the certificate of the given name; with
// protocols it offers them, else it knows nothing of ALPN, as kubeadm.
func (c *cluster) httpClient(t *testing.T, name string, protocols ...string) *http.Client {
	t.Helper()
	cfg := c.tls(t, name)
	cfg.NextProtos = protocols
	return httpClient(t, cfg)
}

func httpClient(t *testing.T, cfg *tls.Config) *http.Client {
	tr := &http.Transport{DialTLSContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		return (&tls.Dialer{Config: cfg}).DialContext(ctx, network, addr)
	}}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: 30 * time.Second}
}

// ask returns the status and the fields of the answer, if it is JSON.
func (c *cluster) ask(t *testing.T, cl *http.Client, method, path string) (int, map[string]string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "https://"+c.clientAddr()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := cl.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]string
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(body, &fields); err != nil {
			t.Fatalf("%s: %v: %s", path, err, body)
		}
	}
	return resp.StatusCode, fields
}

// TestHTTP checks what docs/etcd-compatibility.md says of HTTP on the client port.
func TestHTTP(t *testing.T) {
	c := start(t, etcdapi.ProfileKubernetes)
	for _, protocols := range [][]string{nil, {"http/1.1"}} {
		cl := c.httpClient(t, "client", protocols...)
		code, got := c.ask(t, cl, http.MethodGet, "/version")
		if code != 200 || got["etcdserver"] != "3.6.11" || got["etcdcluster"] != "3.6.0" || got["storage"] != "3.6.0" || len(got) != 3 {
			t.Errorf("%v: /version: %d, %v", protocols, code, got)
		}
		for _, path := range []string{"/health", "/health?serializable=true", "/health?serializable=false"} {
			if code, got := c.ask(t, cl, http.MethodGet, path); code != 200 || got["health"] != "true" || got["reason"] != "" {
				t.Errorf("%v: %s: %d, %v", protocols, path, code, got)
			}
		}
	}
	cl := c.httpClient(t, "client")
	for _, refused := range []struct {
		method, path string
		code         int
	}{
		{http.MethodPost, "/version", 405}, {http.MethodDelete, "/health", 405}, {http.MethodGet, "/", 404},
		{http.MethodPost, "/v3/kv/put", 403}, {http.MethodGet, "/metrics", 404}, {http.MethodGet, "/health?serializable=perhaps", 400},
	} {
		if code, _ := c.ask(t, cl, refused.method, refused.path); code != refused.code {
			t.Errorf("%s %s: %d, want %d", refused.method, refused.path, code, refused.code)
		}
	}
}

// TestHTTPRoles: HTTP admits whom gRPC admits, and who asks for HTTP/2 gets gRPC.
func TestHTTPRoles(t *testing.T) {
	c := start(t, etcdapi.ProfileKubernetes)
	for name, want := range map[string]int{"client": 200, "admin": 200, "node-1": 403, "elector": 403} {
		if code, _ := c.ask(t, c.httpClient(t, name), http.MethodGet, "/version"); code != want {
			t.Errorf("%s: %d, want %d", name, code, want)
		}
	}
	t.Run("no certificate", func(t *testing.T) {
		cfg := c.tls(t, "client")
		cfg.NextProtos = nil
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &tls.Certificate{}, nil }
		if resp, err := httpClient(t, cfg).Get("https://" + c.clientAddr() + "/version"); err == nil {
			resp.Body.Close()
			t.Errorf("answered: %s", resp.Status)
		}
	})
	t.Run("gRPC offers HTTP/1.1 as well", func(t *testing.T) {
		cfg := c.tls(t, "client")
		cfg.NextProtos = []string{"http/1.1", "h2"}
		_, err := pb.NewMaintenanceClient(dial(t, c.clientAddr(), cfg)).Status(t.Context(), &pb.StatusRequest{})
		wantCode(t, err, codes.OK)
	})
}

// TestHTTPConnectionsAreFew: a crowd of them leaves gRPC alone, and room is found again.
func TestHTTPConnectionsAreFew(t *testing.T) {
	c := start(t, etcdapi.ProfileKubernetes)
	cfg := c.tls(t, "client")
	cfg.NextProtos = nil
	const crowd, room = 200, 64
	var open []net.Conn
	ended := make(chan struct{}, crowd)
	for range crowd {
		conn, err := tls.Dial("tcp", c.clientAddr(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, conn)
		go func() {
			_, _ = io.Copy(io.Discard, conn)
			ended <- struct{}{}
		}()
	}
	for range crowd - room { // those for which there is no room
		<-ended
	}
	_, err := pb.NewMaintenanceClient(c.dial(t, "client")).Status(t.Context(), &pb.StatusRequest{})
	wantCode(t, err, codes.OK)
	for _, conn := range open {
		conn.Close()
	}
	for range room {
		<-ended
	}
	for range 1000 { // the server finds out when it reads
		resp, err := c.httpClient(t, "client").Get("https://" + c.clientAddr() + "/version")
		if err == nil {
			resp.Body.Close()
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("no room is found again")
}
