// Package identity says who is at the other end of a connection, and who may do what.
//
// An identity is a cluster, a role and a name, written as the only URI SAN of an
// X.509 certificate: netsy://{cluster_id}/{role}/{name}. Source loads a process's
// own certificate, key and CA, follows them as they change on disk, and makes
// [crypto/tls] configurations from them; Authorizer admits gRPC calls by role; CA
// issues certificates for development, tests and clusters without a PKI of their own.
//
// A server's handshake proves only that the caller's certificate comes from the
// cluster's CA and is valid now. What it may do is decided for each call by the
// Authorizer, so that a caller with the wrong certificate reads why
// (PERMISSION_DENIED) rather than a TLS alert. A client's handshake does both at
// once: the server must be exactly the one that was meant (Expect).
package identity

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

const scheme = "netsy"

// Role is what the holder of a certificate is to the cluster.
type Role string

const (
	RolePeer    Role = "peer"    // a data node; the name is its node_id
	RoleElector Role = "elector" // a process that picks the Primary
	RoleClient  Role = "client"  // an etcd client, such as kube-apiserver
	RoleAdmin   Role = "admin"   // an operator: netsyctl
)

// Roles lists every role.
func Roles() []Role { return []Role{RolePeer, RoleElector, RoleClient, RoleAdmin} }

// Serves says whether holders of the role listen on a port, so that their
// certificates must be good for servers as well as for clients.
func (r Role) Serves() bool { return r == RolePeer || r == RoleElector }

// ErrNoIdentity: a certificate carries no identity, more than one, or a malformed one.
var ErrNoIdentity = errors.New("certificate carries no Netsy identity")

// Identity is who a process is. It is comparable.
type Identity struct {
	ClusterID string
	Role      Role
	Name      string
}

// String returns the identity in its URI form.
func (id Identity) String() string {
	return scheme + "://" + id.ClusterID + "/" + string(id.Role) + "/" + id.Name
}

// URL returns the identity as the URI SAN of a certificate.
func (id Identity) URL() *url.URL {
	return &url.URL{Scheme: scheme, Host: id.ClusterID, Path: "/" + string(id.Role) + "/" + id.Name}
}

// Validate checks every part.
func (id Identity) Validate() error {
	if err := ValidateName(id.ClusterID); err != nil {
		return fmt.Errorf("identity: cluster id %w", err)
	}
	if !slices.Contains(Roles(), id.Role) {
		return fmt.Errorf("identity: role must be one of %v (got %q)", Roles(), id.Role)
	}
	if err := ValidateName(id.Name); err != nil {
		return fmt.Errorf("identity: name %w", err)
	}
	return nil
}

// Parse is the exact inverse of String: it accepts nothing that String doesn't make.
func Parse(s string) (Identity, error) {
	rest, ok := strings.CutPrefix(s, scheme+"://")
	parts := strings.Split(rest, "/")
	if !ok || len(parts) != 3 {
		return Identity{}, fmt.Errorf("identity: %q is not of the form netsy://{cluster_id}/{role}/{name}", s)
	}
	id := Identity{ClusterID: parts[0], Role: Role(parts[1]), Name: parts[2]}
	if err := id.Validate(); err != nil {
		return Identity{}, fmt.Errorf("%w in %q", err, s)
	}
	return id, nil
}

// FromCertificate reads the identity of a certificate: its one and only URI SAN.
// Two are refused even if one of them is not ours, because which of them counts
// must never depend on who looks. Errors wrap ErrNoIdentity. It doesn't verify the
// certificate.
func FromCertificate(c *x509.Certificate) (Identity, error) {
	if len(c.URIs) != 1 {
		return Identity{}, fmt.Errorf("%w: it has %d URI SANs, want exactly one, netsy://{cluster_id}/{role}/{name}",
			ErrNoIdentity, len(c.URIs))
	}
	id, err := Parse(c.URIs[0].String())
	if err != nil {
		return Identity{}, fmt.Errorf("%w: %w", ErrNoIdentity, err)
	}
	return id, nil
}
