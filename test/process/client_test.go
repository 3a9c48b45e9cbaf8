//go:build linux

package process

import (
	"github.com/netsy-io/netsy/pkg/identity"
	"github.com/netsy-io/netsy/test/internal/load"
)

// client returns an etcd client of one node.
func (c *cluster) client(node string) *load.Client {
	c.t.Helper()
	src, err := identity.Open(identity.Options{Files: c.certs("client")})
	c.must(err)
	return load.Dial(c.t, node, c.node(node).client, src.ClientCredentials(identity.ExpectNode(clusterID, node)))
}
