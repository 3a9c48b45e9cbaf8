package iam

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Need is one permission that a request takes: an action on a resource, in a context
// that conditions may ask about.
type Need struct {
	Action   string
	Resource string
	Context  map[string]string
}

func (n Need) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s on %s", n.Action, n.Resource)
	for _, k := range slices.Sorted(maps.Keys(n.Context)) {
		fmt.Fprintf(&b, " %s=%q", k, n.Context[k])
	}
	return b.String()
}

// Grant is the smallest thing that a policy gives: taking it out takes nothing else away.
type Grant interface {
	Allows(Need) bool
	String() string
}

// Allowed reports whether any of the grants allows n.
func Allowed(grants []Grant, n Need) bool {
	return slices.ContainsFunc(grants, func(g Grant) bool { return g.Allows(n) })
}

// Judge holds grants against everything that was needed. denied are the needs that no
// grant allows; idle are the grants that could be taken out without denying anything.
func Judge(grants []Grant, needs []Need) (denied []Need, idle []Grant) {
	alone := make([]bool, len(grants)) // some need has no other grant
	for _, n := range needs {
		var by []int
		for i, g := range grants {
			if g.Allows(n) {
				by = append(by, i)
			}
		}
		switch len(by) {
		case 0:
			denied = append(denied, n)
		case 1:
			alone[by[0]] = true
		}
	}
	for i, g := range grants {
		if !alone[i] {
			idle = append(idle, g)
		}
	}
	return denied, idle
}
