// Command issue does what cert-manager does with Certificates: it reads manifests, decodes
// them strictly, and makes for each the key, the request and the signature by cert-manager's
// own functions, as its controllers do. The results are laid down as Secrets are mounted:
// DIR/SECRET/tls.crt, tls.key, ca.crt.
package main

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"

	cm "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	"github.com/cert-manager/cert-manager/pkg/util/pki"
	"sigs.k8s.io/yaml"
)

func main() {
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "issue:", err)
		os.Exit(1)
	}
}

// authority is a key pair in a Secret, with which an Issuer signs.
type authority struct {
	chain []*x509.Certificate
	key   crypto.Signer
}

type issuing struct {
	dir     string
	issuers map[string]cm.IssuerSpec
	secrets map[string]authority
}

func run(dir string, files []string) error {
	s := &issuing{dir, map[string]cm.IssuerSpec{}, map[string]authority{}}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		for _, doc := range bytes.Split(text, []byte("\n---\n")) {
			if err := s.apply(doc); err != nil {
				return fmt.Errorf("%s: %w", f, err)
			}
		}
	}
	return nil
}

func (s *issuing) apply(doc []byte) error {
	var kind struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := yaml.Unmarshal(doc, &kind); err != nil {
		return err
	}
	switch kind.APIVersion + " " + kind.Kind {
	case "cert-manager.io/v1 Issuer":
		var i cm.Issuer
		if err := yaml.UnmarshalStrict(doc, &i); err != nil {
			return err
		}
		s.issuers[i.Name] = i.Spec
		return nil
	case "cert-manager.io/v1 Certificate":
		var c cm.Certificate
		if err := yaml.UnmarshalStrict(doc, &c); err != nil {
			return err
		}
		if err := s.certificate(&c); err != nil {
			return fmt.Errorf("Certificate %s: %w", c.Name, err)
		}
		return nil
	}
	return fmt.Errorf("%s %s: unknown", kind.APIVersion, kind.Kind)
}

// certificate makes key and request as the certificates controller does.
func (s *issuing) certificate(c *cm.Certificate) error {
	key, err := pki.GeneratePrivateKeyForCertificate(c)
	if err != nil {
		return err
	}
	template, err := pki.GenerateCSR(c)
	if err != nil {
		return err
	}
	der, err := pki.EncodeCSR(template, key)
	if err != nil {
		return err
	}
	request := &cm.CertificateRequest{Spec: cm.CertificateRequestSpec{
		Request: pemOf("CERTIFICATE REQUEST", der), Duration: c.Spec.Duration, IsCA: c.Spec.IsCA, Usages: c.Spec.Usages, IssuerRef: c.Spec.IssuerRef,
	}}
	bundle, err := s.sign(request, key)
	if err != nil {
		return err
	}
	chain, err := pki.DecodeX509CertificateChainBytes(bundle.ChainPEM)
	if err != nil {
		return err
	}
	s.secrets[c.Spec.SecretName] = authority{chain, key}
	return s.write(c, key, bundle)
}

// sign is the issuer's part: of the selfSigned one, and of the CA one.
func (s *issuing) sign(r *cm.CertificateRequest, key crypto.Signer) (pki.PEMBundle, error) {
	issuer, ok := s.issuers[r.Spec.IssuerRef.Name]
	template, err := pki.CertificateTemplateFromCertificateRequest(r)
	switch {
	case err != nil:
		return pki.PEMBundle{}, err
	case !ok || r.Spec.IssuerRef.Kind != "Issuer":
		return pki.PEMBundle{}, fmt.Errorf("there is no Issuer %q", r.Spec.IssuerRef.Name)
	case issuer.SelfSigned != nil:
		cert, _, err := pki.SignCertificate(template, template, key.Public(), key)
		return pki.PEMBundle{ChainPEM: cert, CAPEM: cert}, err
	case issuer.CA != nil:
		ca, ok := s.secrets[issuer.CA.SecretName]
		if !ok {
			return pki.PEMBundle{}, fmt.Errorf("there is no Secret %q", issuer.CA.SecretName)
		}
		return pki.SignCSRTemplate(ca.chain, ca.key, template)
	}
	return pki.PEMBundle{}, fmt.Errorf("an issuer of another kind: %+v", issuer)
}

func (s *issuing) write(c *cm.Certificate, key crypto.Signer, b pki.PEMBundle) error {
	keyPEM, err := pki.EncodePrivateKey(key, c.Spec.PrivateKey.Encoding)
	if err != nil {
		return err
	}
	dir := filepath.Join(s.dir, c.Spec.SecretName)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for name, text := range map[string][]byte{"tls.crt": b.ChainPEM, "tls.key": keyPEM, "ca.crt": b.CAPEM} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}
