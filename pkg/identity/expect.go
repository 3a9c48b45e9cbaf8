package identity

import (
	"errors"
	"fmt"
	"slices"
)

// Refusals: why a valid certificate was not good enough.
var (
	ErrWrongCluster = errors.New("wrong cluster")
	ErrWrongRole    = errors.New("wrong role")
	ErrWrongName    = errors.New("wrong identity")
)

// Expect says who the other end must be. The zero Expect accepts nobody.
type Expect struct {
	ClusterID string
	Roles     []Role // any of them
	Name      string // empty: any name
}

// Check returns nil if id is who was expected, else an error that wraps one of
// the refusals and names both sides.
func (e Expect) Check(id Identity) error {
	switch {
	case e.ClusterID == "" || id.ClusterID != e.ClusterID:
		return fmt.Errorf("%w: %s belongs to cluster %q, want %q", ErrWrongCluster, id, id.ClusterID, e.ClusterID)
	case !slices.Contains(e.Roles, id.Role):
		return fmt.Errorf("%w: %s has role %q, want one of %v", ErrWrongRole, id, id.Role, e.Roles)
	case e.Name != "" && id.Name != e.Name:
		return fmt.Errorf("%w: %s is %q, want %q", ErrWrongName, id, id.Name, e.Name)
	}
	return nil
}

// ExpectNode expects the data node with the given node_id.
func ExpectNode(clusterID, nodeID string) Expect {
	return Expect{ClusterID: clusterID, Roles: []Role{RolePeer}, Name: nodeID}
}

// ExpectAnyNode expects some data node of the cluster.
func ExpectAnyNode(clusterID string) Expect {
	return Expect{ClusterID: clusterID, Roles: []Role{RolePeer}}
}

// ExpectElector expects whoever may answer on an election port: an elector, or a
// node that runs the elector within itself.
func ExpectElector(clusterID string) Expect {
	return Expect{ClusterID: clusterID, Roles: []Role{RoleElector, RolePeer}}
}
