package identity

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"time"
)

// Port is a kind of listener: what connects to it decides the oldest TLS allowed.
type Port int

const (
	// PeerPort is for Netsy's own processes, which all speak TLS 1.3.
	PeerPort Port = iota
	// ClientPort is for etcd clients of all ages and languages: TLS 1.2.
	ClientPort
)

func (p Port) minVersion() uint16 {
	if p == ClientPort {
		return tls.VersionTLS12
	}
	return tls.VersionTLS13
}

// alpn: gRPC speaks HTTP/2 only.
var alpn = []string{"h2"}

// ServerTLS returns the configuration of a listener: callers must have a
// certificate of the cluster's CA that is valid now. Which of them may call what
// is the Authorizer's to say.
//
// There are no session tickets: a resumed session would skip the CA that
// counts now, and connections are few and long.
func (s *Source) ServerTLS(port Port) *tls.Config { return s.serverTLS(port, alpn) }

// serverTLS is ServerTLS of a port that speaks the given protocols, the first rather
// than the second.
func (s *Source) serverTLS(port Port, protocols []string) *tls.Config {
	base := &tls.Config{MinVersion: port.minVersion(), NextProtos: protocols, SessionTicketsDisabled: true}
	cfg := base.Clone()
	// Reached only if GetConfigForClient is lost in a copy: then nobody gets in.
	cfg.ClientAuth, cfg.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	cfg.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		m, c := s.current(), base.Clone()
		c.Certificates = []tls.Certificate{m.pair}
		c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, m.pool
		return c, nil
	}
	return cfg
}

// ClientTLS returns the configuration for dialling a server that must be want:
// its certificate must come from the cluster's CA, be valid now and good for
// servers, and carry an identity that want accepts. The address plays no part, so
// nodes may move and be dialled by IP.
func (s *Source) ClientTLS(want Expect) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		NextProtos: alpn,
		// The host name check is replaced, not dropped: VerifyConnection below runs
		// on each connection, resumed ones included (and none is: there is no cache).
		InsecureSkipVerify: true,
		VerifyConnection: func(st tls.ConnectionState) error {
			return s.verifyServer(st.PeerCertificates, want)
		},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &s.current().pair, nil
		},
	}
}

func (s *Source) verifyServer(chain []*x509.Certificate, want Expect) error {
	if err := verifyChain(chain, s.current().pool, x509.ExtKeyUsageServerAuth, time.Now()); err != nil {
		return fmt.Errorf("identity: the server's certificate: %w", err)
	}
	id, err := FromCertificate(chain[0])
	if err != nil {
		return fmt.Errorf("identity: the server's certificate: %w", err)
	}
	if err := want.Check(id); err != nil {
		return fmt.Errorf("identity: the server: %w", err)
	}
	return nil
}
