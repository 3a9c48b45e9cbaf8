package netsyctl

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/netsy-io/netsy/pkg/identity"
)

func certInspectCommand() *cli.Command {
	return &cli.Command{
		Name:      "inspect",
		Usage:     "show who a certificate is for, and what is wrong with it",
		ArgsUsage: "FILE",
		Description: `Shows each certificate of a PEM file. With --ca, also whether that CA issued the first and it is
valid now.

  netsyctl cert inspect certs/node-1.crt
  netsyctl cert inspect --ca certs/ca.crt -o json certs/node-1.crt`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "ca", Usage: "PEM file of the CA to verify with"}, outputFlag(),
		},
		Action: func(c *cli.Context) error {
			name, err := oneArg(c, "FILE")
			if err != nil {
				return err
			}
			certs, err := readCertificates(name)
			if err != nil {
				return &unjudgedError{err}
			}
			return inspect(c, name, certs)
		},
	}
}

// inspected is what is shown of one certificate.
type inspected struct {
	Identity  string    `json:"identity,omitempty"`
	Subject   string    `json:"subject"`
	Issuer    string    `json:"issuer"`
	Serial    string    `json:"serial"`
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	CA        bool      `json:"ca"`
	Uses      []string  `json:"uses"`
	Addresses []string  `json:"addresses"`
	Problems  []string  `json:"problems"`
}

func inspect(c *cli.Context, name string, certs []*x509.Certificate) error {
	now, bad := time.Now(), 0
	list := make([]inspected, len(certs))
	for i, cert := range certs {
		list[i] = describe(cert, now)
	}
	if ca := c.String("ca"); ca != "" {
		if err := verifyWith(ca, certs, now); err != nil {
			list[0].Problems = append(list[0].Problems, err.Error())
		}
	}
	err := show(c, list, func(w io.Writer) {
		for i, x := range list {
			if i > 0 {
				row(w)
			}
			x.table(w)
		}
	})
	for _, x := range list {
		bad += len(x.Problems)
	}
	if err == nil && bad > 0 {
		err = fmt.Errorf("%s: %d problems", name, bad)
	}
	return err
}

func describe(c *x509.Certificate, now time.Time) inspected {
	x := inspected{Subject: c.Subject.String(), Issuer: c.Issuer.String(), Serial: c.SerialNumber.Text(16),
		NotBefore: c.NotBefore, NotAfter: c.NotAfter, CA: c.IsCA, Uses: []string{}, Addresses: append([]string{}, c.DNSNames...), Problems: []string{}}
	for _, ip := range c.IPAddresses {
		x.Addresses = append(x.Addresses, ip.String())
	}
	for _, u := range c.ExtKeyUsage {
		switch u {
		case x509.ExtKeyUsageServerAuth:
			x.Uses = append(x.Uses, "server")
		case x509.ExtKeyUsageClientAuth:
			x.Uses = append(x.Uses, "client")
		}
	}
	if now.Before(c.NotBefore) {
		x.problem("not valid before %s", showTime(c.NotBefore))
	}
	if now.After(c.NotAfter) {
		x.problem("expired at %s", showTime(c.NotAfter))
	}
	if !c.IsCA {
		x.checkLeaf(c)
	}
	return x
}

func (x *inspected) problem(format string, args ...any) {
	x.Problems = append(x.Problems, fmt.Sprintf(format, args...))
}

// checkLeaf looks for what would make Netsy's processes or their clients refuse it.
func (x *inspected) checkLeaf(c *x509.Certificate) {
	id, err := identity.FromCertificate(c)
	if err != nil {
		x.problem("%v", err)
		return
	}
	x.Identity = id.String()
	uses := strings.Join(x.Uses, " ")
	if !strings.Contains(uses, "client") {
		x.problem("not good for clients: it lacks the extended key usage clientAuth")
	}
	if id.Role.Serves() && !strings.Contains(uses, "server") {
		x.problem("not good for servers, which a %s is: it lacks the extended key usage serverAuth", id.Role)
	}
	if id.Role == identity.RolePeer && len(x.Addresses) == 0 {
		x.problem("names no host: etcd clients will refuse it")
	}
}

func (x *inspected) table(w io.Writer) {
	if x.Identity != "" {
		row(w, "identity", x.Identity)
	}
	row(w, "subject", x.Subject)
	row(w, "issuer", x.Issuer)
	row(w, "serial", x.Serial)
	row(w, "valid", showTime(x.NotBefore)+" to "+showTime(x.NotAfter))
	if x.CA {
		row(w, "CA", "yes")
	} else {
		row(w, "good for", strings.Join(x.Uses, ", "))
		row(w, "addresses", strings.Join(x.Addresses, ", "))
	}
	for _, p := range x.Problems {
		row(w, "PROBLEM", p)
	}
}

// verifyWith checks the first certificate against a CA file, the others being intermediates.
func verifyWith(caFile string, certs []*x509.Certificate, now time.Time) error {
	cas, err := readCertificates(caFile)
	if err != nil {
		return err
	}
	roots, inter := x509.NewCertPool(), x509.NewCertPool()
	for _, ca := range cas {
		roots.AddCert(ca)
	}
	for _, i := range certs[1:] {
		inter.AddCert(i)
	}
	_, err = certs[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: inter, CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return fmt.Errorf("not accepted with the CA of %s: %w", caFile, err)
	}
	return nil
}

func readCertificates(name string) ([]*x509.Certificate, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var certs []*x509.Certificate
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: certificate %d: %w", name, len(certs)+1, err)
		}
		certs = append(certs, c)
	}
	if len(certs) == 0 {
		return nil, fmt.Errorf("%s holds no certificate in PEM form", name)
	}
	return certs, nil
}
