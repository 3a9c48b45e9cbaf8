package devcluster

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/netsy-io/netsy/pkg/identity"
)

// A development cluster's certificates: long enough not to be in the way.
const (
	caValidity   = 10 * 365 * 24 * time.Hour
	certValidity = 365 * 24 * time.Hour
)

type certs struct{ dir string }

func (c certs) files(name string) identity.Files {
	return identity.Files{
		CA:   filepath.Join(c.dir, "ca.crt"),
		Cert: filepath.Join(c.dir, name+".crt"),
		Key:  filepath.Join(c.dir, name+".key"),
	}
}

// makeCerts makes what is missing in dir: a CA, and a certificate for each part.
func makeCerts(dir string, o Options) (certs, error) {
	c := certs{dir}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return c, err
	}
	ca, err := c.authority(o.ClusterID)
	if err != nil {
		return c, err
	}
	wanted := []identity.IssueRequest{
		{Role: identity.RoleElector, Name: "elector"}, {Role: identity.RoleClient, Name: "client"}, {Role: identity.RoleAdmin, Name: "admin"},
	}
	for i := range o.MaxNodes {
		wanted = append(wanted, identity.IssueRequest{Role: identity.RolePeer, Name: nodeID(i)})
	}
	for _, w := range wanted {
		w.Validity, w.DNS, w.IPs = certValidity, []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
		if err := c.issue(ca, w); err != nil {
			return c, fmt.Errorf("%s: %w", w.Name, err)
		}
	}
	return c, nil
}

func (c certs) authority(clusterID string) (*identity.CA, error) {
	f := c.files("ca")
	if _, err := os.Stat(f.Key); err == nil {
		return identity.ReadCA(f.CA, f.Key)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	ca, err := identity.NewCA(clusterID, caValidity)
	if err != nil {
		return nil, err
	}
	return ca, ca.WriteFiles(f.CA, f.Key, false)
}

func (c certs) issue(ca *identity.CA, r identity.IssueRequest) error {
	f := c.files(r.Name)
	if _, err := os.Stat(f.Cert); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	pair, err := ca.Issue(r)
	if err != nil {
		return err
	}
	return pair.WriteFiles(f.Cert, f.Key, true)
}

func nodeID(i int) string { return fmt.Sprintf("node-%d", i+1) }
