package identity

import (
	"fmt"
	"slices"
	"strings"
)

// Policy says which roles may call a gRPC method, by its full name
// ("/etcdserverpb.KV/Range"). "/etcdserverpb.KV/*" stands for the methods of a
// service that have no entry of their own. What has no entry is denied to all.
type Policy map[string][]Role

// Allowed returns the roles that may call a method; ok is false if no entry
// covers it.
func (p Policy) Allowed(fullMethod string) (roles []Role, ok bool) {
	if roles, ok = p[fullMethod]; ok {
		return roles, true
	}
	i := strings.LastIndexByte(fullMethod, '/')
	roles, ok = p[fullMethod[:i+1]+"*"]
	return roles, ok
}

// Validate finds entries that can never match or that name no known role.
func (p Policy) Validate() error {
	for m, roles := range p {
		if parts := strings.Split(m, "/"); len(parts) != 3 || parts[0] != "" || parts[1] == "" || parts[2] == "" {
			return fmt.Errorf("identity: policy entry %q is not of the form /package.Service/Method", m)
		}
		for _, r := range roles {
			if !slices.Contains(Roles(), r) {
				return fmt.Errorf("identity: policy entry %q names the unknown role %q", m, r)
			}
		}
	}
	return nil
}
