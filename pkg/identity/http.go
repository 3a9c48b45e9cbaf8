package identity

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
)

// Bounds of HTTP on a gRPC port: it is for checks, a request now and then.
const (
	httpConnections = 64               // open at once; far more than probes need, and no way to use up a node
	httpLifetime    = 30 * time.Second // of a connection: one request each, and the longest takes 10 s
	httpHeaderBytes = 16 << 10
)

var (
	errHTTPFull    = fmt.Errorf("identity: %d HTTP connections are open already", httpConnections)
	errHTTPStopped = errors.New("identity: HTTP isn't served any more")
)

// HTTP is what isn't gRPC on a gRPC server's port: the connections of clients that, in
// the TLS handshake (ALPN), don't ask for HTTP/2. etcd has both on one port, and so
// some clients expect. gRPC's own connections are not touched by it: net/http would
// slow its streams down.
type HTTP struct {
	auth  *Authorizer
	conns chan net.Conn // of capacity httpConnections, so that a handshake never waits
	slots chan struct{}

	stop    sync.Once
	stopped chan struct{}
	busy    sync.RWMutex // read-locked by each request
}

// SharedPort is for a port on which HTTP/1.1 is served beside gRPC, once Serve is called,
// by the same certificates: the option goes behind those of ServerOptions and replaces
// their credentials. The policy knows an HTTP request as "/http" and its path.
func (s *Source) SharedPort(port Port, p Policy, log hclog.Logger, m *Metrics) (grpc.ServerOption, *HTTP, error) {
	auth, err := NewAuthorizer(s.Identity().ClusterID, p, log, m)
	if err != nil {
		return nil, nil, err
	}
	h := &HTTP{auth: auth, conns: make(chan net.Conn, httpConnections), slots: make(chan struct{}, httpConnections), stopped: make(chan struct{})}
	shared := &sharedCredentials{
		TransportCredentials: s.ServerCredentials(port), http: h, refused: newRefusals(s.log, s.metrics),
		tls: s.serverTLS(port, slices.Concat(alpn, []string{"http/1.1"})),
	}
	return grpc.Creds(shared), h, nil
}

// Serve answers the admitted requests by handler until ctx ends. Nothing of handler
// runs any more when it returns.
func (h *HTTP) Serve(ctx context.Context, handler http.Handler) error {
	srv := &http.Server{
		Handler: h.admitted(handler), ReadHeaderTimeout: httpLifetime, MaxHeaderBytes: httpHeaderBytes,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, tlsStateKey{}, c.(*httpConn).state)
		},
		ErrorLog: h.auth.refused.log.StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Debug}),
	}
	srv.SetKeepAlivesEnabled(false)
	defer context.AfterFunc(ctx, func() { srv.Close() })()
	err := srv.Serve(h)
	h.drop()
	h.busy.Lock() // the last request is done, and others find that this has stopped
	defer h.busy.Unlock()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

type tlsStateKey struct{}

// admitted decides about each request as the interceptors do about calls.
func (h *HTTP) admitted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		state, _ := r.Context().Value(tlsStateKey{}).(tls.ConnectionState)
		method := "/http" + r.URL.Path
		id, err := h.auth.decideTLS(state, method)
		if err != nil {
			h.auth.refused.report("server", err, "method", method, "peer", r.RemoteAddr)
			http.Error(w, fmt.Sprintf("netsy: %s: %v", r.URL.Path, err), http.StatusForbidden)
			return
		}
		h.busy.RLock()
		defer h.busy.RUnlock()
		select {
		case <-h.stopped:
			return // the connection is closed already
		default:
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), contextKey{}, id)))
	})
}

// give hands a connection over, which then is not the caller's any more.
func (h *HTTP) give(c net.Conn, state tls.ConnectionState) error {
	select {
	case <-h.stopped:
		return errHTTPStopped
	default:
	}
	select {
	case h.slots <- struct{}{}:
	default:
		return errHTTPFull
	}
	hc := &httpConn{Conn: c, state: state, done: func() { <-h.slots }}
	// gRPC takes its own deadline off the connection after this, at some time: a timer
	// can't be lost so.
	hc.mu.Lock()
	hc.limit = time.AfterFunc(httpLifetime, func() { hc.Close() })
	hc.mu.Unlock()
	h.conns <- hc // there is room: a slot for each
	select {
	case <-h.stopped:
		h.drop() // nobody may have seen it
	default:
	}
	return nil
}

// drop closes what nobody accepted.
func (h *HTTP) drop() {
	for {
		select {
		case c := <-h.conns:
			c.Close()
		default:
			return
		}
	}
}

// Accept, Close and Addr make HTTP a listener, for Serve.
func (h *HTTP) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.stopped:
		return nil, net.ErrClosed
	}
}

func (h *HTTP) Close() error {
	h.stop.Do(func() { close(h.stopped) })
	return nil
}

func (h *HTTP) Addr() net.Addr { return httpAddr{} }

type httpAddr struct{}

func (httpAddr) Network() string { return "tcp" }
func (httpAddr) String() string  { return "the gRPC server's" }

// httpConn is a connection that ends by itself after a while, and gives its slot back.
type httpConn struct {
	net.Conn
	state tls.ConnectionState

	mu    sync.Mutex
	limit *time.Timer
	done  func()
}

func (c *httpConn) Close() error {
	c.mu.Lock()
	if c.done != nil {
		c.limit.Stop()
		c.done()
		c.done = nil
	}
	c.mu.Unlock()
	return c.Conn.Close()
}

// sharedCredentials do the TLS handshake of a shared port and tell who speaks what.
type sharedCredentials struct {
	credentials.TransportCredentials
	tls     *tls.Config
	http    *HTTP
	refused *refusals
}

// ServerHandshake takes the connections that aren't HTTP/2 away from gRPC, in the way
// that gRPC provides for: by ErrConnDispatched.
func (c *sharedCredentials) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn := tls.Server(raw, c.tls)
	if err := conn.Handshake(); err != nil {
		c.refused.report("server", err, "peer", raw.RemoteAddr().String())
		return nil, nil, err // gRPC closes it
	}
	state := conn.ConnectionState()
	if state.NegotiatedProtocol != "h2" {
		if err := c.http.give(conn, state); err != nil { // not for who the other end is: no refusal
			c.refused.log.Debug("a connection for HTTP isn't taken", "peer", raw.RemoteAddr().String(), "error", err)
			return nil, nil, err
		}
		return nil, nil, credentials.ErrConnDispatched
	}
	info := credentials.TLSInfo{State: state, CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity}}
	return conn, info, nil
}

func (c *sharedCredentials) Clone() credentials.TransportCredentials {
	return &sharedCredentials{c.TransportCredentials.Clone(), c.tls.Clone(), c.http, c.refused}
}
