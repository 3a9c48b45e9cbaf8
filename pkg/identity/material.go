package identity

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"time"
)

// Files names the three PEM files a process proves its identity with. The
// certificate file may hold intermediates after the leaf; the CA file may hold
// several CAs, as it does while one replaces another.
type Files struct {
	CA, Cert, Key string
}

// material is one consistent state of the three files.
type material struct {
	raw       rawFiles
	pair      tls.Certificate
	pool      *x509.CertPool
	trustEnds time.Time // when the last certificate of pool expires
	owner     Identity
}

type rawFiles struct{ ca, cert, key []byte }

func (r rawFiles) equal(o rawFiles) bool {
	return bytes.Equal(r.ca, o.ca) && bytes.Equal(r.cert, o.cert) && bytes.Equal(r.key, o.key)
}

// maxFileSize bounds what is read of a file: some hundred CA certificates.
const maxFileSize = 1 << 20

func (f Files) read() (rawFiles, error) {
	var r rawFiles
	for _, p := range []struct {
		name string
		into *[]byte
	}{{f.CA, &r.ca}, {f.Cert, &r.cert}, {f.Key, &r.key}} {
		b, err := os.ReadFile(p.name)
		if err != nil {
			return r, fmt.Errorf("identity: %w", err)
		}
		if len(b) > maxFileSize {
			return r, fmt.Errorf("identity: %s has %d bytes, more than the %d a certificate file may have", p.name, len(b), maxFileSize)
		}
		*p.into = b
	}
	return r, nil
}

// parse checks the files against each other: the key must fit the certificate,
// and the certificate must be valid now, by the CA, for all that its role does.
func (f Files) parse(raw rawFiles, now time.Time) (*material, error) {
	m := &material{raw: raw}
	var err error
	if m.pool, m.trustEnds, err = parsePool(raw.ca); err != nil {
		return nil, fmt.Errorf("identity: CA file %s: %w", f.CA, err)
	}
	if m.pair, err = tls.X509KeyPair(raw.cert, raw.key); err != nil {
		return nil, fmt.Errorf("identity: certificate %s and key %s: %w", f.Cert, f.Key, err)
	}
	if m.pair.Leaf == nil {
		return nil, fmt.Errorf("identity: certificate %s: no leaf", f.Cert)
	}
	if m.owner, err = FromCertificate(m.pair.Leaf); err != nil {
		return nil, fmt.Errorf("identity: certificate %s: %w", f.Cert, err)
	}
	if err := m.verifyOwn(now); err != nil {
		return nil, fmt.Errorf("identity: certificate %s is not one that others with the CA file %s would accept: %w", f.Cert, f.CA, err)
	}
	return m, nil
}

func (m *material) verifyOwn(now time.Time) error {
	chain, err := parseChain(m.pair.Certificate)
	if err != nil {
		return err
	}
	if err := verifyChain(chain, m.pool, x509.ExtKeyUsageClientAuth, now); err != nil {
		return err
	}
	if !m.owner.Role.Serves() {
		return nil
	}
	return verifyChain(chain, m.pool, x509.ExtKeyUsageServerAuth, now)
}

func parseChain(der [][]byte) ([]*x509.Certificate, error) {
	chain := make([]*x509.Certificate, 0, len(der))
	for _, b := range der {
		c, err := x509.ParseCertificate(b)
		if err != nil {
			return nil, err
		}
		chain = append(chain, c)
	}
	return chain, nil
}

// verifyChain verifies a leaf (first, intermediates after it) for one use. Host
// names play no part: the identity takes their place.
func verifyChain(chain []*x509.Certificate, pool *x509.CertPool, use x509.ExtKeyUsage, now time.Time) error {
	if len(chain) == 0 {
		return fmt.Errorf("no certificate was presented")
	}
	inter := x509.NewCertPool()
	for _, c := range chain[1:] {
		inter.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		Roots: pool, Intermediates: inter, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{use},
	})
	return err
}

// parsePool is strict where CertPool.AppendCertsFromPEM skips what it can't
// read, so that a damaged bundle is reported rather than found to lack a CA later.
// A certificate that is no CA would be trusted as itself, and is refused. ends is when the last one expires.
func parsePool(b []byte) (_ *x509.CertPool, ends time.Time, _ error) {
	pool, n := x509.NewCertPool(), 0
	for len(bytes.TrimSpace(b)) > 0 {
		block, rest := pem.Decode(b)
		if block == nil {
			return nil, ends, fmt.Errorf("data that is not PEM after certificate %d", n)
		}
		if block.Type != "CERTIFICATE" {
			return nil, ends, fmt.Errorf("has a PEM block %q, want only CERTIFICATE", block.Type)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, ends, fmt.Errorf("certificate %d: %w", n+1, err)
		}
		if !c.IsCA || !c.BasicConstraintsValid {
			return nil, ends, fmt.Errorf("certificate %d (%s) is not a CA", n+1, c.Subject)
		}
		pool.AddCert(c)
		if c.NotAfter.After(ends) {
			ends = c.NotAfter
		}
		b, n = rest, n+1
	}
	if n == 0 {
		return nil, ends, fmt.Errorf("holds no certificate")
	}
	return pool, ends, nil
}
