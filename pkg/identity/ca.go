package identity

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"time"
)

// backdate lets a certificate be used at once on machines whose clocks are behind.
const backdate = 5 * time.Minute

// KeyPair is a certificate with its key, as PEM (PKCS #8 for the key).
type KeyPair struct {
	Certificate *x509.Certificate
	CertPEM     []byte
	KeyPEM      []byte
}

// CA issues certificates for one cluster.
type CA struct {
	ClusterID string
	KeyPair
	key crypto.Signer
}

// NewCA makes a certificate authority: an ECDSA P-256 key that may sign leaves only.
func NewCA(clusterID string, validity time.Duration) (*CA, error) {
	if err := ValidateName(clusterID); err != nil {
		return nil, fmt.Errorf("identity: cluster id %w", err)
	}
	tmpl, err := template(clusterID+" CA", validity, time.Now())
	if err != nil {
		return nil, err
	}
	tmpl.Subject.OrganizationalUnit = []string{clusterID}
	tmpl.IsCA, tmpl.MaxPathLenZero = true, true
	tmpl.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	pair, key, err := sign(tmpl, nil, nil)
	if err != nil {
		return nil, err
	}
	return &CA{ClusterID: clusterID, KeyPair: *pair, key: key}, nil
}

// ReadCA reads the files of a CA that NewCA made and WriteFiles stored.
func ReadCA(certFile, keyFile string) (*CA, error) {
	certPEM, err := os.ReadFile(certFile)
	if err != nil {
		return nil, fmt.Errorf("identity: CA: %w", err)
	}
	keyPEM, err := os.ReadFile(keyFile)
	if err != nil {
		return nil, fmt.Errorf("identity: CA: %w", err)
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("identity: CA %s: %w", certFile, err)
	}
	ca := &CA{KeyPair: KeyPair{Certificate: pair.Leaf, CertPEM: certPEM, KeyPEM: keyPEM}}
	if err := ca.adopt(pair.PrivateKey); err != nil {
		return nil, fmt.Errorf("identity: %s: %w", certFile, err)
	}
	return ca, nil
}

// adopt checks that a certificate read from a file is a CA of ours: its subject
// names the cluster it is for.
func (ca *CA) adopt(key crypto.PrivateKey) error {
	subject := ca.Certificate.Subject
	if !ca.Certificate.IsCA {
		return fmt.Errorf("%s is not a CA certificate", subject)
	}
	if ou := subject.OrganizationalUnit; len(ou) == 1 && ValidateName(ou[0]) == nil {
		ca.ClusterID = ou[0]
	} else {
		return fmt.Errorf("the subject %s names no cluster (as OU)", subject)
	}
	var ok bool
	if ca.key, ok = key.(crypto.Signer); !ok {
		return errors.New("the CA's key can't sign")
	}
	return nil
}

// IssueRequest describes a certificate to issue. DNS and IPs are the addresses by
// which plain etcd clients reach a node; Netsy's own processes look at the identity only.
type IssueRequest struct {
	Role     Role
	Name     string
	DNS      []string
	IPs      []net.IP
	Validity time.Duration
}

// Issue makes a certificate with a key of its own. Those of roles that serve are
// good for servers and clients, others for clients only. It can't outlive the CA.
func (ca *CA) Issue(r IssueRequest) (*KeyPair, error) {
	id := Identity{ClusterID: ca.ClusterID, Role: r.Role, Name: r.Name}
	if err := id.Validate(); err != nil {
		return nil, err
	}
	tmpl, err := template(r.Name, r.Validity, time.Now())
	if err != nil {
		return nil, err
	}
	tmpl.Subject.OrganizationalUnit = []string{string(r.Role)}
	tmpl.KeyUsage = x509.KeyUsageDigitalSignature
	tmpl.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	if r.Role.Serves() {
		tmpl.ExtKeyUsage = append(tmpl.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	tmpl.URIs = []*url.URL{id.URL()}
	tmpl.DNSNames, tmpl.IPAddresses = r.DNS, r.IPs
	if tmpl.NotAfter.After(ca.Certificate.NotAfter) {
		return nil, fmt.Errorf("identity: a certificate for %s would outlive its CA, which ends %s; ask for less validity or make a new CA",
			id, ca.Certificate.NotAfter.Format(time.RFC3339))
	}
	pair, _, err := sign(tmpl, ca.Certificate, ca.key)
	return pair, err
}

// template holds what all our certificates share.
func template(name string, validity time.Duration, now time.Time) (*x509.Certificate, error) {
	if validity <= 0 {
		return nil, fmt.Errorf("identity: validity must be positive (got %s)", validity)
	}
	return &x509.Certificate{
		Subject:               pkix.Name{Organization: []string{"Netsy"}, CommonName: name},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(validity),
		BasicConstraintsValid: true,
	}, nil
}

// sign makes a key and signs tmpl for it: with itself if there is no parent.
func sign(tmpl, parent *x509.Certificate, parentKey crypto.Signer) (*KeyPair, crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("identity: making a key: %w", err)
	}
	if parent == nil {
		parent, parentKey = tmpl, key
	}
	if tmpl.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)); err != nil {
		return nil, nil, fmt.Errorf("identity: making a serial number: %w", err)
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, key.Public(), parentKey)
	if err != nil {
		return nil, nil, fmt.Errorf("identity: signing: %w", err)
	}
	pair, err := encode(der, key)
	return pair, key, err
}

func encode(der []byte, key crypto.Signer) (*KeyPair, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("identity: reading back the certificate: %w", err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("identity: encoding the key: %w", err)
	}
	return &KeyPair{
		Certificate: cert,
		CertPEM:     pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		KeyPEM:      pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}),
	}, nil
}
