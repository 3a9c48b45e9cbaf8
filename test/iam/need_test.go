//go:build linux

package iam

import (
	"slices"
	"testing"
)

// TestJudge: what isn't allowed is denied; what is never the only way to anything is idle.
func TestJudge(t *testing.T) {
	grant := func(action, resource string) Grant {
		return statementGrant{Statement{Sid: "S", Effect: "Allow", Action: list{action}, Resource: list{resource}}}
	}
	get, put := Need{Action: "s3:GetObject", Resource: "a/b"}, Need{Action: "s3:PutObject", Resource: "a/b"}
	for name, c := range map[string]struct {
		grants []Grant
		needs  []Need
		denied int
		idle   []int
	}{
		"exact":       {[]Grant{grant("s3:GetObject", "a/b")}, []Need{get}, 0, nil},
		"nothing":     {nil, []Need{get, put}, 2, nil},
		"other":       {[]Grant{grant("s3:PutObject", "a/b")}, []Need{get}, 1, []int{0}},
		"unneeded":    {[]Grant{grant("s3:GetObject", "a/b"), grant("s3:DeleteBucket", "a")}, []Need{get}, 0, []int{1}},
		"twice":       {[]Grant{grant("s3:GetObject", "a/*"), grant("s3:GetObject", "a/b")}, []Need{get}, 0, []int{0, 1}},
		"overlapping": {[]Grant{grant("s3:*", "a/*"), grant("s3:GetObject", "a/b")}, []Need{get, put}, 0, []int{1}},
	} {
		denied, idle := Judge(c.grants, c.needs)
		var want []Grant
		for _, i := range c.idle {
			want = append(want, c.grants[i])
		}
		if len(denied) != c.denied || !slices.EqualFunc(idle, want, func(a, b Grant) bool { return a.String() == b.String() }) {
			t.Errorf("%s: denied %v, idle %v", name, denied, idle)
		}
	}
}
