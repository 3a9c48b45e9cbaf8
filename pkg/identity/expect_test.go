package identity

import (
	"errors"
	"testing"
)

// Every combination of right and wrong parts.
func TestExpect(t *testing.T) {
	clusters, names := []string{"c", "d", ""}, []string{"n", "m", ""}
	for _, wantC := range clusters {
		for _, wantR := range [][]Role{nil, {RolePeer}, {RolePeer, RoleElector}} {
			for _, wantN := range names {
				for _, c := range []string{"c", "d", ""} {
					for _, r := range Roles() {
						for _, n := range []string{"n", "m"} {
							checkExpect(t, Expect{wantC, wantR, wantN}, Identity{c, r, n})
						}
					}
				}
			}
		}
	}
}

func checkExpect(t *testing.T, e Expect, id Identity) {
	t.Helper()
	role := false
	for _, r := range e.Roles {
		role = role || r == id.Role
	}
	var want error
	switch {
	case e.ClusterID == "" || e.ClusterID != id.ClusterID:
		want = ErrWrongCluster
	case !role:
		want = ErrWrongRole
	case e.Name != "" && e.Name != id.Name:
		want = ErrWrongName
	}
	if got := e.Check(id); !errors.Is(got, want) {
		t.Errorf("%+v.Check(%v) = %v, want %v", e, id, got, want)
	}
}
